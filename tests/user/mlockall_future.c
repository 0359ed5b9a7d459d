/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mlockall(MCL_FUTURE): every page mapped later is locked as its mapping is made, whichever call makes it.
 * munlockall ends it.
 *
 * clauses: A1 A6 A10 L18
 * pitfalls: B27 B30 B31
 */
#include "tests/user/support.h"

#define N 8

static void check(char *p, size_t n, const char *what) {
    is_int(strspn(lock_map(p, n), "#"), n, "A1: %s: locked", what);
    is_int(strspn(core_map(p, n), "1"), n, "A1: %s: resident", what);
    is_int(faults_writing(p, n), 0, "L2: %s: no touch faults", what);
}

static void by_mmap(void) {
    int fd = memfd(N);
    char *p = anon(N);
    check(p, N, "private memory");
    check(map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED), N, "an object");
    check(map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_PRIVATE), N, "a private mapping of an object");
    char *q = mmap(p + PG, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ok(q == p + PG, "A1: MAP_FIXED over a locked part");
    check(p, N, "old and new together");
}

static void by_mremap(void) {
    char *p = anon(N);
    long charge = vmlck();
    char *q = mremap(p, N * PG, 3 * N * PG, MREMAP_MAYMOVE);
    ok(q != MAP_FAILED, "L18: mremap to three times the size");
    check(q, 3 * N, "all of it");
    is_int(vmlck() - charge, 2 * N, "L18: the growth is charged, once");
    munmap(q, 3 * N * PG);
}

static void by_brk(void) {
    long charge = vmlck();
    char *old = sbrk(0);
    char *p = (char *)(((uintptr_t)old + PG - 1) & ~(PG - 1));
    is_int(brk(p + N * PG), 0, "A1: brk grows the heap by eight pages");
    check(p, N, "the heap");
    is_int(vmlck() - charge, N, "A1: charged");
    is_int(brk(p), 0, "A1: brk shrinks it again");
    is_int(vmlck(), charge, "A1: and gives the charge back");
    brk(old);
}

int main(void) {
    plan(35);
    char *before = anon(2);
    is_int(mlockall(MCL_FUTURE), 0, "A1: mlockall(MCL_FUTURE)");
    is_str(lock_map(before, 2), "..", "A1: locks nothing that is mapped already");
    is_int(vmlck(), 0, "A1: and charges nothing");
    by_mmap();
    by_mremap();
    by_brk();
    is_str(lock_map(before, 2), "..", "A1: the old mapping is unlocked still");
    is_int(munlockall(), 0, "A10: munlockall");
    is_int(vmlck(), 0, "A10: unlocks all of it");
    is_str(lock_map(anon(2), 2), "..", "A10: pages mapped after it are not locked");
    is_int(mlockall(MCL_FUTURE), 0, "A10: until another mlockall(MCL_FUTURE)");
    is_str(lock_map(anon(2), 2), "##", "A10: then they are");
    munlockall();
    ok(audit_clean(), "I2: the audit agrees");
    return done_testing();
}
