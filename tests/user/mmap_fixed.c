/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Where mappings go: MAP_FIXED replaces exactly its range, MAP_FIXED_NOREPLACE refuses to, a hint is taken when
 * it is free, and munmap cuts out any part.
 *
 * clauses: L1 L22
 */
#include "tests/user/support.h"

#define N 8
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

int main(void) {
    plan(20);
    char *p = anon(N);
    memset(p, 5, N * PG);
    char *q = mmap(p + 2 * PG, 3 * PG, RW, ANON | MAP_FIXED, -1, 0);
    ok(q == p + 2 * PG, "L1: MAP_FIXED goes where it is told");
    is_str(core_map(p, N), "11000111", "L1: and replaces exactly its range");
    ok(p[2 * PG - 1] == 5 && p[2 * PG] == 0 && p[5 * PG - 1] == 0 && p[5 * PG] == 5, "L1: with fresh pages");
    q = mmap(p + PG, PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    ok(q == MAP_FAILED && errno == EEXIST, "L1: MAP_FIXED_NOREPLACE over a mapping is EEXIST");
    is_int(p[PG], 5, "L1: and leaves it alone");
    cut(p, 3, 2);
    q = mmap(p + 2 * PG, 3 * PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    ok(q == MAP_FAILED && errno == EEXIST, "L1: also where it overlaps in part");
    is_str(core_map(p, N), "111__111", "L22: a hole shows as a hole");
    q = mmap(p + 3 * PG, 2 * PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    ok(q == p + 3 * PG, "L1: in the hole it is good");
    cut(p, 3, 2);
    q = mmap(p + 3 * PG, 2 * PG, RW, ANON, -1, 0);
    ok(q == p + 3 * PG, "L1: a hint is taken when the place is free");
    q = mmap(p + 3 * PG, 2 * PG, RW, ANON, -1, 0);
    ok(q != MAP_FAILED && (q >= p + N * PG || q + 2 * PG <= p), "L1: and passed over when it is not");
    munmap(q, 2 * PG);
    is_int(munmap(p, N * PG), 0, "L1: munmap over everything");
    is_int(munmap(p, N * PG), 0, "L1: munmap over nothing succeeds");
    is_str(core_map(p, N), "________", "L1: it is all gone");
    p = anon(N);
    for (size_t i = 1; i < N; i += 2) cut(p, i, 1);
    is_str(lock_map(p, N), "._._._._", "L1: every second page cut out");
    is_int(munmap(p + PG, 5 * PG), 0, "L1: munmap over mappings and holes");
    is_str(lock_map(p, N), "._____._", "L1: takes what is there");
    munmap(p, N * PG);
    q = mmap(NULL, 1, RW, ANON, -1, 0);
    ok(q != MAP_FAILED && q[PG - 1] == 0, "L1: one byte is a page");
    is_int(munmap(q, 1), 0, "L1: and is unmapped as one");
    is_str(lock_map(q, 1), "_", "L1: whole");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
