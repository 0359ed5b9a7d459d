/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What waits, how often, in which order and with which data: standard signals once with the first one's data,
 * real-time ones each, lowest number first, until the limit; taken by sigtimedwait or by handlers.
 */
#include "tests/user/signals.h"

#define RT 40 /* a real-time signal that no C library keeps for itself */

static void standard(void) {
    siginfo_t si;
    const struct timespec now = {0, 0};
    block(SIGUSR1);
    raw_sigqueue(getpid(), SIGUSR1, 11);
    raw_sigqueue(getpid(), SIGUSR1, 22);
    is_int(raw_sigtimedwait(BIT(SIGUSR1), &si, &now), SIGUSR1, "a standard signal waits");
    ok(si.si_code == SI_QUEUE && si.si_value.sival_int == 11, "with the first one's data");
    fails(raw_sigtimedwait(BIT(SIGUSR1), &si, &now), EAGAIN, "once");
    unblock(SIGUSR1);
}

static void real_time(void) {
    static const int sent[] = {RT + 2, RT, RT + 1, RT, RT + 2, RT};
    static const int want[][2] = {{RT, 1}, {RT, 3}, {RT, 5}, {RT + 1, 2}, {RT + 2, 0}, {RT + 2, 4}};
    const uint64_t set = BIT(RT) | BIT(RT + 1) | BIT(RT + 2);
    siginfo_t si;
    for (int i = 0; i < 3; i++) block(RT + i);
    for (int i = 0; i < 6; i++) raw_sigqueue(getpid(), sent[i], i);
    for (int i = 0; i < 6; i++) {
        int sig = raw_sigtimedwait(set, &si, NULL);
        ok(sig == want[i][0] && si.si_value.sival_int == want[i][1] && si.si_pid == getpid(),
           "taken %d: signal %d, value %d", i, sig, si.si_value.sival_int);
    }
    fails(raw_sigtimedwait(set, &si, &(struct timespec){0, 0}), EAGAIN, "and then none");
    kill(getpid(), RT);
    raise(RT);
    is_int(raw_sigtimedwait(set, &si, NULL), RT, "kill queues real-time signals, too");
    is_int(si.si_code, SI_TKILL, "a thread's own come first");
    raw_sigtimedwait(set, &si, NULL);
    is_int(si.si_code, SI_USER, "then the process's");
    sigset_t pending;
    sigpending(&pending);
    ok(!sigismember(&pending, RT), "nothing is left");
    for (int i = 0; i < 3; i++) unblock(RT + i);
}

/* ---- handlers ---- */

static volatile int seen[8], values[8], count;

static void notes(int sig, siginfo_t *si, void *uc) {
    (void)uc;
    if (count < 8) seen[count] = sig, values[count] = si->si_value.sival_int;
    count++;
}

static void handled_in_order(void) {
    struct sigaction a = {.sa_sigaction = notes, .sa_flags = SA_SIGINFO};
    sigset_t set, old;
    sigemptyset(&set);
    for (int i = 0; i < 3; i++) sigaddset(&set, RT + i);
    a.sa_mask = set;
    for (int i = 0; i < 3; i++) sigaction(RT + i, &a, NULL);
    sigprocmask(SIG_BLOCK, &set, &old);
    for (int i = 0; i < 5; i++) raw_sigqueue(getpid(), RT + (4 - i) % 3, i);
    is_int(count, 0, "blocked: no handler yet");
    sigprocmask(SIG_SETMASK, &old, NULL);
    is_int(count, 5, "unblocked: each is handled");
    ok(seen[0] == RT && seen[1] == RT && seen[2] == RT + 1 && seen[3] == RT + 1 && seen[4] == RT + 2,
       "the lowest first (%d %d %d %d %d)", seen[0], seen[1], seen[2], seen[3], seen[4]);
    ok(values[0] == 1 && values[1] == 4, "and in order (%d %d)", values[0], values[1]);
}

/* ---- the limit ---- */

static void overflows(void *arg) {
    int *result = arg, n = 0;
    struct rlimit r = {5, 5};
    struct sigaction a = {.sa_sigaction = notes, .sa_flags = SA_SIGINFO};
    block(RT);
    block(SIGUSR1);
    setrlimit(RLIMIT_SIGPENDING, &r);
    while (n < 100 && raw_sigqueue(getpid(), RT, n) == 0) n++;
    result[0] = n;
    result[1] = errno;
    result[2] = kill(getpid(), RT);
    result[3] = kill(getpid(), SIGUSR1);
    result[6] = raise(RT);
    result[7] = errno;
    count = 0;
    sigaction(RT, &a, NULL);
    unblock(RT);
    result[4] = count;
    block(RT);
    signal(SIGUSR1, SIG_IGN);
    for (n = 0; n < 100 && raw_sigqueue(getpid(), RT, n) == 0; n++) continue;
    result[5] = n;
}

static void limit(void) {
    int *result = shared(4096);
    /* As somebody: Linux counts by user. */
    int status = in_child(MEMLOCK_AS_IS, NOBODY + 7, overflows, result);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child lives");
    is_int(result[0], 5, "RLIMIT_SIGPENDING: as many wait");
    is_int(result[1], EAGAIN, "the next is EAGAIN");
    is_int(result[2], 0, "kill's own never fails so");
    is_int(result[3], 0, "nor a standard signal");
    ok(result[6] == -1 && result[7] == EAGAIN, "tgkill does");
    ok(result[4] >= 5 && result[4] <= 6, "all are delivered (%d)", result[4]);
    is_int(result[5], 5, "and the places are free again");
}

/* ---- who may say what ---- */

static void forgery(void) {
    siginfo_t si = {.si_signo = RT, .si_code = SI_USER};
    pid_t parent = getppid();
    fails(syscall(SYS_rt_sigqueueinfo, parent, RT, &si), EPERM, "SI_USER is kill's to say, not ours of another");
    si.si_code = SI_TKILL;
    fails(syscall(SYS_rt_sigqueueinfo, parent, RT, &si), EPERM, "SI_TKILL likewise");
    si.si_code = SI_KERNEL;
    fails(syscall(SYS_rt_sigqueueinfo, parent, RT, &si), EPERM, "SI_KERNEL likewise");
    block(RT);
    is_int(syscall(SYS_rt_sigqueueinfo, getpid(), RT, &si), 0, "to oneself anything");
    raw_sigtimedwait(BIT(RT), &si, NULL);
    is_int(si.si_code, SI_KERNEL, "and it comes as it was said");
    si.si_code = SI_QUEUE;
    is_int(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), RT, &si), 0, "to a thread");
    is_int(raw_sigtimedwait(BIT(RT), &si, NULL), RT, "it came");
    fails(syscall(SYS_rt_tgsigqueueinfo, getpid(), 4194001, RT, &si), ESRCH, "not to a thread that is not there");
    fails(syscall(SYS_rt_tgsigqueueinfo, -1, getpid(), RT, &si), EINVAL, "a bad process");
    fails(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &si), EINVAL, "signal 65");
    fails(syscall(SYS_rt_sigqueueinfo, getpid(), -1, &si), EINVAL, "signal -1");
    is_int(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &si), 0, "signal 0 only asks");
    fails(syscall(SYS_rt_sigqueueinfo, getpid(), RT, (void *)8), EFAULT, "a bad siginfo");
    fails(syscall(SYS_rt_sigqueueinfo, 4194000, RT, &si), ESRCH, "nobody");
    unblock(RT);
}

/* A fork's child starts with nothing pending; exec keeps what pends (its mask, too). */
static void child_pending(void *arg) {
    sigset_t pending;
    (void)arg;
    sigpending(&pending);
    _exit(sigismember(&pending, RT) || sigismember(&pending, SIGUSR1));
}

static void inheritance(void) {
    block(RT);
    block(SIGUSR1);
    raise(SIGUSR1);
    raw_sigqueue(getpid(), RT, 1);
    is_int(fate_of(child_pending, NULL), 0, "a child has nothing pending");
    siginfo_t si;
    is_int(raw_sigtimedwait(BIT(RT) | BIT(SIGUSR1), &si, NULL), SIGUSR1, "the parent keeps its own");
    is_int(raw_sigtimedwait(BIT(RT) | BIT(SIGUSR1), &si, NULL), RT, "all of it");
}

/* No memory for an entry: sigqueue says so, kill sends without the data. */
static void injected(void) {
    siginfo_t si;
    block(RT);
    if (!on_holdfast()) {
        skip(5, "needs injection");
        return;
    }
    set_knob("debug.inject.heap", 1);
    fails(raw_sigqueue(getpid(), RT, 1), EAGAIN, "sigqueue without memory");
    fails(raw_sigtimedwait(BIT(RT), &si, &(struct timespec){0, 0}), EAGAIN, "sends nothing");
    set_knob("debug.inject.heap", 1);
    is_int(kill(getpid(), RT), 0, "kill without memory");
    is_int(raw_sigtimedwait(BIT(RT), &si, &(struct timespec){0, 0}), RT, "sends all the same");
    is_int((long)knob("debug.audit"), 0, "the kernel is whole");
    set_knob("debug.inject.heap", 0);
    unblock(RT);
}

int main(void) {
    standard();
    real_time();
    handled_in_order();
    limit();
    forgery();
    injected();
    inheritance();
    return done_testing();
}
