/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Calls that a signal finds asleep: which fail with EINTR when a handler has run, which go on with SA_RESTART,
 * and that a signal without a handler disturbs none. And waiting for signals themselves: sigtimedwait, sigsuspend,
 * pause.
 *
 * The signaller is a child that lets its parent fall asleep by yielding; and whoever was not asleep yet is
 * signalled again, until the call has ended.
 */
#include <poll.h>

#include "tests/user/signals.h"

static volatile int *shm; /* [0] a call is under way, [1] it may end, [2] tells of the child */
static volatile int count;

static void counts(int sig) {
    (void)sig;
    count++;
}

/* A child that signals the parent in the call that it is about to make, once, or, if `often`, until the call is over; then
 * lets it end by fd, if there is one and it has not. */
static pid_t signaller(int sig, bool often, int fd) {
    shm[0] = 1;
    pid_t pid = fork();
    if (pid) return pid;
    do {
        await_state(getppid(), "S");
        kill(getppid(), sig);
    } while (often && shm[0]);
    if (fd >= 0) await_state(getppid(), "S");
    if (fd >= 0) (void)!write(fd, "x", 1);
    _exit(0);
}

static void done(pid_t pid) {
    int status;
    shm[0] = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
}

/* ---- the calls ---- */

static int fds[2];
static uint32_t word;
static const struct timespec hour = {3600, 0};
static struct timespec left;

static long do_read(void) {
    char c;
    return read(fds[0], &c, 1);
}

static long do_futex(void) {
    return syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
}

static long do_futex_timed(void) {
    return syscall(SYS_futex, &word, 0, 0, &hour, NULL, 0);
}

static long do_nanosleep(void) {
    return nanosleep(&hour, &left);
}

static long do_sleep_absolute(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += 3600;
    return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static long do_poll(void) {
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    return poll(&p, 1, 3600000);
}

static long do_pause(void) {
    return syscall(SYS_pause);
}

static long do_sigtimedwait(void) {
    return raw_sigtimedwait(BIT(SIGUSR2), NULL, &hour);
}

static long do_sigsuspend(void) {
    return raw_sigsuspend(0);
}

static pid_t sleeper;

static long do_wait(void) {
    int status;
    return waitpid(sleeper, &status, 0);
}

static const struct {
    const char *name;
    long (*call)(void);
} calls[] = {
    {"read", do_read},           {"futex", do_futex},   {"futex with a timeout", do_futex_timed},
    {"nanosleep", do_nanosleep}, {"clock_nanosleep, absolute", do_sleep_absolute},
    {"poll", do_poll},           {"pause", do_pause},   {"sigtimedwait", do_sigtimedwait},
    {"sigsuspend", do_sigsuspend}, {"wait4", do_wait},
};

/* Without SA_RESTART each of them tells. */
static void without(void) {
    handle(SIGUSR1, counts, 0);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (calls[i].call == do_wait && !(sleeper = fork())) {
            for (;;) syscall(SYS_pause);
        }
        count = 0;
        pid_t pid = signaller(SIGUSR1, false, -1);
        errno = 0;
        long result = calls[i].call();
        int err = errno;
        done(pid);
        ok(result == -1 && err == EINTR && count == 1, "%s: EINTR after a handler (%ld, errno %d)", calls[i].name, result, err);
    }
    kill(sleeper, SIGKILL);
    waitpid(sleeper, NULL, 0);
    ok(left.tv_sec > 3000 && left.tv_sec <= 3600, "nanosleep told what was left");
}

/* These tell even with it. */
static void always(void) {
    handle(SIGUSR1, counts, SA_RESTART);
    for (size_t i = 2; i < 9; i++) {
        count = 0;
        pid_t pid = signaller(SIGUSR1, false, -1);
        errno = 0;
        long result = calls[i].call();
        int err = errno;
        done(pid);
        ok(result == -1 && err == EINTR && count == 1, "%s: EINTR with SA_RESTART, too", calls[i].name);
    }
}

/* ---- SA_RESTART ---- */

static void restarted(void) {
    handle(SIGUSR1, counts, SA_RESTART);
    count = 0;
    pid_t pid = signaller(SIGUSR1, false, fds[1]);
    is_int(do_read(), 1, "read goes on with SA_RESTART");
    done(pid);
    is_int(count, 1, "the handler ran meanwhile");

    count = 0;
    shm[1] = 0;
    if (!(sleeper = fork())) {
        while (!shm[1]) sched_yield();
        _exit(5);
    }
    shm[0] = 1;
    pid = fork();
    if (!pid) {
        await_state(getppid(), "S");
        kill(getppid(), SIGUSR1);
        await_state(getppid(), "S");
        shm[1] = 1;
        _exit(0);
    }
    is_int(do_wait(), sleeper, "wait4 goes on");
    is_int(count, 1, "the handler ran meanwhile");
    done(pid);

    /* A pipe that is full. */
    int full[2];
    char block_[4096] = {0};
    (void)!pipe(full);
    fcntl(full[1], F_SETFL, O_NONBLOCK);
    while (write(full[1], block_, sizeof block_) > 0) continue;
    fcntl(full[1], F_SETFL, 0);
    count = 0;
    pid = fork();
    if (!pid) {
        await_state(getppid(), "S");
        kill(getppid(), SIGUSR1);
        await_state(getppid(), "S");
        for (int n = 0; n < 8; n++) (void)!read(full[0], block_, sizeof block_);
        _exit(0);
    }
    is_int(write(full[1], "x", 1), 1, "write goes on");
    is_int(count, 1, "the handler ran meanwhile");
    done(pid);
}

/* ---- signals that nobody is to see ---- */

static void unseen(void) {
    const struct timespec moment = {0, 50000000};
    struct timespec before, after;
    pid_t pid = signaller(SIGURG, true, -1);
    clock_gettime(CLOCK_MONOTONIC, &before);
    is_int(nanosleep(&moment, NULL), 0, "an ignored signal does not end a sleep");
    clock_gettime(CLOCK_MONOTONIC, &after);
    done(pid);
    ok((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 50000000, "nor shorten it");
    block(SIGUSR1);
    pid = signaller(SIGUSR1, false, fds[1]);
    is_int(do_read(), 1, "nor a blocked one a read");
    done(pid);
    count = 0;
    unblock(SIGUSR1);
    is_int(count, 1, "which comes afterwards");
}

/* ---- waiting for signals ---- */

static void suspended(void) {
    sigset_t now;
    handle(SIGUSR1, counts, 0);
    block(SIGUSR1);
    count = 0;
    raise(SIGUSR1);
    errno = 0;
    ok(raw_sigsuspend(0) == -1 && errno == EINTR && count == 1, "sigsuspend: what waited already comes at once");
    sigprocmask(SIG_BLOCK, NULL, &now);
    ok(sigismember(&now, SIGUSR1), "and the mask is what it was");
    pid_t pid = signaller(SIGUSR1, false, -1);
    raw_sigsuspend(~BIT(SIGUSR1));
    is_int(count, 2, "what comes later wakes it");
    done(pid);
    unblock(SIGUSR1);
    fails(syscall(SYS_rt_sigsuspend, (void *)8, 8), EFAULT, "a bad set");
    fails(syscall(SYS_rt_sigsuspend, &now, 7), EINVAL, "a set of another size");
}

static void awaited(void) {
    siginfo_t si;
    const struct timespec none = {0, 0}, moment = {0, 1000000}, wrong = {0, 1000000000};
    const uint64_t set = BIT(SIGUSR2);
    block(SIGUSR2);
    fails(raw_sigtimedwait(set, &si, &none), EAGAIN, "sigtimedwait: nothing there");
    fails(raw_sigtimedwait(set, &si, &moment), EAGAIN, "nothing came");
    fails(raw_sigtimedwait(set, &si, &wrong), EINVAL, "a time that is none");
    fails(syscall(SYS_rt_sigtimedwait, &set, &si, &none, 4), EINVAL, "a set of another size");
    fails(syscall(SYS_rt_sigtimedwait, (void *)8, &si, &none, 8), EFAULT, "a bad set");
    pid_t pid = signaller(SIGUSR2, false, -1);
    is_int(raw_sigtimedwait(set, &si, NULL), SIGUSR2, "what comes later is taken");
    ok(si.si_pid == pid && si.si_code == SI_USER, "with who sent it");
    done(pid);
    raise(SIGUSR2);
    is_int(raw_sigtimedwait(set, NULL, NULL), SIGUSR2, "no siginfo is wanted");
    raise(SIGUSR2);
    fails(raw_sigtimedwait(set, (void *)8, NULL), EFAULT, "a bad place for it");
    unblock(SIGUSR2);
}

static void killed_asleep(void *arg) {
    ((long (*)(void))arg)();
}

int main(void) {
    shm = shared(4096);
    if (pipe(fds)) bail_out("pipe");
    without();
    always();
    restarted();
    unseen();
    suspended();
    awaited();
    for (size_t i = 0; i < 9; i++) {
        pid_t pid = fork();
        if (!pid) {
            sigset_t all;
            sigfillset(&all);
            sigprocmask(SIG_BLOCK, &all, NULL);
            killed_asleep((void *)(calls[i].call == do_sigsuspend ? do_pause : calls[i].call));
            _exit(0);
        }
        int status;
        await_state(pid, "S");
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "SIGKILL ends one in %s", calls[i].name);
    }
    return done_testing();
}
