/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Regions of 2 MiB, aligned to it: lock one page of 512 and no neighbour is locked; unlock one of 512 locked
 * pages and no neighbour is lost. Whatever page size the kernel used inside.
 *
 * clauses: L1 L3 L2
 * pitfalls: B7 B25
 */
#include "tests/user/support.h"

#define HUGE 512

/* The aligned 2 MiB inside a bigger mapping. */
static char *aligned(void) {
    char *p = map_pages(2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    return (char *)(((uintptr_t)p + HUGE * PG - 1) & ~(HUGE * PG - 1));
}

/* Is exactly [from, from+n) locked (or, with other = '#', exactly that unlocked)? */
static bool only(const char *p, size_t from, size_t n, char in, char other) {
    const char *m = lock_map(p, HUGE);
    for (size_t i = 0; i < HUGE; i++)
        if (m[i] != (i >= from && i < from + n ? in : other)) {
            diag("page %zu is '%c'", i, m[i]);
            return false;
        }
    return true;
}

static void one_locked(char *p) {
    static const size_t places[] = {0, 1, 255, 256, 510, 511};
    int wrong = 0;
    memset(p, 3, HUGE * PG);
    for (size_t i = 0; i < 6; i++) {
        wrong += mlock(p + places[i] * PG, PG) != 0 || !only(p, places[i], 1, '#', '.') || vmlck() != 1;
        wrong += munlock(p + places[i] * PG, PG) != 0 || vmlck() != 0;
    }
    is_int(wrong, 0, "L1: one page of 512 locked: no neighbour is");
}

static void one_unlocked(char *p) {
    static const size_t places[] = {0, 1, 255, 256, 510, 511};
    int wrong = 0;
    is_int(mlock(p, HUGE * PG), 0, "L1: 2 MiB locked");
    is_int(vmlck(), HUGE, "L11: and charged");
    for (size_t i = 0; i < 6; i++) {
        wrong += munlock(p + places[i] * PG, PG) != 0 || !only(p, places[i], 1, '.', '#') || vmlck() != HUGE - 1;
        wrong += p[places[i] * PG] != 3;
        wrong += mlock(p + places[i] * PG, PG) != 0 || vmlck() != HUGE;
    }
    is_int(wrong, 0, "L3: one page of 512 unlocked: every neighbour stays locked");
    is_int(faults_writing(p, HUGE), 0, "L2: and none ever faults");
    is_int(mprotect(p + 100 * PG, PG, PROT_READ), 0, "L17: one page in the middle made read-only");
    is_int(munmap(p + 200 * PG, PG), 0, "L1: another unmapped");
    is_int(vmlck(), HUGE - 1, "L1: the others are charged");
    is_int(faults_reading(p, 200) + faults_reading(p + 201 * PG, HUGE - 201), 0, "L2: and take no fault");
    is_int(munlock(p, 200 * PG), 0, "L3: one half unlocked");
    is_int(munlock(p + 201 * PG, (HUGE - 201) * PG), 0, "L3: the other half");
    is_int(vmlck(), 0, "L3: nothing is charged");
}

int main(void) {
    plan(13);
    char *p = aligned();
    one_locked(p);
    one_unlocked(p);
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
