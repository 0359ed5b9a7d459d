/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals among the threads of a process: each has its mask and its own pending set; what is sent to the process
 * goes to one that takes it, by handler or by sigtimedwait, and stays with the process until one does.
 */
#include <pthread.h>

#include "tests/user/signals.h"

#define RT 40
#define THREADS 4

static volatile int count, where, up, go, stop;

static int me(void) {
    return (int)syscall(SYS_gettid);
}

static void notes(int sig) {
    (void)sig;
    where = me();
    __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
}

static pthread_t start(void *(*fn)(void *), void *arg) {
    pthread_t t;
    if (pthread_create(&t, NULL, fn, arg)) bail_out("pthread_create");
    return t;
}

static void reset(void) {
    count = where = up = go = stop = 0;
}

/* ---- to the process ---- */

static void *asleep(void *tid) {
    block(SIGUSR1);
    *(volatile int *)tid = me();
    up = 1;
    while (!stop) raw_sigsuspend(0);
    return NULL;
}

static void to_whom(void) {
    volatile int tid = 0;
    reset();
    handle(SIGUSR1, notes, 0);
    block(SIGUSR1);
    pthread_t t = start(asleep, (void *)&tid);
    await(&up, 1);
    await_state(tid, "S");
    kill(getpid(), SIGUSR1);
    ok(await(&count, 1), "a signal to the process is handled");
    is_int(where, tid, "by the thread that does not block it, though it slept");
    raise(SIGUSR1);
    await_state(tid, "S");
    is_int(count, 1, "a signal to a thread that blocks it waits");
    stop = 1;
    syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
    pthread_join(t, NULL);
    is_int(where, tid, "a signal to a thread goes there");
    is_int(count, 2, "and there alone");
    unblock(SIGUSR1);
    is_int(where, me(), "the other's came to itself");
    is_int(count, 3, "once");
}

/* Nobody takes it, then somebody comes. */
static void *unblocks(void *arg) {
    (void)arg;
    while (!go) sched_yield();
    unblock(SIGUSR1);
    where = -where;
    return NULL;
}

static void later(void) {
    reset();
    block(SIGUSR1);
    pthread_t t = start(unblocks, NULL);
    kill(getpid(), SIGUSR1);
    await_pending(SIGUSR1);
    is_int(count, 0, "blocked by all, it waits");
    go = 1;
    pthread_join(t, NULL);
    is_int(count, 1, "for the first that unblocks it");
    ok(where < 0 && -where != me(), "which is where it ran");
    unblock(SIGUSR1);
    is_int(count, 1, "nothing is left for the others");
}

/* A thread that was to take it ends before. */
static void *ends(void *arg) {
    (void)arg;
    block(SIGUSR2);
    unblock(SIGUSR1);
    up = 1;
    while (!go) sched_yield();
    return NULL;
}

static void handed_on(void) {
    reset();
    handle(SIGUSR1, notes, 0);
    for (int i = 0; i < 20; i++) {
        block(SIGUSR1);
        up = go = count = 0;
        pthread_t t = start(ends, NULL);
        await(&up, 1);
        go = 1;
        kill(getpid(), SIGUSR1);
        pthread_join(t, NULL);
        unblock(SIGUSR1);
        if (count != 1) break;
    }
    is_int(count, 1, "a thread that ends loses no signal of the process, twenty times");
}

/* ---- waiting for it ---- */

static volatile int taken;

static void *waiter(void *arg) {
    siginfo_t si;
    block(RT);
    __atomic_add_fetch(&up, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        int sig = raw_sigtimedwait(BIT(RT), &si, NULL);
        if (sig != RT) continue;
        if (si.si_value.sival_int < 0) return arg;
        __atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
    }
}

static void shared_out(void) {
    pthread_t t[THREADS];
    reset();
    taken = 0;
    block(RT);
    for (int i = 0; i < THREADS; i++) t[i] = start(waiter, NULL);
    await(&up, THREADS);
    for (int i = 0; i < 500; i++)
        while (raw_sigqueue(getpid(), RT, i) != 0) sched_yield();
    await(&taken, 500);
    is_int(taken, 500, "500 signals, %d threads that wait: each is taken once", THREADS);
    for (int i = 0; i < THREADS; i++) raw_sigqueue(getpid(), RT, -1);
    for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    sigset_t pending;
    sigpending(&pending);
    ok(!sigismember(&pending, RT), "none is left");
    unblock(RT);
}

/*
 * One CPU. The thread that waits is woken for SIGUSR1 of the process, which another, more urgent, takes before it runs: it
 * has seen nothing, so it waits on. Linux ends its call with EINTR.
 */
static volatile int waiting, got; /* nothing yet: 0 */

static void *waits(void *arg) {
    unblock(SIGUSR1);
    waiting = me();
    got = raw_sigtimedwait(BIT(RT), NULL, NULL);
    raw_sigtimedwait(BIT(RT + 1), NULL, NULL);
    return arg;
}

static int set_policy(int policy, int priority) {
    return (int)syscall(SYS_sched_setscheduler, 0, policy, &priority);
}

static void stolen(void) {
    unsigned long one = 1, before;
    reset();
    long size = syscall(SYS_sched_getaffinity, 0, sizeof before, &before);
    syscall(SYS_sched_setaffinity, 0, sizeof one, &one);
    block(SIGUSR1);
    block(RT);
    block(RT + 1);
    pthread_t t = start(waits, NULL);
    await(&waiting, 1);
    await_state(waiting, "S");
    if (set_policy(SCHED_FIFO, 10)) bail_out("no SCHED_FIFO: %s", strerror(errno));
    kill(getpid(), SIGUSR1);
    unblock(SIGUSR1);
    is_int(where, me(), "a signal that one was woken for is taken by another");
    set_policy(SCHED_OTHER, 0);
    await_state(waiting, "S");
    if (on_holdfast()) is_int(got, 0, "who waits for a different one waits on");
    else skip(1, "Linux says EINTR");
    syscall(SYS_tgkill, getpid(), waiting, RT);
    while (!got) sched_yield();
    if (on_holdfast()) is_int(got, RT, "until it comes");
    else skip(1, "Linux says EINTR");
    syscall(SYS_tgkill, getpid(), waiting, RT + 1);
    pthread_join(t, NULL);
    unblock(RT);
    unblock(RT + 1);
    syscall(SYS_sched_setaffinity, 0, (size_t)size, &before);
}

/* ---- handlers in all of them, from all of them ---- */

static volatile int handled;

static void bumps(int sig) {
    (void)sig;
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

static void *storm(void *arg) {
    volatile double x = 1.25, y = (double)(long)arg;
    for (int i = 0; i < 300; i++) {
        while (raw_sigqueue(getpid(), RT + 1, i) != 0) sched_yield();
        if (x * 4 != 5 || y != (double)(long)arg) return (void *)1;
        if (i % 16 == 0) sched_yield();
    }
    return NULL;
}

static void storms(void) {
    pthread_t t[THREADS];
    int bad = 0;
    handle(RT + 1, bumps, SA_RESTART);
    handled = 0;
    for (long i = 0; i < THREADS; i++) t[i] = start(storm, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(t[i], &result);
        bad += result != NULL;
    }
    await(&handled, THREADS * 300);
    is_int(handled, THREADS * 300, "each of %d signals from all to all is handled once", THREADS * 300);
    is_int(bad, 0, "and disturbs nobody's registers");
}

/* ---- the end ---- */

static void *sleeps(void *arg) {
    up = 1;
    for (;;) syscall(SYS_pause);
    return arg;
}

static void fault_in_thread(void *arg) {
    (void)arg;
    up = 0;
    start(sleeps, NULL);
    await(&up, 1);
    *(volatile char *)arg = 1;
}

static void fatal_to_thread(void *arg) {
    (void)arg;
    volatile int tid = 0;
    handle(SIGUSR1, notes, 0);
    block(SIGUSR1);
    start(asleep, (void *)&tid);
    await(&tid, 1);
    syscall(SYS_tgkill, getpid(), tid, SIGTERM);
    for (;;) syscall(SYS_pause);
}

int main(void) {
    to_whom();
    later();
    handed_on();
    shared_out();
    stolen();
    storms();
    is_int(fate_of(fault_in_thread, NULL), 1000 + SIGSEGV, "a fault ends all threads");
    is_int(fate_of(fatal_to_thread, NULL), 1000 + SIGTERM, "a fatal signal to one ends all");
    fails(syscall(SYS_tgkill, getpid(), 4194000, SIGUSR1), ESRCH, "no such thread");
    return done_testing();
}
