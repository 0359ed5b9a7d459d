/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every flag word of mlockall: the eight combinations of the known flags, and each unknown bit with each of them.
 * Bad flags are EINVAL before anything else is looked at, and change nothing.
 *
 * clauses: A2 A1
 * pitfalls: B21
 */
#include "tests/user/support.h"

static bool good(int flags) {
    return (flags & (MCL_CURRENT | MCL_FUTURE)) != 0; /* MCL_ONFAULT modifies; alone it is nothing */
}

/* What a mapping made under the flags looks like. */
static const char *locks_of_new_page(void) {
    char *p = anon(1);
    const char *m = lock_map(p, 1);
    munmap(p, PG);
    return m;
}

struct seen {
    int e;
    long charge;
};

static void without_privilege(void *arg) {
    struct seen *s = arg;
    s[0].e = errno_of(mlockall(0));
    s[1].e = errno_of(mlockall(MCL_ONFAULT));
    s[2].e = errno_of(mlockall(8 | MCL_CURRENT));
    s[3].e = errno_of(mlockall(MCL_CURRENT));
}

int main(void) {
    plan(30);
    char *p = anon(1);
    for (int flags = 0; flags < 8; flags++) {
        int e = errno_of(mlockall(flags));
        is_int(e, good(flags) ? 0 : EINVAL, "A2: mlockall(%d)", flags);
        is_str(lock_map(p, 1), flags & MCL_CURRENT ? "#" : ".", "A1: what is mapped is locked by MCL_CURRENT alone");
        is_str(locks_of_new_page(), flags & MCL_FUTURE ? "#" : ".", "A1: what is mapped later by MCL_FUTURE alone");
        munlockall();
    }
    int accepted = 0, effect = 0;
    for (int flags = 0; flags < 8; flags++)
        for (int bit = 3; bit < 32; bit++) {
            accepted += errno_of(mlockall((int)(1u << bit) | flags)) != EINVAL;
            effect += lock_letter(p) != '.' || locks_of_new_page()[0] != '.' || vmlck() != 0;
        }
    is_int(accepted, 0, "A2: each unknown bit, with each known combination, is EINVAL");
    is_int(effect, 0, "A2: and neither locks anything nor sets MCL_FUTURE");
    struct seen *s = shared(4 * sizeof *s);
    as_user(0, without_privilege, s);
    is_int(s[0].e, EINVAL, "A2: flags come before privilege: 0");
    is_int(s[1].e, EINVAL, "A2: MCL_ONFAULT alone");
    is_int(s[2].e, EINVAL, "A2: an unknown flag");
    is_int(s[3].e, EPERM, "A3: good flags then meet privilege");
    return done_testing();
}
