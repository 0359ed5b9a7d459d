/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * madvise on locked pages: DONTNEED, FREE, PAGEOUT and COLD are EINVAL and touch nothing, wherever in the range
 * the locked page lies; WILLNEED is 0.
 *
 * clauses: L19 L4
 */
#include "tests/user/support.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define N 6

static const struct {
    const char *name;
    int advice;
} destructive[] = {
    {"MADV_DONTNEED", MADV_DONTNEED}, {"MADV_FREE", MADV_FREE}, {"MADV_PAGEOUT", MADV_PAGEOUT}, {"MADV_COLD", MADV_COLD}};

static bool untouched(const char *p) {
    for (size_t i = 0; i < N; i++)
        if (p[i * PG] != (char)(i + 1)) return false;
    return true;
}

static void each_position(const char *name, int advice) {
    int wrong = 0, touched = 0;
    for (size_t locked = 0; locked < N; locked++) {
        char *p = anon(N);
        for (size_t i = 0; i < N; i++) p[i * PG] = (char)(i + 1);
        mlock(p + locked * PG, PG);
        wrong += errno_of(madvise(p, N * PG, advice)) != EINVAL;
        touched += !untouched(p) || strcmp(core_map(p, N), "111111") != 0;
        munmap(p, N * PG);
    }
    is_int(wrong, 0, "L19: %s over a range with one locked page is EINVAL, wherever it lies", name);
    if (on_holdfast()) is_int(touched, 0, "L19: %s touches nothing then, before the locked page neither", name);
    else skip(1, "Linux throws away what lies before the locked page");
}

int main(void) {
    plan(22);
    for (size_t i = 0; i < 4; i++) each_position(destructive[i].name, destructive[i].advice);
    char *p = anon(N);
    for (size_t i = 0; i < N; i++) p[i * PG] = (char)(i + 1);
    mlock(p, N * PG);
    for (size_t i = 0; i < 4; i++)
        fails(madvise(p, N * PG, destructive[i].advice), EINVAL, "L19: %s of locked pages", destructive[i].name);
    ok(untouched(p), "L19: their contents stay");
    is_int(faults_writing(p, N), 0, "L2: and no touch faults");
    if (on_holdfast()) {
        is_int(madvise(p, N * PG, MADV_WILLNEED), 0, "L19: MADV_WILLNEED is 0");
        is_int(vmlck(), N, "L19: and changes no charge");
    } else {
        skip(2, "Linux without swap knows no WILLNEED for private memory");
    }
    is_int(madvise(p, N * PG, MADV_NORMAL), 0, "L19: MADV_NORMAL is 0");
    is_int(madvise(p, 0, MADV_DONTNEED), 0, "L19: no bytes, no locked page");
    munlock(p, N * PG);
    is_int(madvise(p, N * PG, MADV_DONTNEED), 0, "L19: unlocked, MADV_DONTNEED is 0");
    is_str(core_map(p, N), "000000", "L19: and throws away");
    is_int(p[0], 0, "L19: zeroes come instead");
    munmap(p, N * PG);
    ok(audit_clean(), "I2: the audit agrees");
    return done_testing();
}
