/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What attributes say is read back, refused where it is none, and takes effect; policies and priorities of threads and
 * processes, set and read.
 */
#include "tests/user/support.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <time.h>

/* --- Threads' attributes --------------------------------------------------------------------- */

struct seen {
    int policy, priority;
    size_t stack;
};

static void *look(void *to) {
    struct seen *s = to;
    struct sched_param p;
    pthread_attr_t a;

    s->policy = sched_getscheduler(0);
    sched_getparam(0, &p);
    s->priority = p.sched_priority;
    pthread_getattr_np(pthread_self(), &a);
    pthread_attr_getstacksize(&a, &s->stack);
    return NULL;
}

static struct seen made_with(const pthread_attr_t *a) {
    struct seen s = {-1, -1, 0};
    pthread_t t;

    if (pthread_create(&t, a, look, &s) == 0) pthread_join(t, NULL);
    return s;
}

static void stacks(void) {
    pthread_attr_t a;
    size_t size = 0, at_first;

    pthread_attr_init(&a);
    is_int(pthread_attr_getstacksize(&a, &at_first), 0, "the usual size of a stack");
    ok(at_first >= PTHREAD_STACK_MIN, "is enough (%zu)", at_first);
    is_int(pthread_attr_setstacksize(&a, 3 << 20), 0, "another");
    pthread_attr_getstacksize(&a, &size);
    is_int((long)size, 3 << 20, "is read back");
    ok(made_with(&a).stack >= 3 << 20, "and is what the thread has");
    is_int(pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN - 1), EINVAL, "too small");
    pthread_attr_getstacksize(&a, &size);
    is_int((long)size, 3 << 20, "changes nothing");
}

static void scheduling(void) {
    struct sched_param p = {.sched_priority = 7};
    pthread_attr_t a;
    int value = -1;

    pthread_attr_init(&a);
    is_int(pthread_attr_getinheritsched(&a, &value), 0, "whence the policy");
    is_int(value, PTHREAD_INHERIT_SCHED, "the maker's, at first");
    is_int(pthread_attr_setinheritsched(&a, 7), EINVAL, "one of two ways");
    is_int(pthread_attr_getschedpolicy(&a, &value), 0, "a policy");
    is_int(value, SCHED_OTHER, "the usual one");
    is_int(pthread_attr_setschedpolicy(&a, 77), EINVAL, "a policy that is none");
    is_int(pthread_attr_setschedpolicy(&a, SCHED_FIFO), 0, "another");
    pthread_attr_getschedpolicy(&a, &value);
    is_int(value, SCHED_FIFO, "is read back");
    is_int(pthread_attr_setschedparam(&a, &p), 0, "a priority");
    p.sched_priority = 100;
    is_int(pthread_attr_setschedparam(&a, &p), EINVAL, "one that is none");
    p.sched_priority = -1;
    is_int(pthread_attr_setschedparam(&a, &p), EINVAL, "nor this");
    is_int(pthread_attr_getschedparam(&a, &p), 0, "it is read back");
    is_int(p.sched_priority, 7, "as it was");
    is_int(made_with(&a).policy, SCHED_OTHER, "all of it nothing to a thread that inherits");
    is_int(pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED), 0, "to be taken from here");
    pthread_attr_getinheritsched(&a, &value);
    is_int(value, PTHREAD_EXPLICIT_SCHED, "is read back");
    struct seen s = made_with(&a);
    ok(s.policy == SCHED_FIFO && s.priority == 7, "and is what the thread has (%d, %d)", s.policy, s.priority);
}

static void scopes(void) {
    pthread_attr_t a;
    int value = -1;

    pthread_attr_init(&a);
    is_int(pthread_attr_setscope(&a, PTHREAD_SCOPE_SYSTEM), 0, "threads compete in the system");
    is_int(pthread_attr_setscope(&a, PTHREAD_SCOPE_PROCESS), ENOTSUP, "not in their process");
    is_int(pthread_attr_setscope(&a, 77), EINVAL, "nor elsewhere");
    is_int(pthread_attr_getscope(&a, &value), 0, "read");
    is_int(value, PTHREAD_SCOPE_SYSTEM, "in the system");
}

/* --- Shared between processes ---------------------------------------------------------------- */

static void shared_barrier(void) {
    pthread_barrier_t *b = shared(sizeof *b);
    pthread_barrierattr_t a;
    int value = -1, serial = 0, status = -1;

    is_int(pthread_barrierattr_init(&a), 0, "a barrier's attributes");
    pthread_barrierattr_getpshared(&a, &value);
    is_int(value, PTHREAD_PROCESS_PRIVATE, "a process's own, at first");
    is_int(pthread_barrierattr_setpshared(&a, 7), EINVAL, "shared or not");
    is_int(pthread_barrierattr_setpshared(&a, PTHREAD_PROCESS_SHARED), 0, "shared");
    is_int(pthread_barrierattr_getpshared(&a, &value), 0, "read");
    is_int(value, PTHREAD_PROCESS_SHARED, "as set");
    pthread_barrier_init(b, &a, 2);
    is_int(pthread_barrierattr_destroy(&a), 0, "destroyed");
    pid_t child = fork();
    if (child == 0) _exit(pthread_barrier_wait(b) == PTHREAD_BARRIER_SERIAL_THREAD);
    await_state(child, "S");
    serial = pthread_barrier_wait(b) == PTHREAD_BARRIER_SERIAL_THREAD;
    waitpid(child, &status, 0);
    is_int(serial + WEXITSTATUS(status), 1, "two processes meet, and one of them is told so");
}

static void shared_cond(void) {
    pthread_condattr_t a;
    int value = -1;

    is_int(pthread_condattr_init(&a), 0, "a condition's attributes");
    is_int(pthread_condattr_getpshared(&a, &value), 0, "read");
    is_int(value, PTHREAD_PROCESS_PRIVATE, "a process's own, at first");
    is_int(pthread_condattr_setpshared(&a, 7), EINVAL, "shared or not");
    is_int(pthread_condattr_setpshared(&a, PTHREAD_PROCESS_SHARED), 0, "shared");
    pthread_condattr_getpshared(&a, &value);
    is_int(value, PTHREAD_PROCESS_SHARED, "is read back");
    is_int(pthread_condattr_destroy(&a), 0, "destroyed");
}

static void spin_locks(void) {
    pthread_spinlock_t l;

    is_int(pthread_spin_init(&l, 7), EINVAL, "a spin lock: shared or not");
    is_int(pthread_spin_init(&l, PTHREAD_PROCESS_PRIVATE), 0, "made");
    pthread_spin_lock(&l);
    is_int(pthread_spin_destroy(&l), EBUSY, "not destroyed while it is taken");
    pthread_spin_unlock(&l);
    is_int(pthread_spin_destroy(&l), 0, "destroyed");
}

/* --- Policies of those that live ------------------------------------------------------------- */

static sem_t leave;
static volatile pid_t tid;

static void *stay(void *arg) {
    tid = gettid();
    while (sem_wait(&leave)) continue;
    return arg;
}

static bool has(pthread_t t, int policy, int priority) {
    struct sched_param p = {.sched_priority = -1};
    int got = -1, kernel = sched_getscheduler(tid);

    return pthread_getschedparam(t, &got, &p) == 0 && got == policy && p.sched_priority == priority && kernel == policy;
}

static void of_a_thread(void) {
    struct sched_param p = {.sched_priority = 5}, none = {.sched_priority = 0};
    pthread_t t;

    sem_init(&leave, 0, 0);
    pthread_create(&t, NULL, stay, NULL);
    while (!tid) sched_yield();
    is_int(pthread_setschedprio(t, 0), 0, "the only priority of the usual policy");
    is_int(pthread_setschedprio(t, 5), EINVAL, "not another");
    ok(has(t, SCHED_OTHER, 0), "nothing has changed");
    is_int(pthread_setschedparam(t, SCHED_FIFO, &p), 0, "a thread's policy");
    ok(has(t, SCHED_FIFO, 5), "is read back");
    is_int(pthread_setschedprio(t, 9), 0, "its priority alone");
    ok(has(t, SCHED_FIFO, 9), "is read back");
    is_int(pthread_setschedprio(t, 0), EINVAL, "not 0");
    is_int(pthread_setschedprio(t, 100), EINVAL, "nor 100");
    is_int(pthread_setschedparam(t, 77, &p), EINVAL, "a policy that is none");
    is_int(pthread_setschedparam(t, SCHED_RR, &none), EINVAL, "a priority that does not go with it");
    ok(has(t, SCHED_FIFO, 9), "none of it has changed anything");
    is_int(sched_getscheduler(0), SCHED_OTHER, "nor has any of it changed another thread's");
    sem_post(&leave);
    while (pthread_setschedprio(t, 9) == 0) sched_yield();
    is_int(pthread_setschedprio(t, 9), ESRCH, "a thread that has ended has none");
    is_int(pthread_setschedparam(t, SCHED_FIFO, &p), ESRCH, "nor a policy");
    pthread_join(t, NULL);
}

static void of_this_one(void) {
    struct sched_param p = {.sched_priority = 0};
    struct timespec slice = {-1, -1};

    is_int(sched_setparam(0, &p), 0, "sched_setparam");
    p.sched_priority = 3;
    fails(sched_setparam(0, &p), EINVAL, "with a priority that does not go with the policy");
    fails(sched_setparam(-1, &p), EINVAL, "of a process that is none");
    fails(sched_setparam(4194000, &p), ESRCH, "or is not there");
    is_int(sched_setscheduler(0, SCHED_RR, &p), 0, "in turns");
    p.sched_priority = 8;
    is_int(sched_setparam(0, &p), 0, "another priority");
    p.sched_priority = -1;
    is_int(sched_getparam(0, &p), 0, "read");
    ok(p.sched_priority == 8 && sched_getscheduler(0) == SCHED_RR, "back, and the policy is the same");
    is_int(sched_rr_get_interval(0, &slice), 0, "how long a turn is");
    ok(slice.tv_sec == 0 && slice.tv_nsec > 0 && slice.tv_nsec < 1000000000, "less than a second (%ld ns)", slice.tv_nsec);
    is_int(sched_setscheduler(0, SCHED_FIFO, &p), 0, "without turns");
    is_int(sched_rr_get_interval(0, &slice), 0, "then");
    ok(slice.tv_sec == 0 && slice.tv_nsec == 0, "it is 0");
    p.sched_priority = 0;
    is_int(sched_setscheduler(0, SCHED_OTHER, &p), 0, "and back");
    fails(sched_rr_get_interval(-1, &slice), EINVAL, "a turn of a process that is none");
    fails(sched_rr_get_interval(4194000, &slice), ESRCH, "or is not there");
}

int main(void) {
    plan(0);
    stacks();
    scheduling();
    scopes();
    shared_barrier();
    shared_cond();
    spin_locks();
    of_a_thread();
    of_this_one();
    return done_testing();
}
