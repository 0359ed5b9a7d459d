/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * getrlimit, setrlimit, prlimit: which numbers there are, who may change what, what children and programs
 * inherit, and that a call that fails changes nothing.
 *
 * clauses: B1
 */
#include <sys/syscall.h>

#include "tests/user/support.h"

static struct rlimit get(int resource) {
    struct rlimit r = {7, 7};
    getrlimit(resource, &r);
    return r;
}

static long prlimit_raw(pid_t pid, int resource, const void *new_limit, void *old_limit) {
    return syscall(SYS_prlimit64, pid, resource, new_limit, old_limit);
}

static void numbers(void) {
    struct rlimit r;
    int good = 0;
    for (int i = 0; i < 16; i++) good += getrlimit(i, &r) == 0 && (r.rlim_cur <= r.rlim_max);
    is_int(good, 16, "B1: there are sixteen limits, each soft at most hard");
    fails(getrlimit(16, &r), EINVAL, "no seventeenth");
    fails(getrlimit(-1, &r), EINVAL, "nor a negative one");
    fails(setrlimit(16, &r), EINVAL, "none to set either");
    fails(prlimit_raw(0, 16, NULL, NULL), EINVAL, "by prlimit neither");
    fails(syscall(SYS_getrlimit, RLIMIT_MEMLOCK, KERNEL), EFAULT, "a kernel address");
    fails(syscall(SYS_setrlimit, RLIMIT_MEMLOCK, KERNEL), EFAULT, "both ways");
    fails(prlimit_raw(0x7ffffff0, RLIMIT_NOFILE, NULL, &r), ESRCH, "no such process");
    if (!on_holdfast()) {
        skip(2, "the build machine has limits of its own");
        return;
    }
    is_int(get(RLIMIT_MEMLOCK).rlim_cur, 8 << 20, "B1: RLIMIT_MEMLOCK starts at 8 MiB, soft");
    is_int(get(RLIMIT_MEMLOCK).rlim_max, 8 << 20, "B1: and hard");
}

static void nothing_changes(void) {
    struct rlimit before = get(RLIMIT_NOFILE), crossed = {100, 50}, lower = {before.rlim_cur - 1, before.rlim_max};
    fails(setrlimit(RLIMIT_NOFILE, &crossed), EINVAL, "soft above hard");
    fails(prlimit_raw(0, RLIMIT_NOFILE, &crossed, &crossed), EINVAL, "by prlimit too");
    is_int(get(RLIMIT_NOFILE).rlim_cur, before.rlim_cur, "nothing has changed");
    if (on_holdfast()) {
        fails(prlimit_raw(0, RLIMIT_NOFILE, &lower, (void *)KERNEL), EFAULT, "nowhere to put the old one");
        is_int(get(RLIMIT_NOFILE).rlim_cur, before.rlim_cur, "so the new one does not hold");
    } else {
        skip(2, "Linux has set the new one by then");
    }
}

/* As another uid: bits of what went as it should. */
static void as_somebody(void *arg) {
    pid_t root = *(pid_t *)arg;
    struct rlimit r = get(RLIMIT_NOFILE), up = {r.rlim_cur, r.rlim_max + 1}, down = {r.rlim_cur - 1, r.rlim_max - 1};
    int bits = 0;
    if (errno_of(setrlimit(RLIMIT_NOFILE, &up)) == EPERM) bits |= 1;
    if (setrlimit(RLIMIT_NOFILE, &down) == 0 && get(RLIMIT_NOFILE).rlim_max == down.rlim_max) bits |= 2;
    if (errno_of(setrlimit(RLIMIT_NOFILE, &r)) == EPERM) bits |= 4; /* lowering is for ever */
    down.rlim_cur -= 5;
    if (setrlimit(RLIMIT_NOFILE, &down) == 0 && get(RLIMIT_NOFILE).rlim_cur == down.rlim_cur) bits |= 8;
    down.rlim_cur += 3;
    if (setrlimit(RLIMIT_NOFILE, &down) == 0) bits |= 16; /* soft moves freely below hard */
    if (errno_of(prlimit_raw(root, RLIMIT_NOFILE, NULL, &r)) == EPERM) bits |= 32;
    _exit(bits);
}

static void who(void) {
    pid_t me = getpid();
    is_int(as_user(4, as_somebody, &me) >> 8, 63, "B1: lower freely, raise soft to hard, hard never, nobody else's");
}

static void inherited(void *arg) {
    (void)arg;
    struct rlimit r = {123, 456};
    int status;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0) _exit(90);
    pid_t pid = fork();
    if (pid == 0) _exit(get(RLIMIT_NOFILE).rlim_cur == 123 && get(RLIMIT_NOFILE).rlim_max == 456 ? 5 : 6);
    waitpid(pid, &status, 0);
    _exit(WEXITSTATUS(status));
}

/* One process sets another's. */
static void another(void) {
    struct rlimit *seen = shared(4096), r = {77, 88}, old;
    int go[2];
    char c;
    if (pipe(go) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)!read(go[0], &c, 1);
        *seen = get(RLIMIT_NOFILE);
        _exit(0);
    }
    is_int(prlimit_raw(pid, RLIMIT_NOFILE, &r, &old), 0, "prlimit of a child");
    is_int(old.rlim_cur, get(RLIMIT_NOFILE).rlim_cur, "tells what it was");
    (void)!write(go[1], "g", 1);
    waitpid(pid, NULL, 0);
    ok(seen->rlim_cur == 77 && seen->rlim_max == 88, "and the child has the new one");
}

static void no_processes(void *arg) {
    (void)arg;
    struct rlimit r = {1, 1};
    if (setrlimit(RLIMIT_NPROC, &r) != 0) _exit(90);
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    _exit(pid == -1 && errno == EAGAIN ? 1 : 2);
}

int main(void) {
    plan(10 + 5 + 1 + 1 + 3 + 1);
    numbers();
    nothing_changes();
    who();
    is_int(as_root(inherited, NULL) >> 8, 5, "B1: a child has its parent's limits");
    another();
    is_int(in_child(MEMLOCK_AS_IS, 54321, no_processes, NULL) >> 8, 1, "RLIMIT_NPROC: EAGAIN from fork");
    return done_testing();
}
