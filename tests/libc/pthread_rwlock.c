/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Read-write locks: their attributes, between processes, and every way to wait for one until a time.
 */
#include "tests/user/support.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define ROUNDS 500

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void attributes(void) {
    pthread_rwlockattr_t a;
    int value = -1;

    is_int(pthread_rwlockattr_init(&a), 0, "attributes");
    is_int(pthread_rwlockattr_getpshared(&a, &value), 0, "read");
    is_int(value, PTHREAD_PROCESS_PRIVATE, "a process's own, at first");
    is_int(pthread_rwlockattr_setpshared(&a, 2), EINVAL, "shared or not");
    is_int(pthread_rwlockattr_setpshared(&a, PTHREAD_PROCESS_SHARED), 0, "shared");
    pthread_rwlockattr_getpshared(&a, &value);
    is_int(value, PTHREAD_PROCESS_SHARED, "read back");
    pthread_rwlockattr_setpshared(&a, PTHREAD_PROCESS_PRIVATE);
    pthread_rwlockattr_getpshared(&a, &value);
    is_int(value, PTHREAD_PROCESS_PRIVATE, "and again not");
    is_int(pthread_rwlockattr_destroy(&a), 0, "destroyed");
}

/* --- Between processes ----------------------------------------------------------------------- */

struct board {
    pthread_rwlock_t lock;
    long count[2]; /* alike, but while somebody writes */
    int good;
};

static void make_shared(pthread_rwlock_t *l) {
    pthread_rwlockattr_t a;

    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    is_int(pthread_rwlock_init(l, &a), 0, "a lock that processes share");
    pthread_rwlockattr_destroy(&a);
}

static int reap(pid_t child) {
    int status = -1;

    waitpid(child, &status, 0);
    return status;
}

/* Whoever sleeps for it in one process is woken by the other. */
static void woken_across(bool write) {
    struct board *b = shared(sizeof *b);

    make_shared(&b->lock);
    pthread_rwlock_wrlock(&b->lock);
    pid_t child = fork();
    if (child == 0) {
        b->good += pthread_rwlock_tryrdlock(&b->lock) == EBUSY && pthread_rwlock_trywrlock(&b->lock) == EBUSY;
        b->good += (write ? pthread_rwlock_wrlock : pthread_rwlock_rdlock)(&b->lock) == 0;
        b->good += pthread_rwlock_unlock(&b->lock) == 0;
        _exit(0);
    }
    await_state(child, "S");
    is_int(b->good, 1, "another process is kept out");
    pthread_rwlock_unlock(&b->lock);
    is_int(reap(child), 0, "and woken");
    is_int(b->good, 3, "as a %s", write ? "writer" : "reader");
    is_int(pthread_rwlock_destroy(&b->lock), 0, "then it is free");
}

static int mix(struct board *b) {
    int torn = 0;

    for (int i = 0; i < ROUNDS; i++) {
        pthread_rwlock_wrlock(&b->lock);
        b->count[0]++;
        if (i % 50 == 0) sched_yield();
        b->count[1]++;
        pthread_rwlock_unlock(&b->lock);
        pthread_rwlock_rdlock(&b->lock);
        torn += b->count[0] != b->count[1];
        pthread_rwlock_unlock(&b->lock);
    }
    return torn;
}

static void exclusion(void) {
    struct board *b = shared(sizeof *b);

    make_shared(&b->lock);
    pid_t child = fork();
    if (child == 0) _exit(mix(b) != 0);
    is_int(mix(b), 0, "no half of another process's change is seen");
    is_int(reap(child), 0, "on either side");
    is_int(b->count[0], 2 * ROUNDS, "and no change is lost");
}

/* --- Until a time ---------------------------------------------------------------------------- */

enum way { TIMED_READ, TIMED_WRITE, CLOCK_READ, CLOCK_WRITE };

static const struct try {
    const char *name;
    enum way way;
    clockid_t clock;
} tries[] = {
    {"timedrdlock", TIMED_READ, CLOCK_REALTIME},        {"timedwrlock", TIMED_WRITE, CLOCK_REALTIME},
    {"clockrdlock, realtime", CLOCK_READ, CLOCK_REALTIME}, {"clockwrlock, realtime", CLOCK_WRITE, CLOCK_REALTIME},
    {"clockrdlock, monotonic", CLOCK_READ, CLOCK_MONOTONIC}, {"clockwrlock, monotonic", CLOCK_WRITE, CLOCK_MONOTONIC},
};

static int take(const struct try *t, const struct timespec *until) {
    switch (t->way) {
    case TIMED_READ: return pthread_rwlock_timedrdlock(&lock, until);
    case TIMED_WRITE: return pthread_rwlock_timedwrlock(&lock, until);
    case CLOCK_READ: return pthread_rwlock_clockrdlock(&lock, t->clock, until);
    default: return pthread_rwlock_clockwrlock(&lock, t->clock, until);
    }
}

static struct timespec from_now(clockid_t clock, long ms) {
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
    return t;
}

struct attempt {
    const struct try *try;
    volatile pid_t tid;
    int past, soon, bad, late;
    bool in_time; /* did the wait end before its time? */
};

/* While another thread writes: until it unlocks, in the end. */
static void *attempt(void *arg) {
    struct attempt *a = arg;
    struct timespec soon = from_now(a->try->clock, 5), hour = from_now(a->try->clock, 3600000), now;

    a->past = take(a->try, &(struct timespec){.tv_sec = 1});
    a->bad = take(a->try, &(struct timespec){.tv_nsec = 1000000000});
    a->soon = take(a->try, &soon);
    clock_gettime(a->try->clock, &now);
    a->in_time = now.tv_sec < soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec < soon.tv_nsec);
    a->tid = gettid();
    a->late = take(a->try, &hour);
    if (a->late == 0) pthread_rwlock_unlock(&lock);
    return NULL;
}

static void until(const struct try *t) {
    struct attempt a = {.try = t};
    pthread_t thread;

    is_int(take(t, &(struct timespec){.tv_sec = 1}), 0, "%s: free, it is had, whatever the time", t->name);
    pthread_rwlock_unlock(&lock);
    pthread_rwlock_wrlock(&lock);
    is_int(take(t, &(struct timespec){.tv_sec = 1}), EDEADLK, "its writer cannot wait for itself");
    pthread_create(&thread, NULL, attempt, &a);
    while (!a.tid) sched_yield();
    await_state(a.tid, "S");
    pthread_rwlock_unlock(&lock);
    pthread_join(thread, NULL);
    is_int(a.past, ETIMEDOUT, "a time that is past");
    is_int(a.bad, EINVAL, "one that is none");
    ok(a.soon == ETIMEDOUT && !a.in_time, "one that comes, not before it has");
    is_int(a.late, 0, "one that does not: had when it is unlocked");
    is_int(pthread_rwlock_destroy(&lock), 0, "and free in the end");
}

/* A reader does not keep readers waiting, but writers. */
static void beside_a_reader(void) {
    pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        bool write = tries[i].way == TIMED_WRITE || tries[i].way == CLOCK_WRITE;
        struct timespec soon = from_now(tries[i].clock, 1);
        int error = take(&tries[i], &soon);
        is_int(error, write ? ETIMEDOUT : 0, "%s beside a reader", tries[i].name);
        if (!error) pthread_rwlock_unlock(&lock);
    }
    pthread_rwlock_unlock(&lock);
    is_int(pthread_rwlock_clockrdlock(&lock, 12345, &(struct timespec){0}), EINVAL, "a clock that is none, to read");
    is_int(pthread_rwlock_clockwrlock(&lock, CLOCK_PROCESS_CPUTIME_ID, &(struct timespec){0}), EINVAL, "to write");
}

int main(void) {
    plan(0);
    attributes();
    woken_across(false);
    woken_across(true);
    exclusion();
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) until(&tries[i]);
    beside_a_reader();
    return done_testing();
}
