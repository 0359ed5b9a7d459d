/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * munlock makes pages evictable, not absent: contents and residency stay. Unlocking what is not locked is no
 * error, unlocking a hole is, and then nothing changes.
 *
 * clauses: L13 L16 L4
 */
#include "tests/user/support.h"

#define N 8

static bool contents_hold(const char *p) {
    for (size_t i = 0; i < N * PG; i++)
        if (p[i] != (char)(i / PG + i % 251)) return false;
    return true;
}

static void nothing_moves(void) {
    char *p = anon(N);
    for (size_t i = 0; i < N * PG; i++) p[i] = (char)(i / PG + i % 251);
    mlock(p, N * PG);
    is_int(munlock(p, N * PG), 0, "L16: munlock");
    is_str(core_map(p, N), "11111111", "L16: leaves pages resident");
    is_int(faults_reading(p, N), 0, "L16: and mapped");
    ok(contents_hold(p), "L16: and moves no data");
    is_int(mlock(p, N * PG), 0, "L16: locked again");
    is_int(munlockall(), 0, "L16: munlockall");
    is_str(core_map(p, N), "11111111", "L16: leaves them resident too");
    is_int(faults_reading(p, N), 0, "L16: and mapped");
    ok(contents_hold(p), "L16: with their data");
    munmap(p, N * PG);
}

static void not_locked(void) {
    char *p = anon(N);
    is_int(munlock(p, N * PG), 0, "L13: munlock of what was never locked");
    is_str(core_map(p, N), "00000000", "L13: brings in nothing");
    mlock(p + 2 * PG, PG);
    is_int(munlock(p, N * PG), 0, "L13: munlock of a range locked in part");
    is_str(lock_map(p, N), "........", "L13: unlocks that part");
    is_int(munlock(p, N * PG), 0, "L13: and again");
    is_int(vmlck(), 0, "L13: the charge does not go below zero");
    munmap(p, N * PG);
}

static void hole(void) {
    char *p = anon(N);
    mlock(p, N * PG);
    cut(p, 4, 1);
    fails(munlock(p, N * PG), ENOMEM, "L13: munlock over a hole");
    if (on_holdfast()) {
        is_str(lock_map(p, N), "####_###", "L4: unlocks nothing");
        is_int(vmlck(), N - 1, "L4: and gives nothing back");
    } else {
        skip(2, "Linux unlocks what lies before the hole");
    }
    fails(munlock(p + 4 * PG, PG), ENOMEM, "L13: the hole alone");
    is_int(munlock(p + 5 * PG, 3 * PG), 0, "L13: a range behind it");
    is_int(munlock(p, 4 * PG), 0, "L13: a range before it");
    is_str(lock_map(p, N), "...._...", "L13: nothing is locked now");
    munmap(p, N * PG);
}

int main(void) {
    plan(23);
    nothing_moves();
    not_locked();
    hole();
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
