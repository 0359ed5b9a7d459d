/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The identities of a process: what root may become, what an ordinary user may, and that there is no way
 * back from giving up all three.
 */
#include "tests/user/support.h"

/* real, effective and saved, as one number of three digits: 100 * real + ... of small ids. */
static int uids(void) {
    uid_t r, e, s;
    getresuid(&r, &e, &s);
    return (int)(r * 100 + e * 10 + s);
}

static int gids(void) {
    gid_t r, e, s;
    getresgid(&r, &e, &s);
    return (int)(r * 100 + e * 10 + s);
}

struct result {
    int n, got[32], want[32];
    const char *what[32];
};

static void note(struct result *r, int got, int want, const char *what) {
    r->got[r->n] = got;
    r->want[r->n] = want;
    r->what[r->n++] = what;
}

static void root_steps(void *arg) {
    struct result *r = arg;
    note(r, setresuid(1, 2, 3) == 0 ? uids() : -errno, 123, "setresuid by root sets all three");
    note(r, errno_of(setuid(5)), EPERM, "an ordinary user may not become anybody");
    note(r, setuid(1) == 0 ? uids() : -errno, 113, "but his real self: setuid sets the effective id alone");
    note(r, setuid(3) == 0 ? uids() : -errno, 133, "or his saved one");
    note(r, errno_of(setresuid(9, -1, -1)), EPERM, "setresuid: no stranger as the real one");
    note(r, errno_of(setresuid(-1, 9, -1)), EPERM, "nor as the effective one");
    note(r, errno_of(setresuid(-1, -1, 9)), EPERM, "nor as the saved one");
    note(r, uids(), 133, "and what fails changes nothing");
    note(r, setresuid(3, 1, -1) == 0 ? uids() : -errno, 313, "any of one's own in any place; -1 leaves one alone");
    note(r, setreuid(1, 3) == 0 ? uids() : -errno, 133, "setreuid exchanges; the saved one follows the effective one");
    note(r, errno_of(setreuid(9, -1)), EPERM, "setreuid: no stranger");
}

static void drop_steps(void *arg) {
    struct result *r = arg;
    note(r, setgid(4) == 0 ? gids() : -errno, 444, "setgid by root sets all three groups");
    note(r, seteuid(6) == 0 ? uids() : -errno, 60, "seteuid changes the effective id");
    note(r, (int)geteuid() * 10 + (int)getuid(), 60, "geteuid and getuid tell them apart");
    note(r, errno_of(setgid(5)), EPERM, "without effective uid 0, groups are fixed");
    note(r, seteuid(0) == 0 ? uids() : -errno, 0, "root is back: the saved id was 0");
    note(r, setuid(6) == 0 ? uids() : -errno, 666, "setuid by root gives up all three");
    note(r, errno_of(setuid(0)), EPERM, "for ever");
    note(r, errno_of(seteuid(0)), EPERM, "by seteuid as well");
    note(r, errno_of(setreuid(0, 0)), EPERM, "by setreuid");
    note(r, errno_of(setresuid(0, 0, 0)), EPERM, "and by setresuid");
    pid_t pid = fork();
    int status;
    if (pid == 0) _exit(uids() == 666 && gids() == 444 ? 1 : 2);
    waitpid(pid, &status, 0);
    note(r, WEXITSTATUS(status), 1, "a child is who its parent is");
}

static void judge(void (*steps)(void *)) {
    struct result *r = shared(sizeof *r);
    int status = as_root(steps, r);
    is_int(status, 0, "the steps were all taken");
    for (int i = 0; i < r->n; i++) is_int(r->got[i], r->want[i], "%s", r->what[i]);
}

int main(void) {
    if (getuid() != 0) plan_skip_all("wants to be root");
    plan(12 + 12 + 4);
    judge(root_steps);
    judge(drop_steps);
    fails(setuid((uid_t)-1), EINVAL, "setuid(-1) is nobody");
    fails(setgid((gid_t)-1), EINVAL, "nor a group");
    fails(getresuid((uid_t *)KERNEL, NULL, NULL), EFAULT, "three addresses are needed");
    is_int(setresuid(-1, -1, -1), 0, "changing nothing succeeds");
    return done_testing();
}
