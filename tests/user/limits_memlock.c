/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * RLIMIT_MEMLOCK through its three calls: they agree, keep soft below hard, and what they refuse changes nothing.
 * Extreme values are limits like any other.
 *
 * clauses: B1 L10
 * pitfalls: B19
 */
#include "tests/user/support.h"

#define N 4

static struct rlimit now(void) {
    struct rlimit r = {1, 1};
    getrlimit(RLIMIT_MEMLOCK, &r);
    return r;
}

static void agree(void) {
    struct rlimit set = {3 * PG, 5 * PG}, got = {0, 0}, old = {0, 0};
    is_int(setrlimit(RLIMIT_MEMLOCK, &set), 0, "B1: setrlimit");
    is_int(prlimit(0, RLIMIT_MEMLOCK, NULL, &got), 0, "B1: prlimit reads");
    ok(got.rlim_cur == 3 * PG && got.rlim_max == 5 * PG, "B1: what was set");
    set.rlim_cur = 4 * PG;
    is_int(prlimit(0, RLIMIT_MEMLOCK, &set, &old), 0, "B1: prlimit sets");
    ok(old.rlim_cur == 3 * PG && now().rlim_cur == 4 * PG, "B1: and tells the old; getrlimit the new");
    is_int(prlimit(getpid(), RLIMIT_MEMLOCK, NULL, &got), 0, "B1: by its own process number");
    is_int(got.rlim_cur, 4 * PG, "B1: the same");
}

static void refused(void) {
    struct rlimit wrong = {5, 4}, before = now();
    fails(setrlimit(RLIMIT_MEMLOCK, &wrong), EINVAL, "B1: soft above hard");
    fails(setrlimit(999, &before), EINVAL, "B1: no such limit");
    fails(setrlimit(RLIMIT_MEMLOCK, (void *)KERNEL), EFAULT, "B1: a pointer into the kernel");
    fails(getrlimit(RLIMIT_MEMLOCK, (void *)KERNEL), EFAULT, "B1: to write to as well");
    fails(prlimit(999999, RLIMIT_MEMLOCK, NULL, &wrong), ESRCH, "B1: no such process");
    ok(now().rlim_cur == before.rlim_cur && now().rlim_max == before.rlim_max, "B1: nothing changed");
}

struct seen {
    int extreme[4], raise_soft, raise_hard, lower, locks;
};

/* As root: limits around the edges of the number range, then what they allow nobody. */
static const rlim_t extremes[] = {RLIM_INFINITY, RLIM_INFINITY - 1, (rlim_t)1 << 63, RLIM_INFINITY - PG};
static int turn;

static void lock_under_extreme(void *arg) {
    struct seen *s = arg;
    char *p = anon(N);
    s->extreme[turn] = errno_of(mlock(p, N * PG));
    if (vmlck() != N) s->extreme[turn] = -1;
    s->locks = errno_of(mlockall(MCL_CURRENT | MCL_FUTURE));
}

static void as_nobody(void *arg) {
    struct seen *s = arg;
    struct rlimit r = {2 * PG, 4 * PG};
    s->lower = errno_of(setrlimit(RLIMIT_MEMLOCK, &r));
    r.rlim_cur = 4 * PG;
    s->raise_soft = errno_of(setrlimit(RLIMIT_MEMLOCK, &r));
    r.rlim_max = 8 * PG;
    s->raise_hard = errno_of(setrlimit(RLIMIT_MEMLOCK, &r));
    s->extreme[0] = errno_of(prlimit(0, RLIMIT_MEMLOCK, &r, NULL));
    s->extreme[1] = now().rlim_max == 4 * PG;
}

/* Waits until its parent has set its limit, then looks. */
static int gate[2];

static void limited_by_parent(struct seen *s) {
    char c;
    if (read(gate[0], &c, 1) != 1) _exit(1);
    char *p = anon(N);
    s->lower = now().rlim_cur == 2 * PG;
    s->raise_soft = errno_of(mlock(p, 2 * PG));
    s->raise_hard = setuid(NOBODY) == 0 ? errno_of(mlock(p, 3 * PG)) : -1;
    _exit(0);
}

static void by_another_process(struct seen *s) {
    struct rlimit r = {2 * PG, 2 * PG};
    int status = 0;
    if (pipe(gate) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) limited_by_parent(s);
    is_int(prlimit(pid, RLIMIT_MEMLOCK, &r, NULL), 0, "B1: root sets the limit of another process");
    if (write(gate[1], "x", 1) != 1) bail_out("pipe");
    waitpid(pid, &status, 0);
    ok(status == 0 && s->lower, "B1: which reads it");
    is_int(s->raise_soft, 0, "B1: may lock up to it");
    is_int(s->raise_hard, ENOMEM, "B1: and, as nobody, no further");
}

static void inherited(void *arg) {
    *(rlim_t *)arg = now().rlim_cur;
}

/* Some hosts keep even root from raising limits. */
static void under_extremes(struct seen *s) {
    struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    int e = errno_of(setrlimit(RLIMIT_MEMLOCK, &most));
    if (e == EPERM && !on_holdfast()) {
        skip(2 + 3 * 4, "this root may not raise limits");
        return;
    }
    is_int(e, 0, "B1: root raises hard and soft to infinity");
    for (turn = 0; turn < 4; turn++) {
        is_int(in_child(extremes[turn], NOBODY, lock_under_extreme, s), 0, "B1: as nobody under %#lx",
               (unsigned long)extremes[turn]);
        is_int(s->extreme[turn], 0, "B1: locks, and is charged right");
        is_int(s->locks, 0, "B1: mlockall too");
    }
    ok(now().rlim_cur == RLIM_INFINITY, "B1: the parent's limit is what it was");
}

int main(void) {
    plan(38);
    struct seen *s = shared(sizeof *s);
    under_extremes(s);
    as_user(8, as_nobody, s);
    is_int(s->lower, 0, "B1: nobody lowers both");
    is_int(s->raise_soft, 0, "B1: raises soft to hard");
    is_int(s->raise_hard, EPERM, "B1: but not hard");
    is_int(s->extreme[0], EPERM, "B1: nor by prlimit");
    ok(s->extreme[1], "B1: which is what it was");
    rlim_t *r = shared(sizeof *r);
    in_child(7 * PG, 0, inherited, r);
    is_int(*r, 7 * PG, "B1: a limit set in a child is its own");
    set_memlock(6 * PG);
    as_root(inherited, r);
    is_int(*r, 6 * PG, "B1: a child inherits its parent's");
    by_another_process(s);
    agree();
    refused();
    return done_testing();
}
