/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end of a process of several threads: by each of them, in each way, wherever the others are. Which status the
 * parent sees, and that nothing is left.
 */
#include <sys/syscall.h>

#include "tests/user/threads.h"

static int word_;
static int pipe_[2];

/* ---- where threads may be when the end comes ---- */

static void in_futex(void *arg) {
    (void)arg;
    raw_sleep(&word_);
}

static void in_loop(void *arg) {
    (void)arg;
    for (;;) __asm__ volatile("pause");
}

static void in_yields(void *arg) {
    (void)arg;
    for (;;) raw(SYS_sched_yield);
}

static void in_read(void *arg) {
    (void)arg;
    char c;
    raw(SYS_read, pipe_[0], &c, 1);
}

static void in_sleep(void *arg) {
    (void)arg;
    struct timespec t = {10000, 0};
    raw(SYS_nanosleep, &t, 0);
}

static void in_wait(void *arg) {
    (void)arg;
    raw(SYS_wait4, -1, 0, 0, 0);
}

static void in_faults(void *arg) {
    (void)arg;
    for (;;) {
        char *p = (char *)raw(SYS_mmap, 0, 64 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; i < 64; i++) ((volatile char *)p)[i * PG] = 1;
        raw(SYS_munmap, p, 64 * PG);
    }
}

static void in_locks(void *arg) {
    for (;;) {
        raw(SYS_mlock, arg, 16 * PG);
        raw(SYS_munlock, arg, 16 * PG);
    }
}

static void in_forks(void *arg) {
    (void)arg;
    for (;;) {
        long pid = raw(SYS_fork);
        if (pid == 0) raw(SYS_exit_group, 0);
        if (pid > 0) raw(SYS_wait4, pid, 0, 0, 0);
    }
}

static void at_once(void *arg) {
    (void)arg;
}

static void (*const places[])(void *) = {
    in_futex, in_loop, in_yields, in_read, in_sleep, in_wait, in_faults, in_locks, in_forks, at_once,
};
#define PLACES (sizeof places / sizeof *places)

static void everywhere(void) {
    static struct raw_thread t[PLACES];
    if (pipe(pipe_) != 0) _exit(90);
    if (fork() == 0) { /* for in_wait: a child that does not end by itself */
        prlimit(0, RLIMIT_CORE, &(struct rlimit){0, 0}, NULL);
        char c;
        close(pipe_[1]);
        _exit(read(pipe_[0], &c, 1) == 0 ? 0 : 1);
    }
    char *memory = anon(16);
    for (size_t i = 0; i < PLACES; i++)
        if (raw_start(&t[i], places[i], memory) < 0) _exit(91);
    for (size_t i = 0; i < PLACES; i++)
        if (places[i] == in_futex || places[i] == in_read || places[i] == in_sleep) await_state(t[i].born, "S");
}

/* ---- the ways to end ---- */

static void by_exit_group(void *arg) {
    (void)arg;
    everywhere();
    _exit(7);
}

static void end_group(void *arg) {
    raw(SYS_exit_group, arg);
}

static void by_another(void *arg) {
    (void)arg;
    struct raw_thread t;
    everywhere();
    raw_begin(&t, end_group, (void *)8);
    raw_sleep(&word_);
}

static void by_kill(void *arg) {
    everywhere();
    raise((int)(long)arg);
    for (;;) sched_yield();
}

static void touch(void *arg) {
    *(volatile int *)arg = 1;
}

static void by_fault(void *arg) {
    struct raw_thread t;
    everywhere();
    raw_begin(&t, touch, arg);
    raw_sleep(&word_);
}

/* Its tid is cleared when it is gone. */
static volatile int first;

static void wait_for_first(void) {
    int tid;
    while ((tid = first) != 0) raw_futex(&first, FUTEX_WAIT, tid, NULL);
}

static void leader_alone(void *arg) {
    struct raw_thread t;
    first = (int)raw(SYS_set_tid_address, &first);
    raw_begin(&t, arg, NULL);
    raw(SYS_exit, 9);
}

static void linger(void *arg) {
    (void)arg;
    wait_for_first();
    raw(SYS_exit, 4);
}

static void linger_group(void *arg) {
    (void)arg;
    wait_for_first();
    raw(SYS_exit_group, 5);
}

static void others_end(void *arg) {
    struct raw_thread t;
    raw_begin(&t, at_once, NULL);
    raw_join(&t);
    _exit((int)(long)arg);
}

static void fork_and_exec_in_thread(void *arg) {
    long *pid = arg;
    *pid = raw(SYS_fork);
    if (*pid == 0) raw(SYS_exit_group, raw(SYS_gettid) == raw(SYS_getpid) ? 3 : 4);
}

static void fork_in_thread(void) {
    struct raw_thread t[3];
    static long pid;
    int status = 0;
    for (int i = 0; i < 2; i++) raw_begin(&t[i], in_yields, NULL);
    raw_begin(&t[2], fork_and_exec_in_thread, &pid);
    raw_join(&t[2]);
    waitpid((pid_t)pid, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

static void forks(void *arg) {
    (void)arg;
    fork_in_thread();
}

static void status_is(int status, int exited, int sig, const char *what) {
    if (sig) is_int(WIFSIGNALED(status) ? WTERMSIG(status) : -1, sig, "%s", what);
    else is_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1, exited, "%s", what);
}

int main(void) {
    uint64_t threads = knob("kern.threads"), processes = knob("kern.processes");
    plan(9 + 4);
    status_is(as_root(by_exit_group, NULL), 7, 0, "exit_group ends threads wherever they are");
    status_is(as_root(by_another, NULL), 8, 0, "by whichever thread");
    status_is(as_root(by_kill, (void *)SIGKILL), 0, SIGKILL, "SIGKILL ends all of them");
    status_is(as_root(by_kill, (void *)SIGTERM), 0, SIGTERM, "a signal that nobody handles does, too");
    status_is(as_root(by_fault, NULL), 0, SIGSEGV, "and a fault of one of them");
    status_is(as_root(leader_alone, linger), 4, 0, "the first thread may end first: the last one's exit is the status");
    status_is(as_root(leader_alone, linger_group), 5, 0, "or its exit_group");
    status_is(as_root(others_end, (void *)6), 6, 0, "and the other way round");
    status_is(as_root(forks, NULL), 3, 0, "a fork in a thread has one thread, the first of its process");
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    is_int(threads_here(), 1, "here nothing has changed");
    is_int(knob_change("kern.threads", threads), 0, "I8: no thread is left");
    is_int(knob_change("kern.processes", processes), 0, "I8: nor a process");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
