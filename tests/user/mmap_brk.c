/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * brk: the heap grows and shrinks page by page, fresh pages are zero, and a break that cannot be had stays where
 * it is.
 *
 * clauses: A6 L1
 */
#include "tests/user/support.h"

#define N 8

int main(void) {
    plan(24);
    char *start = sbrk(0);
    char *p = (char *)(((uintptr_t)start + PG - 1) & ~(PG - 1));
    is_int(brk(p), 0, "A6: brk to a page boundary");
    is_str(lock_map(p, 1), "_", "A6: nothing is mapped beyond it");
    is_int(brk(p + N * PG), 0, "A6: eight pages more");
    is_str(lock_map(p, N + 1), "........_", "A6: are mapped, and not one more");
    memset(p, 1, N * PG);
    is_int(brk(p + 2 * PG + 1), 0, "A6: back to a byte of the third page");
    is_str(lock_map(p, 4), "..._", "A6: keeps that page");
    is_int(p[2 * PG], 1, "A6: with its contents");
    is_int(brk(p + N * PG), 0, "A6: forth again");
    is_int(p[3 * PG], 0, "A6: what was given up comes back as zeroes");
    is_int(mlock(p, N * PG), 0, "L1: locked");
    is_int(brk(p + 4 * PG), 0, "L1: the break goes back below locked pages");
    is_int(vmlck(), 4, "L1: which ends their charge");
    is_int(brk(p + N * PG), 0, "L1: forth");
    is_str(lock_map(p, N), "####....", "L1: the new pages are not locked");
    munlockall();
    void *block = mmap(p + 2 * N * PG, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ok(block != MAP_FAILED, "A6: something mapped in the way");
    fails(brk(p + 3 * N * PG), ENOMEM, "A6: the break cannot go through it");
    ok(sbrk(0) == p + N * PG, "A6: and stays");
    fails(brk((void *)USER_END), ENOMEM, "A6: nor to the end of user space");
    fails(brk((void *)KERNEL), ENOMEM, "A6: nor into the kernel's part");
    ok(sbrk(0) == p + N * PG, "A6: it has not moved");
    is_str(lock_map(p, N + 1), "........_", "A6: and no page has come or gone");
    struct rlimit data = {0, RLIM_INFINITY};
    getrlimit(RLIMIT_DATA, &data);
    rlim_t soft = data.rlim_cur;
    data.rlim_cur = PG;
    setrlimit(RLIMIT_DATA, &data);
    fails(brk(p + (N + 1) * PG), ENOMEM, "A6: RLIMIT_DATA holds it too");
    data.rlim_cur = soft;
    setrlimit(RLIMIT_DATA, &data);
    munmap(block, PG);
    is_int(brk(start), 0, "A6: back where it began");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
