/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Who may lock: uid 0 without a limit; another uid within its soft limit, and not at all (EPERM) when that is
 * 0. Unlocking is free for all. Looked at for each call that locks.
 *
 * clauses: L12 A3 A5
 */
#include "tests/user/support.h"

struct seen {
    int mlock, mlock2, onfault, current, future, munlock, munlockall, empty, relock;
    long charge;
    char locks[8];
};

static void try_all(void *arg) {
    struct seen *s = arg;
    char *p = anon(4);
    s->mlock = errno_of(mlock(p, PG));
    s->mlock2 = errno_of(mlock2(p, PG, 0));
    s->onfault = errno_of(mlock2(p + PG, PG, MLOCK_ONFAULT));
    strcpy(s->locks, lock_map(p, 4));
    s->current = errno_of(mlockall(MCL_CURRENT));
    s->charge = vmlck();
    s->future = errno_of(mlockall(MCL_FUTURE));
    s->munlock = errno_of(munlock(p, 4 * PG));
    s->munlockall = errno_of(munlockall());
}

static void nobody_with_nothing(void) {
    struct seen *s = shared(sizeof *s);
    is_int(as_user(0, try_all, s), 0, "L12: uid nobody with a limit of 0");
    is_int(s->mlock, EPERM, "L12: mlock is EPERM");
    is_int(s->mlock2, EPERM, "L12: mlock2 too");
    is_int(s->onfault, EPERM, "L12: and on fault");
    is_int(s->current, EPERM, "A3: mlockall(MCL_CURRENT) is EPERM");
    is_int(s->future, EPERM, "A3: mlockall(MCL_FUTURE) is EPERM");
    is_str(s->locks, "....", "L12: nothing was locked");
    is_int(s->charge, 0, "L12: or charged");
    is_int(s->munlock, 0, "L12: munlock needs no privilege");
    is_int(s->munlockall, 0, "A5: nor does munlockall");
}

static void root_without_limit(void) {
    struct seen *s = shared(sizeof *s);
    is_int(in_child(0, 0, try_all, s), 0, "L12: uid 0 with a limit of 0");
    ok(s->mlock == 0 && s->mlock2 == 0 && s->onfault == 0, "L12: locks all the same");
    is_str(s->locks, "##..", "L12: really");
    ok(s->current == 0 && s->future == 0, "L12: mlockall too");
    is_int(in_child(PG, 0, try_all, s), 0, "L12: uid 0 with a limit of one page");
    ok(s->mlock == 0 && s->onfault == 0 && s->current == 0, "L12: ignores it");
}

/* Locked as root, then the privilege goes: the locks stay, and can be undone. */
static void drop_privilege(void *arg) {
    struct seen *s = arg;
    char *p = anon(4);
    if (mlock(p, 3 * PG) != 0) _exit(1);
    set_memlock(PG);
    if (setuid(NOBODY) != 0) _exit(2);
    strcpy(s->locks, lock_map(p, 4));
    s->mlock = errno_of(mlock(p + 3 * PG, PG));
    s->relock = errno_of(mlock(p, 3 * PG));
    s->munlock = errno_of(munlock(p, 3 * PG));
    s->mlock2 = errno_of(mlock(p, PG));
    s->charge = vmlck();
}

static void dropped(void) {
    struct seen *s = shared(sizeof *s);
    is_int(as_root(drop_privilege, s), 0, "L12: root locks three pages, then becomes nobody with a limit of one");
    is_str(s->locks, "###.", "L12: the locks stay");
    is_int(s->mlock, ENOMEM, "L12: the limit binds from now on");
    if (on_holdfast()) is_int(s->relock, 0, "L11: what is locked can be locked again");
    else skip(1, "Linux refuses that above the limit");
    is_int(s->munlock, 0, "L12: and unlocked");
    is_int(s->mlock2, 0, "L12: then one page fits");
    is_int(s->charge, 1, "L12: and is charged");
}

/* It is the effective uid that counts, and it may come back. */
static void effective_uid(void *arg) {
    int *e = arg;
    char *p = anon(4);
    set_memlock(PG);
    e[0] = errno_of(seteuid(NOBODY));
    e[1] = errno_of(mlock(p, 2 * PG));
    e[2] = errno_of(mlock(p, PG));
    e[3] = errno_of(seteuid(0));
    e[4] = errno_of(mlock(p, 4 * PG));
}

/* The soft limit decides, not the hard one. */
static void soft_zero(void *arg) {
    int *e = arg;
    char *p = anon(1);
    struct rlimit none = {0, 4 * PG}, some = {4 * PG, 4 * PG};
    setrlimit(RLIMIT_MEMLOCK, &none);
    e[0] = errno_of(mlock(p, PG));
    setrlimit(RLIMIT_MEMLOCK, &some);
    e[1] = errno_of(mlock(p, PG));
}

int main(void) {
    plan(30);
    nobody_with_nothing();
    root_without_limit();
    dropped();
    int *e = shared(2 * sizeof *e);
    as_user(4, soft_zero, e);
    is_int(e[0], EPERM, "L12: a soft limit of 0 is EPERM, whatever the hard one");
    is_int(e[1], 0, "L12: raised within the hard limit, it is good");
    e = shared(5 * sizeof *e);
    as_root(effective_uid, e);
    ok(e[0] == 0 && e[3] == 0, "L12: root becomes nobody by seteuid, and root again");
    is_int(e[1], ENOMEM, "L12: meanwhile the limit of one page binds");
    is_int(e[2], 0, "L12: and holds one page");
    is_int(e[4], 0, "L12: as root again it does not bind");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
