/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mlock2's flag word: every unknown bit is EINVAL before any effect and before anything else is looked at.
 *
 * clauses: L14
 * pitfalls: B29
 */
#include "tests/user/support.h"

int main(void) {
    plan(9);
    char *p = anon(2);
    int wrong = 0, with_onfault = 0, effect = 0;
    for (int bit = 1; bit < 32; bit++) {
        unsigned flag = 1u << bit;
        wrong += errno_of(mlock2(p, PG, flag)) != EINVAL;
        with_onfault += errno_of(mlock2(p, PG, flag | MLOCK_ONFAULT)) != EINVAL;
        effect += strcmp(lock_map(p, 2), "..") != 0 || strcmp(core_map(p, 2), "00") != 0;
    }
    is_int(wrong, 0, "L14: each unknown flag alone is EINVAL");
    is_int(with_onfault, 0, "L14: and together with MLOCK_ONFAULT");
    is_int(effect, 0, "L14: none locks or brings in anything");
    fails(mlock2(p, PG, ~0u), EINVAL, "L14: all bits at once");
    fails(mlock2((void *)KERNEL, PG, 2), EINVAL, "L14: the flags are looked at before the address");
    fails(mlock2(p, SIZE_MAX, 2), EINVAL, "L14: and before the length");
    is_int(mlock2(p, PG, MLOCK_ONFAULT), 0, "L14: the one known flag is good");
    is_str(lock_map(p, 2), "#.", "L14: and locks");
    is_int(vmlck(), 1, "L14: one page");
    munlockall();
    return done_testing();
}
