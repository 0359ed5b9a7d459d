/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/mman.h>: mapping and locking memory (POSIX; mremap, mlock2, mincore, memfd_create as on
 * Linux).
 *
 * What each lock call promises is in docs/CONTRACT.md, sections L and A.
 */
#pragma once

#include <linux/memfd.h>
#include <linux/mman.h>
#include <sys/types.h>

#define MAP_FAILED   ((void *)-1)
#define MAP_ANON     MAP_ANONYMOUS
#define MLOCK_ONFAULT 0x01
#define POSIX_MADV_NORMAL     MADV_NORMAL
#define POSIX_MADV_RANDOM     MADV_RANDOM
#define POSIX_MADV_SEQUENTIAL MADV_SEQUENTIAL
#define POSIX_MADV_WILLNEED   MADV_WILLNEED
#define POSIX_MADV_DONTNEED   4

void *mmap(void *, size_t, int prot, int flags, int fd, off_t);
int munmap(void *, size_t);
int mprotect(void *, size_t, int prot);
void *mremap(void *, size_t from, size_t to, int flags, ...); /* MREMAP_FIXED: where to */
int msync(void *, size_t, int flags);
int madvise(void *, size_t, int advice);
int posix_madvise(void *, size_t, int advice); /* the error, not errno; never loses data */
int mincore(void *, size_t, unsigned char *);
int mlock(const void *, size_t);
int mlock2(const void *, size_t, unsigned flags);
int munlock(const void *, size_t);
int mlockall(int flags);
int munlockall(void);
int memfd_create(const char *, unsigned flags);
