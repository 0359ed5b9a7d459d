/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * msync(MS_INVALIDATE) over any locked page is EBUSY; without it, or without locks, msync succeeds.
 *
 * clauses: L20
 */
#include "tests/user/support.h"

#define N 4

static void over(char *p, const char *what) {
    is_int(msync(p, N * PG, MS_INVALIDATE), 0, "L20: MS_INVALIDATE over %s, nothing locked", what);
    for (size_t i = 0; i < N; i++) {
        mlock(p + i * PG, PG);
        fails(msync(p, N * PG, MS_INVALIDATE), EBUSY, "L20: over %s, page %zu locked", what, i);
        munlock(p + i * PG, PG);
    }
    mlock(p, N * PG);
    fails(msync(p, N * PG, MS_SYNC | MS_INVALIDATE), EBUSY, "L20: MS_SYNC with it, over %s", what);
    fails(msync(p, N * PG, MS_ASYNC | MS_INVALIDATE), EBUSY, "L20: MS_ASYNC with it, over %s", what);
    is_int(msync(p, N * PG, MS_SYNC), 0, "L20: MS_SYNC alone disturbs no lock of %s", what);
    is_int(msync(p, N * PG, MS_ASYNC), 0, "L20: nor does MS_ASYNC");
    is_str(lock_map(p, N), "####", "L20: all of it is locked still");
    is_int(msync(p, 0, MS_INVALIDATE), 0, "L20: no bytes, no page, no error");
    munlock(p, N * PG);
}

int main(void) {
    plan(27);
    over(anon(N), "private memory");
    int fd = memfd(N);
    over(map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED), "an object");
    char *p = anon(N);
    fails(msync(p + 1, PG, MS_SYNC), EINVAL, "L20: an address inside a page");
    fails(msync(p, PG, MS_SYNC | MS_ASYNC), EINVAL, "L20: MS_SYNC and MS_ASYNC exclude each other");
    fails(msync(p, PG, 8), EINVAL, "L20: an unknown flag");
    cut(p, 1, 1);
    fails(msync(p, N * PG, MS_SYNC), ENOMEM, "L20: a hole");
    mprotect(p + 2 * PG, PG, PROT_NONE);
    is_int(msync(p + 2 * PG, PG, MS_SYNC), 0, "L20: PROT_NONE is mapped, so no error");
    return done_testing();
}
