/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Mapping and locking memory: the kernel's calls (docs/CONTRACT.md, L and A), and the break.
 */
#include "libc/internal/syscall.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

void *mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset) {
    return (void *)sys(mmap, at, length, prot, flags, fd, offset);
}

int munmap(void *at, size_t length) {
    return (int)sys(munmap, at, length);
}

int mprotect(void *at, size_t length, int prot) {
    return (int)sys(mprotect, at, length, prot);
}

void *mremap(void *at, size_t from, size_t to, int flags, ...) {
    va_list ap;

    va_start(ap, flags);
    void *target = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? va_arg(ap, void *) : NULL;
    va_end(ap);
    return (void *)sys(mremap, at, from, to, flags, target);
}

int msync(void *at, size_t length, int flags) {
    return (int)point(msync, at, length, flags);
}

int madvise(void *at, size_t length, int advice) {
    return (int)sys(madvise, at, length, advice);
}

/* POSIX's DONTNEED is only an opinion, but the kernel's throws contents away. */
int posix_madvise(void *at, size_t length, int advice) {
    if (advice == POSIX_MADV_DONTNEED) return 0;
    return (int)-raw(madvise, at, length, advice);
}

int mincore(void *at, size_t length, unsigned char *resident) {
    return (int)sys(mincore, at, length, resident);
}

int mlock(const void *at, size_t length) {
    return (int)sys(mlock, at, length);
}

int mlock2(const void *at, size_t length, unsigned flags) {
    return (int)sys(mlock2, at, length, flags);
}

int munlock(const void *at, size_t length) {
    return (int)sys(munlock, at, length);
}

int mlockall(int flags) {
    return (int)sys(mlockall, flags);
}

int munlockall(void) {
    return (int)sys(munlockall);
}

int memfd_create(const char *name, unsigned flags) {
    return (int)sys(memfd_create, name, flags);
}

/* --- The break: the kernel answers where it is now, moved or not ----------------------------- */

int brk(void *end) {
    if ((void *)raw(brk, end) == end) return 0;
    errno = ENOMEM;
    return -1;
}

void *sbrk(intptr_t increment) {
    char *now = (char *)raw(brk, 0);

    if (increment && brk(now + increment)) return (void *)-1;
    return now;
}
