/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * munlockall: a process with many locked regions, of every kind, unlocks them all in one call that moves no data
 * and drops no page; nothing of it depends on how many pages are resident.
 *
 * clauses: A5 A9 A10 L16
 * pitfalls: B15
 */
#include "tests/user/support.h"

#define REGIONS 64

static char *regions[REGIONS];

/* Neighbours that cannot merge: by turns read-only and writable, each of four pages with a hole behind. */
static void map_regions(void) {
    for (int i = 0; i < REGIONS; i++) {
        regions[i] = anon(5);
        memset(regions[i], i + 1, 4 * PG);
        cut(regions[i], 4, 1);
        if (i % 2) mprotect(regions[i], 4 * PG, PROT_READ);
        if (i % 5 == 4) mprotect(regions[i] + PG, PG, PROT_NONE);
    }
}

static int count(char want, const char *(*map)(const void *, size_t)) {
    int n = 0;
    for (int i = 0; i < REGIONS; i++)
        for (const char *c = map(regions[i], 4); *c; c++) n += *c == want;
    return n;
}

int main(void) {
    plan(11);
    map_regions();
    is_int(mlockall(MCL_CURRENT | MCL_FUTURE), 0, "A1: a process of many regions locked");
    ok(count('#', lock_map) >= 4 * REGIONS - REGIONS / 5, "A1: really");
    long before = faults();
    is_int(munlockall(), 0, "A5: munlockall");
    is_int(faults() - before, 0, "A9: takes no fault");
    is_int(count('#', lock_map), 0, "A5: nothing is locked");
    is_int(vmlck(), 0, "A5: or charged");
    is_int(count('1', core_map), 4 * REGIONS, "A9: every page is resident still");
    int wrong = 0;
    for (int i = 0; i < REGIONS; i++) wrong += regions[i][0] != (char)(i + 1) || regions[i][4 * PG - 1] != (char)(i + 1);
    is_int(wrong, 0, "L16: with its contents");
    is_str(lock_map(anon(2), 2), "..", "A10: what is mapped now is not locked");
    wrong = 0;
    for (int i = 0; i < 100; i++) {
        wrong += mlockall(MCL_CURRENT) != 0 || vmlck() < REGIONS;
        munmap(regions[i % REGIONS] + i % 4 * (long)PG, PG);
        wrong += munlockall() != 0 || vmlck() != 0;
    }
    is_int(wrong, 0, "A5: a hundred times, with pages unmapped in between: the count is back at 0 each time");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
