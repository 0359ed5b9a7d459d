/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The child of fork has no locks, no MCL_FUTURE and no charge; the parent keeps all of its own.
 *
 * clauses: A7
 * pitfalls: B22 C8
 */
#include "tests/user/support.h"

#define N 8

struct seen {
    char locks[16], obj[16], later[16], relocked[16];
    long charge, charge_relocked;
    int lock, unlock;
};

static char *p, *obj;

static void look(void *arg) {
    struct seen *s = arg;
    s->charge = vmlck();
    strcpy(s->locks, lock_map(p, N));
    strcpy(s->obj, lock_map(obj, N));
    strcpy(s->later, lock_map(anon(N), N));
    s->unlock = errno_of(munlock(p, N * PG));
    s->lock = errno_of(mlock(p, 2 * PG));
    strcpy(s->relocked, lock_map(p, N));
    s->charge_relocked = vmlck();
}

/* A child under a limit that the parent's locks alone would exceed. */
static void lock_within_own_limit(void *arg) {
    int *e = arg;
    e[0] = errno_of(mlock(p, 4 * PG));
    e[1] = errno_of(mlock(p, 5 * PG));
}

int main(void) {
    plan(18);
    struct seen *s = shared(sizeof *s);
    int *e = shared(2 * sizeof *e);
    p = anon(N);
    obj = shared(N * PG);
    is_int(mlock(p, N * PG) + mlock(obj, N * PG), 0, "A7: private and shared memory locked");
    is_int(mlockall(MCL_FUTURE), 0, "A7: and MCL_FUTURE");
    is_int(as_root(look, s), 0, "A7: a child of fork");
    is_int(s->charge, 0, "A7: has no charge");
    is_str(s->locks, "........", "A7: no lock on private memory");
    is_str(s->obj, "........", "A7: or shared memory");
    is_str(s->later, "........", "A7: no MCL_FUTURE");
    is_int(s->unlock, 0, "A7: can call munlock");
    is_int(s->lock, 0, "A7: can lock for itself");
    is_str(s->relocked, "##......", "A7: what it asks for");
    is_int(s->charge_relocked, 2, "A7: at its own charge");
    is_str(lock_map(p, N), "########", "A7: the parent's locks are what they were");
    is_int(vmlck(), 2 * N, "A7: and its charge");
    is_str(lock_map(anon(1), 1), "#", "A7: and its MCL_FUTURE");
    munlockall();
    mlock(p, N * PG);
    as_user(4, lock_within_own_limit, e);
    is_int(e[0], 0, "A7: a child's limit begins at nothing");
    is_int(e[1], ENOMEM, "A7: and holds");
    is_int(vmlck(), N, "A7: the parent is not charged for it");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
