/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Priority inheritance by PI futexes and by mutexes of PTHREAD_PRIO_INHERIT: who holds what a more urgent thread waits for
 * runs before a third one between the two in priority; along a chain of owners; no longer than it holds it; and when
 * priorities change, or waiters leave, meanwhile.
 */
#include <pthread.h>

#include "tests/user/inherit.h"

enum { GO_L, GO_M };

static volatile int f1, f2;
static volatile int gave_up;

static void lock(volatile int *f) {
    if (raw(SYS_futex, f, FUTEX_LOCK_PI_PRIVATE, 0, NULL, 0, 0) != 0) note('!');
}

static void unlock(volatile int *f) {
    if (raw(SYS_futex, f, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, 0, 0) != 0) note('!');
}

/* ---- the parts ---- */

/* Holds f1 until it is told; notes L with it, l without. */
static void holds(void) {
    lock(&f1);
    await_cue(GO_L);
    note('L');
    unlock(&f1);
    note('l');
}

static void wants_first(void) {
    lock(&f1);
    note('H');
    unlock(&f1);
}

/* Holds f2, and waits for f1. */
static void holds_and_wants(void) {
    lock(&f2);
    lock(&f1);
    note('K');
    unlock(&f1);
    unlock(&f2);
    note('k');
}

static void wants_second(void) {
    lock(&f2);
    note('H');
    unlock(&f2);
}

/* For a moment. */
static void gives_up(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 5000000;
    if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
    if (raw(SYS_futex, &f2, FUTEX_LOCK_PI_PRIVATE, 0, &t, 0, 0) != -ETIMEDOUT) note('!');
    raw_post(&gave_up, 1);
}

static void between(void) {
    await_cue(GO_M);
    note('M');
}

static struct actor l, k, h, m;

static const char *all_go(void) {
    say(GO_M);
    say(GO_L);
    return finish();
}

/* ---- the plays ---- */

static void one_lock(void) {
    stage_begin();
    actor(&l, holds, 10);
    all_wait();
    actor(&h, wants_first, 30);
    actor(&m, between, 20);
    all_wait();
    is_str(all_go(), "LHMl", "the owner runs before M as long as H waits for it, and after it from then on");
}

static void nobody_waits(void) {
    stage_begin();
    actor(&l, holds, 10);
    actor(&m, between, 20);
    all_wait();
    is_str(all_go(), "MLl", "an owner that nobody waits for runs as it is");
}

static void chain(void) {
    stage_begin();
    actor(&l, holds, 10);
    all_wait();
    actor(&k, holds_and_wants, 11);
    all_wait();
    actor(&h, wants_second, 30);
    actor(&m, between, 20);
    all_wait();
    is_str(all_go(), "LKHMkl", "so does the owner of what the owner waits for");
}

static void raised(void) {
    stage_begin();
    actor(&l, holds, 10);
    all_wait();
    actor(&h, wants_first, 11);
    actor(&m, between, 20);
    all_wait();
    set_priority(h.thread.born, 30);
    is_str(all_go(), "LHMl", "a waiter that is raised lifts the owner");
}

static void raised_and_lowered(void) {
    stage_begin();
    actor(&l, holds, 10);
    all_wait();
    actor(&k, holds_and_wants, 11);
    all_wait();
    actor(&h, wants_second, 12);
    actor(&m, between, 20);
    all_wait();
    set_priority(h.thread.born, 30);
    set_priority(h.thread.born, 12);
    is_str(all_go(), "MLKHkl", "and one that is lowered lets it down again, along the chain");
}

static void given_up(void) {
    gave_up = 0;
    stage_begin();
    actor(&l, holds, 10);
    all_wait();
    actor(&k, holds_and_wants, 11);
    all_wait();
    actor(&m, between, 20);
    actor(&h, gives_up, 30);
    raw_wait_while(&gave_up, 0);
    all_wait();
    is_str(all_go(), "MLKkl", "one that gives up lets down the owner, and the owner's owner");
}

/* ---- pthreads ---- */

static pthread_mutex_t mutex;

static void *pthread_holds(void *arg) {
    set_priority(0, 10);
    pthread_mutex_lock(&mutex);
    await_cue(GO_L);
    note('L');
    pthread_mutex_unlock(&mutex);
    note('l');
    return arg;
}

static void *pthread_wants(void *arg) {
    set_priority(0, 30);
    pthread_mutex_lock(&mutex);
    note('H');
    pthread_mutex_unlock(&mutex);
    return arg;
}

static void *pthread_between(void *arg) {
    set_priority(0, 20);
    between();
    return arg;
}

static void pthreads(int protocol, const char *expected, const char *what) {
    void *(*const part[])(void *) = {pthread_holds, pthread_wants, pthread_between};
    pthread_t t[3];
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setprotocol(&a, protocol);
    pthread_mutex_init(&mutex, &a);
    stage_begin();
    for (int i = 0; i < 3; i++) {
        if (pthread_create(&t[i], NULL, part[i], NULL) != 0) bail_out("no thread");
        all_wait();
    }
    say(GO_M);
    say(GO_L);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    is_str(finish(), expected, "%s", what);
    pthread_mutex_destroy(&mutex);
}

int main(void) {
    const struct sched_param one = {1}, none = {0};
    if (geteuid() != 0 || sched_setscheduler(0, SCHED_FIFO, &one) != 0) plan_skip_all("needs real-time priorities");
    sched_setscheduler(0, SCHED_OTHER, &none);
    plan(6 + 2 + 1);
    one_lock();
    nobody_waits();
    chain();
    raised();
    raised_and_lowered();
    given_up();
    pthreads(PTHREAD_PRIO_INHERIT, "LHMl", "PTHREAD_PRIO_INHERIT: the same");
    pthreads(PTHREAD_PRIO_NONE, "MLHl", "PTHREAD_PRIO_NONE: nothing of it");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
