/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every sub-range of a mapping, in steps below a page too: lock it, look at every page, unlock another
 * sub-range, look again. Regions are split and merged at every place.
 *
 * clauses: L1 L3 L5
 * pitfalls: B10 B25
 */
#include "tests/user/support.h"

#define N 5

static char want[N + 1];

static void mark(size_t from, size_t len, char c) {
    if (len == 0) return;
    for (size_t i = from / PG; i <= (from + len - 1) / PG; i++) want[i] = c;
}

/* Lock [a, a+la), then unlock [b, b+lb): the map must be what arithmetic says. */
static bool step(char *p, size_t a, size_t la, size_t b, size_t lb) {
    memset(want, '.', N);
    if (mlock(p + a, la) != 0) return false;
    mark(a, la, '#');
    if (strcmp(lock_map(p, N), want) != 0) return false;
    if (munlock(p + b, lb) != 0) return false;
    mark(b, lb, '.');
    bool same = strcmp(lock_map(p, N), want) == 0;
    if (!same) diag("mlock(+%zu,%zu) munlock(+%zu,%zu): %s, wanted %s", a, la, b, lb, lock_map(p, N), want);
    munlock(p, N * PG);
    return same;
}

/* Whole pages: every sub-range against every sub-range. */
static int whole_pages(char *p) {
    int bad = 0;
    for (size_t a = 0; a < N; a++)
        for (size_t la = 1; a + la <= N; la++)
            for (size_t b = 0; b < N; b++)
                for (size_t lb = 1; b + lb <= N; lb++)
                    bad += !step(p, a * PG, la * PG, b * PG, lb * PG);
    return bad;
}

/* Odd addresses and lengths around page boundaries. */
static int odd_bytes(char *p) {
    static const size_t odd[] = {1, 2, 100, PG / 2, PG - 1, PG + 1, 2 * PG - 1, 2 * PG + 1};
    int bad = 0;
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++)
            for (size_t k = 0; k < 8; k++)
                bad += !step(p, odd[i], odd[j], odd[k], odd[j]) + !step(p, odd[k], odd[i], PG, odd[j]);
    return bad;
}

/* The same over neighbours that cannot merge: read-only and writable pages by turns. */
static void stripe(char *p) {
    for (size_t i = 0; i < N; i += 2) mprotect(p + i * PG, PG, PROT_READ);
}

int main(void) {
    plan(8);
    char *p = anon(N);
    is_int(whole_pages(p), 0, "L5: every sub-range locked, every sub-range unlocked");
    is_int(vmlck(), 0, "L3: nothing is charged afterwards");
    is_int(odd_bytes(p), 0, "L5: odd addresses and lengths around page boundaries");
    is_int(vmlck(), 0, "L5: nothing is charged afterwards");
    stripe(p);
    is_int(whole_pages(p), 0, "L5: over regions of different protection");
    is_int(odd_bytes(p), 0, "L5: the same with odd bytes");
    is_int(vmlck(), 0, "L3: nothing is charged at the end");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
