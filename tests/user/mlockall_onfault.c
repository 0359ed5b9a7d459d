/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * MCL_ONFAULT: with MCL_CURRENT what is resident is locked and the rest when touched; with MCL_FUTURE the same
 * for later mappings. All of it is charged at once.
 *
 * clauses: A1 L14
 */
#include "tests/user/support.h"

#define N 8

int main(void) {
    plan(24);
    char *p = anon(N);
    p[PG] = 1;
    is_int(mlockall(MCL_CURRENT | MCL_ONFAULT), 0, "A1: MCL_CURRENT with MCL_ONFAULT");
    is_str(core_map(p, N), "01000000", "A1: brings in nothing");
    is_str(lock_map(p, N), "########", "A1: locks all");
    ok(vmlck() >= N, "L14: charges all at once");
    ok(faults_writing(p + 2 * PG, 1) >= 1, "L14: a first touch faults");
    is_int(faults_writing(p + PG, 2), 0, "L14: a later one does not");
    is_str(lock_map(anon(1), 1), ".", "A1: later mappings are not locked");
    is_int(mlockall(MCL_CURRENT), 0, "A1: MCL_CURRENT without it");
    is_str(core_map(p, N), "11111111", "A1: brings in the rest");
    munlockall();
    is_int(mlockall(MCL_FUTURE | MCL_ONFAULT), 0, "A1: MCL_FUTURE with MCL_ONFAULT");
    is_int(vmlck(), 0, "A1: locks nothing now");
    char *q = anon(N);
    is_str(lock_map(q, N), "########", "A1: a later mapping is locked");
    is_str(core_map(q, N), "00000000", "A1: but not brought in");
    is_int(vmlck(), N, "L14: and charged in full");
    faults_writing(q, 2);
    is_str(core_map(q, N), "11000000", "L14: what is touched comes in");
    is_int(faults_writing(q, 2), 0, "L14: and stays");
    char *big = mmap(NULL, 64 * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ok(big != MAP_FAILED, "A4: a reservation that cannot be touched");
    if (on_holdfast()) is_int(vmlck(), N, "A4: is not charged");
    else skip(1, "Linux charges it");
    munmap(big, 64 * PG);
    is_int(mlockall(MCL_CURRENT | MCL_FUTURE), 0, "A1: then all, and eagerly");
    is_str(core_map(q, N), "11111111", "A1: brings in what was waiting");
    is_str(core_map(anon(2), 2), "11", "A1: and what comes");
    is_int(munlockall(), 0, "A5: munlockall");
    is_int(vmlck(), 0, "A5: ends it all");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
