/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What mmap, munmap, mprotect and mincore refuse, and with which errno.
 *
 * clauses: L22 I6
 */
#include "tests/user/support.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static void mmap_refuses(void) {
    int fd = memfd(2), p[2];
    fails(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL, "L1: mmap of no bytes");
    fails(mmap(NULL, PG, RW, MAP_ANONYMOUS, -1, 0), EINVAL, "L1: neither private nor shared");
    fails(mmap((void *)1, PG, RW, ANON | MAP_FIXED, -1, 0), EINVAL, "L1: MAP_FIXED inside a page");
    fails(mmap((void *)KERNEL, PG, RW, ANON | MAP_FIXED, -1, 0), ENOMEM, "L1: MAP_FIXED in the kernel's part");
    fails(mmap((void *)(USER_END - PG), 2 * PG, RW, ANON | MAP_FIXED, -1, 0), ENOMEM, "L1: across the end of user space");
    fails(mmap(NULL, SIZE_MAX, RW, ANON, -1, 0), ENOMEM, "L1: a length that rounds to nothing");
    fails(mmap(NULL, SIZE_MAX - PG, RW, ANON, -1, 0), ENOMEM, "L1: a length beyond user space");
    fails(mmap(NULL, USER_END, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM, "L1: a length of all user space");
    fails(mmap(NULL, PG, RW, MAP_SHARED, -1, 0), EBADF, "L1: no such descriptor");
    fails(mmap(NULL, PG, RW, MAP_SHARED, 999, 0), EBADF, "L1: nor that");
    fails(mmap(NULL, PG, RW, MAP_SHARED, fd, 1), EINVAL, "L1: an offset inside a page");
    if (pipe(p) != 0) bail_out("pipe");
    fails(mmap(NULL, PG, PROT_READ, MAP_SHARED, p[0], 0), ENODEV, "L1: a pipe cannot be mapped");
    close(p[0]), close(p[1]), close(fd);
}

static void munmap_refuses(void) {
    char *p = anon(2);
    fails(munmap(p + 1, PG), EINVAL, "L1: munmap inside a page");
    fails(munmap(p, 0), EINVAL, "L1: munmap of no bytes");
    fails(munmap(p, SIZE_MAX), EINVAL, "L1: munmap of a length that wraps");
    fails(munmap((void *)KERNEL, PG), EINVAL, "L1: munmap in the kernel's part");
    fails(munmap((void *)(USER_END - PG), 2 * PG), EINVAL, "L1: across the end of user space");
    is_str(lock_map(p, 2), "..", "L1: none of them unmapped anything");
    munmap(p, 2 * PG);
}

static void mprotect_refuses(void) {
    char *p = anon(3);
    fails(mprotect(p + 1, PG, PROT_READ), EINVAL, "L17: mprotect inside a page");
    is_int(mprotect(p, 0, PROT_READ), 0, "L17: of no bytes is nothing");
    fails(mprotect(p, SIZE_MAX - 2 * PG, PROT_READ), ENOMEM, "L17: a length that wraps");
    fails(mprotect((void *)KERNEL, PG, PROT_READ), ENOMEM, "L17: the kernel's part");
    cut(p, 1, 1);
    fails(mprotect(p, 3 * PG, PROT_READ), ENOMEM, "L17: a hole");
    p[2 * PG] = 1;
    is_int(p[2 * PG], 1, "L17: what lies behind the hole is as it was");
    if (on_holdfast()) is_int(signal_writing(p), 0, "L17: and what lies before it");
    else skip(1, "Linux changes what lies before the hole");
    munmap(p, 3 * PG);
}

static void mincore_refuses(void) {
    unsigned char vec[4] = {9, 9, 9, 9};
    char *p = anon(3);
    fails(mincore(p + 1, PG, vec), EINVAL, "L22: mincore inside a page");
    is_int(mincore(p, 0, vec), 0, "L22: of no bytes");
    is_int(vec[0], 9, "L22: writes nothing");
    is_int(mincore(p, 2 * PG + 1, vec), 0, "L22: a length that rounds up");
    ok(vec[2] == 0 && vec[3] == 9, "L22: fills one byte a page and no more");
    fails(mincore(p, 3 * PG, (void *)KERNEL), EFAULT, "L22: a vector in the kernel's part");
    fails(mincore(p, 3 * PG, NULL), EFAULT, "L22: a vector at NULL");
    fails(mincore((void *)KERNEL, PG, vec), ENOMEM, "L22: the kernel's part is not there for a program");
    cut(p, 1, 1);
    fails(mincore(p, 3 * PG, vec), ENOMEM, "L22: a hole");
    munmap(p, 3 * PG);
}

int main(void) {
    plan(35);
    mmap_refuses();
    munmap_refuses();
    mprotect_refuses();
    mincore_refuses();
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
