/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * RLIMIT_MEMLOCK is exact, to the page: what is charged is the pages newly locked, and nothing else. As uid
 * nobody, since root's limit does not bind.
 *
 * clauses: L10 L11 L12 B1
 * pitfalls: B14 B17 B32
 */
#include "tests/user/support.h"

#define N 6 /* the limit, in pages */

struct seen {
    int exact, again, overlap, beyond, beyond_twice, after, unlock, refill, byte;
    long charge_exact, charge_again, charge_beyond, charge_end;
    char locks[16];
};

static void up_to_the_limit(void *arg) {
    struct seen *s = arg;
    char *p = anon(N + 2);
    s->exact = errno_of(mlock(p, N * PG));
    s->charge_exact = vmlck();
    s->again = errno_of(mlock(p, N * PG));
    s->overlap = errno_of(mlock(p + PG, (N - 1) * PG));
    s->charge_again = vmlck();
    s->beyond = errno_of(mlock(p + N * PG, 1));
    s->beyond_twice = errno_of(mlock(p + (N - 1) * PG, 2 * PG));
    strcpy(s->locks, lock_map(p, N + 2));
    s->charge_beyond = vmlck();
    s->unlock = errno_of(munlock(p, PG));
    s->refill = errno_of(mlock(p + N * PG, PG));
    s->charge_end = vmlck();
    s->byte = errno_of(mlock(p, 1));
}

static void exact(void) {
    struct seen *s = shared(sizeof *s);
    is_int(as_user(N, up_to_the_limit, s), 0, "L10: a child of uid nobody with a limit of %d pages", N);
    is_int(s->exact, 0, "L10: locks exactly its limit");
    is_int(s->charge_exact, N, "L11: and is charged for it");
    is_int(s->again, 0, "L11: locking it again cannot fail");
    is_int(s->overlap, 0, "L11: nor any part of it");
    is_int(s->charge_again, N, "L11: and costs nothing");
    is_int(s->beyond, ENOMEM, "L10: one byte more is ENOMEM");
    is_int(s->beyond_twice, ENOMEM, "L10: also when part of the range is locked already");
    is_str(s->locks, "######..", "L4: a refusal changes no lock");
    is_int(s->charge_beyond, N, "L4: and no charge");
    is_int(s->unlock, 0, "L11: one page unlocked");
    is_int(s->refill, 0, "L11: gives room for one other");
    is_int(s->charge_end, N, "L11: the limit is full again");
    is_int(s->byte, ENOMEM, "L10: and one byte is too much again");
}

struct twice {
    int first, second, third;
    long charge;
};

/* Two mappings of the same memory: two charges. */
static void map_twice(void *arg) {
    struct twice *t = arg;
    int fd = memfd(N);
    char *a = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    char *b = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    t->first = errno_of(mlock(a, N / 2 * PG));
    t->second = errno_of(mlock(b, N / 2 * PG));
    t->charge = vmlck();
    t->third = errno_of(mlock(a, (N / 2 + 1) * PG));
}

static void aliases(void) {
    struct twice *t = shared(sizeof *t);
    as_user(N, map_twice, t);
    is_int(t->first, 0, "L11: half the limit through one mapping of an object");
    is_int(t->second, 0, "L11: the same pages through another mapping");
    is_int(t->charge, N, "L11: cost twice");
    is_int(t->third, ENOMEM, "L11: so that the limit is full");
}

struct lowered {
    int lower, more, again, unlock, raise;
    long charge;
    char locks[16];
};

static void lower_the_limit(void *arg) {
    struct lowered *l = arg;
    char *p = anon(N);
    struct rlimit low = {2 * PG, N * PG}, high = {N * PG + 1, N * PG + 1};
    if (mlock(p, 4 * PG) != 0) _exit(1);
    l->lower = errno_of(setrlimit(RLIMIT_MEMLOCK, &low));
    strcpy(l->locks, lock_map(p, N));
    l->charge = vmlck();
    l->more = errno_of(mlock(p + 4 * PG, PG));
    l->again = errno_of(mlock(p, 4 * PG));
    munlock(p, 3 * PG);
    l->unlock = errno_of(mlock(p + 4 * PG, PG));
    l->raise = errno_of(setrlimit(RLIMIT_MEMLOCK, &high));
}

static void lowered(void) {
    struct lowered *l = shared(sizeof *l);
    is_int(as_user(N, lower_the_limit, l), 0, "B1: a child that lowers its limit below what it has locked");
    is_int(l->lower, 0, "B1: may");
    is_str(l->locks, "####..", "B1: that unlocks nothing");
    is_int(l->charge, 4, "B1: the charge is above the limit then");
    is_int(l->more, ENOMEM, "B1: nothing more can be locked");
    if (on_holdfast()) is_int(l->again, 0, "L11: but what is locked can be, again");
    else skip(1, "Linux refuses that above the limit");
    is_int(l->unlock, 0, "B1: below the limit again, there is room again");
    is_int(l->raise, EPERM, "B1: the hard limit cannot be raised without privilege");
}

/* A limit that is no multiple of a page counts whole pages only. */
static void odd_limit(void *arg) {
    int *e = arg;
    char *p = anon(3);
    struct rlimit odd = {3 * PG - 1, N * PG};
    setrlimit(RLIMIT_MEMLOCK, &odd);
    e[0] = errno_of(mlock(p, 2 * PG));
    e[1] = errno_of(mlock(p, 3 * PG));
}

int main(void) {
    plan(29);
    exact();
    aliases();
    lowered();
    int *e = shared(2 * sizeof *e);
    as_user(N, odd_limit, e);
    is_int(e[0], 0, "L10: a limit of three pages less a byte holds two pages");
    is_int(e[1], ENOMEM, "L10: and not three");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
