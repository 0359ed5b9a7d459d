/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * kill and its kin: whom a signal reaches, who may send it, and what holds one back: masks and SIG_IGN.
 */
#include <sys/syscall.h>

#include "tests/user/support.h"

static pid_t sleeper(uid_t uid) {
    int ready[2];
    char c;
    if (pipe(ready) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        if (uid && setresuid(uid, uid, uid) != 0) _exit(98);
        (void)!write(ready[1], "r", 1);
        for (;;) sleep(1000);
    }
    (void)!read(ready[0], &c, 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static int reap(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void arguments(void) {
    pid_t me = getpid();
    is_int(kill(me, 0), 0, "signal 0 asks only whether one could");
    fails(kill(me, 65), EINVAL, "there is no signal 65");
    fails(kill(me, -1), EINVAL, "nor a negative one");
    fails(kill(0x7ffffff0, 0), ESRCH, "no such process");
    fails(kill(-0x7ffffff0, 0), ESRCH, "no such group");
    fails(syscall(SYS_tgkill, me, me, 65), EINVAL, "tgkill: no such signal");
    fails(syscall(SYS_tgkill, -1, me, 0), EINVAL, "tgkill: no such group can be");
    fails(syscall(SYS_tgkill, me, 0, 0), EINVAL, "tgkill: nor such a thread");
    fails(syscall(SYS_tgkill, me, me + 12345, 0), ESRCH, "tgkill: not a thread of this process");
    is_int(syscall(SYS_tgkill, me, me, 0), 0, "tgkill: the first thread has the process's number");
    is_int(syscall(SYS_tkill, me, 0), 0, "tkill: finds it too");
    fails(syscall(SYS_tkill, 0, 0), EINVAL, "tkill: thread 0 cannot be");
}

static void groups(void) {
    pid_t a = sleeper(0), b = sleeper(0), c = sleeper(0);
    is_int(setpgid(a, a), 0, "a group of its own");
    is_int(setpgid(b, a), 0, "and another that joins it");
    is_int(getpgid(b), a, "getpgid says so");
    is_int(kill(-a, SIGTERM), 0, "kill(-group) reaches both");
    is_int(reap(a), SIGTERM, "the first");
    is_int(reap(b), SIGTERM, "the second");
    is_int(kill(c, 0), 0, "and nobody else");
    kill(c, SIGKILL);
    is_int(reap(c), SIGKILL, "who can be ended by number");
}

/* As another uid. Bits of what went well. */
static void permission(void *arg) {
    pid_t *other = arg;
    int bits = 0;
    if (errno_of(kill(other[0], SIGTERM)) == EPERM) bits |= 1; /* root's */
    if (errno_of(kill(other[0], 0)) == EPERM) bits |= 2;
    if (kill(other[1], 0) == 0) bits |= 4;                     /* the same uid's */
    if (kill(other[1], SIGTERM) == 0) bits |= 8;
    if (errno_of(kill(1, SIGKILL)) == EPERM) bits |= 16;
    _exit(bits);
}

static void owners(void) {
    pid_t others[] = {sleeper(0), sleeper(NOBODY)};
    int status = as_user(16, permission, others);
    is_int(WEXITSTATUS(status), 31, "a user's signals reach his own processes, and no others");
    is_int(reap(others[1]), SIGTERM, "his own ends");
    is_int(kill(others[0], 0), 0, "root's does not");
    kill(others[0], SIGKILL);
    reap(others[0]);
}

/* ---- masks and dispositions, in a child. The exit status counts what went well. ---- */

static void masked(void *arg) {
    sigset_t set, pending;
    int good = 0;
    (void)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGKILL);
    good += sigprocmask(SIG_BLOCK, &set, NULL) == 0;
    kill(getpid(), SIGTERM);
    good += sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1 && sigismember(&pending, SIGINT) == 0;
    good += sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGKILL) == 0;
    if (good != 3) _exit(good);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(50); /* not reached: SIGTERM acts at once */
}

static void ignores(void *arg) {
    sigset_t set;
    int good = 0;
    (void)arg;
    good += signal(SIGTERM, SIG_IGN) == SIG_DFL;
    good += kill(getpid(), SIGTERM) == 0;
    good += signal(SIGTERM, SIG_DFL) == SIG_IGN;
    good += errno_of(signal(SIGKILL, SIG_IGN) == SIG_ERR ? -1 : 0) == EINVAL;
    good += errno_of(signal(SIGSTOP, SIG_IGN) == SIG_ERR ? -1 : 0) == EINVAL;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    signal(SIGUSR1, SIG_IGN); /* discards what is pending (POSIX, sigaction) */
    signal(SIGUSR1, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(good);
}

static void inherits(void *arg) {
    int status;
    (void)arg;
    signal(SIGTERM, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        kill(getpid(), SIGTERM);
        _exit(3);
    }
    waitpid(pid, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

int main(void) {
    plan(12 + 8 + 3 + 3 + 1);
    arguments();
    groups();
    owners();
    is_int(as_root(masked, NULL), SIGTERM, "a blocked signal waits until it is unblocked; SIGKILL is not to be blocked");
    is_int(as_root(ignores, NULL), 5 << 8,
           "an ignored one is dropped, even when it was pending; SIGKILL and SIGSTOP are not to be ignored");
    is_int(as_root(inherits, NULL), 3 << 8, "a child ignores what its parent ignored");
    sigset_t set;
    sigemptyset(&set);
    fails(sigprocmask(77, &set, NULL), EINVAL, "an unknown way to change the mask");
    return done_testing();
}
