/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mlock makes exactly the pages of its range resident and locked, until one of the five things that end it.
 *
 * clauses: L1 L3 L5
 * pitfalls: B29
 */
#include "tests/user/support.h"

static void start_and_end(void) {
    char *p = anon(8);
    is_str(lock_map(p, 8), "........", "L1: a fresh mapping is not locked");
    is_str(core_map(p, 8), "00000000", "L1: nor resident");
    is_int(mlock(p + 2 * PG, 3 * PG), 0, "L1: mlock of three pages");
    is_str(lock_map(p, 8), "..###...", "L1: these three are locked and no other");
    is_str(core_map(p, 8), "00111000", "L1: and resident on return, and no other");
    is_int(vmlck(), 3, "L1: three pages are charged");
    is_int(munlock(p + 2 * PG, 3 * PG), 0, "L1: munlock");
    is_str(lock_map(p, 8), "........", "L1: ends the locks");
    is_int(vmlck(), 0, "L1: and the charge");
    munmap(p, 8 * PG);
}

static void no_nesting(void) {
    char *p = anon(4);
    for (int i = 0; i < 3; i++) mlock(p, 4 * PG);
    mlock(p + PG, 2 * PG);
    is_int(vmlck(), 4, "L3: locking four times charges once");
    is_int(munlock(p + PG, PG), 0, "L3: one munlock in the middle");
    is_str(lock_map(p, 4), "#.##", "L3: undoes every lock of that page, of that page alone");
    is_int(munlock(p, 4 * PG), 0, "L3: one munlock of the whole");
    is_str(lock_map(p, 4), "....", "L3: leaves nothing locked");
    munmap(p, 4 * PG);
}

static void rounding(void) {
    char *p = anon(8);
    is_int(mlock(p + 2 * PG + 100, 2 * PG), 0, "L5: an address inside a page");
    is_str(lock_map(p, 8), "..###...", "L5: start rounds down, end rounds up");
    is_int(mlock(p + 6 * PG + 4095, 1), 0, "L5: the last byte of a page");
    is_str(lock_map(p, 8), "..###.#.", "L5: locks that page");
    is_int(munlock(p + 3 * PG - 1, 2), 0, "L5: munlock of the two bytes around a boundary");
    is_str(lock_map(p, 8), "....#.#.", "L5: unlocks both pages");
    munmap(p, 8 * PG);
}

static void other_ends(void) {
    char *p = anon(6);
    mlock(p, 6 * PG);
    is_int(munmap(p + PG, PG), 0, "L1: munmap of a locked page");
    is_str(lock_map(p, 6), "#_####", "L1: ends its lock");
    is_int(vmlck(), 5, "L1: and its charge");
    void *q = mmap(p + 3 * PG, 2 * PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ok(q == p + 3 * PG, "L1: MAP_FIXED over locked pages");
    is_str(lock_map(p, 6), "#_#..#", "L1: ends their locks");
    is_int(vmlck(), 3, "L1: and their charge");
    is_int(munlockall(), 0, "L1: munlockall");
    is_str(lock_map(p, 6), "._....", "L1: ends what is left");
    munmap(p, 6 * PG);
    fails(mlock(p, PG), ENOMEM, "L1: what is not mapped cannot be locked");
    is_int(vmlck(), 0, "L1: and nothing is charged");
}

int main(void) {
    plan(30);
    start_and_end();
    no_nesting();
    rounding();
    other_ends();
    return done_testing();
}
