/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The memory calls: what belongs to descriptors and to ring 3's buffers is checked here, addresses,
 * lengths and limits by mm/ (mm/mm.h), which cites the contract's clauses.
 *
 * Linux declares flags as int: their upper halves are not looked at. Addresses and lengths are 64 bits.
 *
 * LOCKING  none: the running process's space cannot go away under it.
 */
#include <asm/errno.h>
#include <linux/mman.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "mm/mm.h"

static struct space *own(void) {
    return current_process()->space;
}

/* May this file be mapped so (POSIX mmap)? Then what it is mapped from. */
static int map_file(struct file *f, struct map_request *m) {
    bool shared = (m->flags & MAP_TYPE) != MAP_PRIVATE;
    if (!file_readable(f)) return -EACCES;
    if (shared && (m->prot & PROT_WRITE) && !file_writable(f)) return -EACCES;
    if (!f->ops->map) return -ENODEV;
    if (m->len > (uint64_t)INT64_MAX - m->offset) return -EOVERFLOW;
    return f->ops->map(f, m);
}

long sys_mmap(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags, uint64_t fd, uint64_t offset) {
    struct map_request m = {
        .addr = addr, .len = len, .prot = (int)prot, .flags = (int)flags, .max_prot = PROT_READ | PROT_WRITE | PROT_EXEC,
    };
    if (offset & PAGE_MASK) return -EINVAL;
    if (m.flags & MAP_ANONYMOUS) return space_map(own(), &m);
    struct file *f = files_get(current_process()->files, (int)fd);
    if (!f) return -EBADF;
    m.offset = offset;
    long at = len ? map_file(f, &m) : -EINVAL;
    if (!at) at = space_map(own(), &m);
    file_drop(f);
    return at;
}

long sys_munmap(uint64_t addr, uint64_t len) {
    return space_unmap(own(), addr, len);
}

long sys_mprotect(uint64_t addr, uint64_t len, uint64_t prot) {
    return space_protect(own(), addr, len, (int)prot);
}

long sys_mremap(uint64_t old, uint64_t old_len, uint64_t new_len, uint64_t flags, uint64_t new_addr) {
    return space_remap(own(), old, old_len, new_len, (int)flags, new_addr);
}

long sys_brk(uint64_t new_break) {
    return (long)space_brk(own(), new_break);
}

long sys_msync(uint64_t addr, uint64_t len, uint64_t flags) {
    return space_sync(own(), addr, len, (int)flags);
}

long sys_madvise(uint64_t addr, uint64_t len, uint64_t advice) {
    return space_advise(own(), addr, len, (int)advice);
}

/* A piece of the answer at a time, so that any vector is served with one page of the kernel's. */
static int incore_pieces(uint64_t addr, uint64_t pages, uint64_t user, uint8_t *piece) {
    while (pages) {
        uint64_t n = pages < PAGE_SIZE ? pages : PAGE_SIZE;
        int err = space_incore(own(), addr, n, piece);
        if (!err) err = copyout(user, piece, n);
        if (err) return err;
        if (thread_should_stop()) return -EINTR; /* nobody will see it */
        addr += n << PAGE_SHIFT, user += n, pages -= n;
    }
    return 0;
}

long sys_mincore(uint64_t addr, uint64_t len, uint64_t user) {
    if (addr & PAGE_MASK) return -EINVAL;
    if (!user_range_ok(addr, len)) return -ENOMEM;
    uint64_t pages = pages_in(page_ceil(len));
    if (!user_range_ok(user, pages)) return -EFAULT;
    if (!pages) return 0;
    uint8_t *piece = heap_alloc(PAGE_SIZE);
    if (!piece) return -EAGAIN;
    int err = incore_pieces(addr, pages, user, piece);
    heap_free(piece);
    return err;
}

long sys_mlock(uint64_t addr, uint64_t len) {
    return space_lock(own(), addr, len, false);
}

/* L14: unknown flags before any effect. */
long sys_mlock2(uint64_t addr, uint64_t len, uint64_t flags) {
    if ((int)flags & ~MLOCK_ONFAULT) return -EINVAL;
    return space_lock(own(), addr, len, (int)flags & MLOCK_ONFAULT);
}

long sys_munlock(uint64_t addr, uint64_t len) {
    return space_unlock(own(), addr, len);
}

long sys_mlockall(uint64_t flags) {
    return space_lock_all(own(), (int)flags);
}

long sys_munlockall(void) {
    return space_unlock_all(own());
}
