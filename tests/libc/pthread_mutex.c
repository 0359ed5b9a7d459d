/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Mutexes: each type and what it refuses, deadlines, the death of an owner, priority inheritance,
 * two processes.
 */
#include "tests/user/support.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS  20000

struct kind {
    const char *name;
    int type, robust, protocol, pshared;
};

static const struct kind kinds[] = {
    {"normal", PTHREAD_MUTEX_NORMAL, 0, 0, 0},
    {"recursive", PTHREAD_MUTEX_RECURSIVE, 0, 0, 0},
    {"errorcheck", PTHREAD_MUTEX_ERRORCHECK, 0, 0, 0},
    {"shared", PTHREAD_MUTEX_NORMAL, 0, 0, 1},
    {"robust", PTHREAD_MUTEX_ERRORCHECK, 1, 0, 0},
    {"inheriting", PTHREAD_MUTEX_ERRORCHECK, 0, 1, 0},
    {"robust inheriting", PTHREAD_MUTEX_RECURSIVE, 1, 1, 0},
    {"all at once", PTHREAD_MUTEX_ERRORCHECK, 1, 1, 1},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void make(pthread_mutex_t *m, const struct kind *k) {
    pthread_mutexattr_t a;

    pthread_mutexattr_init(&a);
    if (pthread_mutexattr_settype(&a, k->type) || pthread_mutexattr_setrobust(&a, k->robust) ||
        pthread_mutexattr_setprotocol(&a, k->protocol) ||
        pthread_mutexattr_setpshared(&a, k->pshared) || pthread_mutex_init(m, &a))
        bail_out("no mutex");
    pthread_mutexattr_destroy(&a);
}

struct shared {
    pthread_mutex_t mutex;
    long counter;
    int errors;
};

static void *add(void *arg) {
    struct shared *s = arg;

    for (int i = 0; i < ROUNDS; i++) {
        int error = i % 3 ? pthread_mutex_lock(&s->mutex) : pthread_mutex_trylock(&s->mutex);
        if (error == EBUSY) error = pthread_mutex_lock(&s->mutex);
        long now = s->counter;
        if (i % 100 == 0) sched_yield();
        s->counter = now + 1;
        if (error || pthread_mutex_unlock(&s->mutex)) __atomic_add_fetch(&s->errors, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void exclusion(const struct kind *k) {
    struct shared s = {.counter = 0};
    pthread_t t[THREADS];

    make(&s.mutex, k);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, add, &s)) bail_out("no thread");
    for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    is_int(s.counter, THREADS * ROUNDS, "%s: nothing is lost between four threads", k->name);
    is_int(s.errors, 0, "%s: no call failed", k->name);
    is_int(pthread_mutex_destroy(&s.mutex), 0, "%s: destroyed", k->name);
}

static const struct timespec long_ago = {.tv_sec = 1};
static const struct timespec no_time = {.tv_nsec = 1000000000};

/* What another thread sees of a mutex that this one holds: three answers in one number. */
static void *try_all(void *mutex) {
    int tried = pthread_mutex_trylock(mutex);
    int timed = pthread_mutex_timedlock(mutex, &long_ago);
    int clocked = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &long_ago);
    int invalid = pthread_mutex_timedlock(mutex, &no_time);
    int given = pthread_mutex_unlock(mutex);

    return (void *)(long)(tried == EBUSY && timed == ETIMEDOUT && clocked == ETIMEDOUT &&
                          invalid == EINVAL && given == EPERM);
}

static void answers(const struct kind *k) {
    pthread_mutex_t m;
    pthread_t t;
    void *good = NULL;
    bool recursive = k->type == PTHREAD_MUTEX_RECURSIVE, normal = k->type == PTHREAD_MUTEX_NORMAL;

    make(&m, k);
    is_int(pthread_mutex_lock(&m), 0, "%s: locked", k->name);
    is_int(pthread_mutex_trylock(&m), recursive ? 0 : EBUSY, "%s: tried by its owner", k->name);
    if (!normal)
        is_int(pthread_mutex_lock(&m), recursive ? 0 : EDEADLK, "%s: again by its owner", k->name);
    if (recursive) is_int(pthread_mutex_unlock(&m) | pthread_mutex_unlock(&m), 0, "and back");
    if (normal)
        is_int(pthread_mutex_timedlock(&m, &long_ago), ETIMEDOUT, "%s: waits for itself", k->name);
    if (!normal) {
        pthread_create(&t, NULL, try_all, &m);
        pthread_join(t, &good);
        ok(good != NULL, "%s: EBUSY, ETIMEDOUT, EINVAL and EPERM for another thread", k->name);
    }
    is_int(pthread_mutex_destroy(&m), EBUSY, "%s: not destroyed while locked", k->name);
    is_int(pthread_mutex_unlock(&m), 0, "%s: unlocked", k->name);
    if (!normal) is_int(pthread_mutex_unlock(&m), EPERM, "%s: not twice", k->name);
    is_int(pthread_mutex_timedlock(&m, &long_ago), 0, "%s: a free one asks no clock", k->name);
    is_int(pthread_mutex_clocklock(&m, CLOCK_PROCESS_CPUTIME_ID, &long_ago), EINVAL,
           "%s: by a clock that nobody waits by", k->name);
    pthread_mutex_unlock(&m);
}

/* --- Death ----------------------------------------------------------------------------------- */

static void *die_holding(void *mutex) {
    return (void *)(long)pthread_mutex_lock(mutex);
}

static void owner_thread_dies(const struct kind *k) {
    pthread_mutex_t m, other;
    pthread_t t;

    make(&m, k);
    make(&other, k);
    pthread_mutex_lock(&other); /* a neighbour in the list */
    is_int(pthread_mutex_consistent(&m), EINVAL, "%s: nothing to make consistent", k->name);
    for (int round = 0; round < 2; round++) {
        pthread_create(&t, NULL, die_holding, &m);
        pthread_join(t, NULL);
        is_int(pthread_mutex_lock(&m), EOWNERDEAD, "%s: the next is told", k->name);
        is_int(pthread_mutex_consistent(&m), 0, "%s: made consistent", k->name);
        is_int(pthread_mutex_unlock(&m), 0, "%s: given back", k->name);
        is_int(pthread_mutex_lock(&m), 0, "%s: well again", k->name);
        is_int(pthread_mutex_unlock(&m), 0, "%s: given back", k->name);
    }
    pthread_create(&t, NULL, die_holding, &m);
    pthread_join(t, NULL);
    is_int(pthread_mutex_trylock(&m), EOWNERDEAD, "%s: trylock is told too", k->name);
    is_int(pthread_mutex_unlock(&m), 0, "%s: given back as it is", k->name);
    is_int(pthread_mutex_lock(&m), ENOTRECOVERABLE, "%s: lost for good", k->name);
    is_int(pthread_mutex_trylock(&m), ENOTRECOVERABLE, "%s: also for trylock", k->name);
    pthread_mutex_unlock(&other);
}

static volatile pid_t tids[THREADS];
static int arrived;

static void *lock_and_say(void *mutex) {
    tids[__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST)] = gettid();
    int error = pthread_mutex_lock(mutex);

    if (error == EOWNERDEAD) pthread_mutex_consistent(mutex);
    if (error == 0 || error == EOWNERDEAD) pthread_mutex_unlock(mutex);
    return (void *)(long)error;
}

/* Threads that wait already when the owner dies: one is told, the rest get it in order. */
static void waiters_learn(const struct kind *k) {
    pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status, told = 0, well = 0, ready[2];
    pthread_t t[THREADS];
    char c;

    make(m, k);
    if (pipe(ready)) bail_out("no pipe");
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(m);
        write(ready[1], "x", 1);
        for (;;) pause();
    }
    read(ready[0], &c, 1);
    for (int i = 0; i < THREADS; i++) tids[i] = 0;
    arrived = 0;
    for (int i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, lock_and_say, m);
    for (int i = 0; i < THREADS; i++) {
        while (!tids[i]) sched_yield();
        await_state(tids[i], "S");
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    for (int i = 0; i < THREADS; i++) {
        void *error = NULL;
        pthread_join(t[i], &error);
        told += (long)error == EOWNERDEAD;
        well += error == NULL;
    }
    is_int(told, 1, "%s: a process dies: one of those that wait is told", k->name);
    is_int(well, THREADS - 1, "%s: the others find it consistent", k->name);
    close(ready[0]);
    close(ready[1]);
}

static void two_processes(void) {
    struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct kind k = {"two processes", PTHREAD_MUTEX_NORMAL, 0, 0, 1};
    int status = -1;

    make(&s->mutex, &k);
    pid_t child = fork();
    add(s);
    if (child == 0) _exit(0);
    waitpid(child, &status, 0);
    is_int(s->counter, 2 * ROUNDS, "nothing is lost between two processes");
}

static void attributes(void) {
    pthread_mutexattr_t a;
    int v = -1;

    pthread_mutexattr_init(&a);
    is_int(pthread_mutexattr_settype(&a, 3), EINVAL, "a type that is none");
    is_int(pthread_mutexattr_setrobust(&a, 2), EINVAL, "robust or not");
    is_int(pthread_mutexattr_setpshared(&a, 2), EINVAL, "shared or not");
    is_int(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT), ENOTSUP, "no priority ceilings");
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_gettype(&a, &v);
    is_int(v, PTHREAD_MUTEX_RECURSIVE, "the type is read back");
    pthread_mutexattr_getrobust(&a, &v);
    is_int(v, PTHREAD_MUTEX_ROBUST, "and the rest");
    pthread_mutexattr_getprotocol(&a, &v);
    is_int(v, PTHREAD_PRIO_NONE, "untouched what was not set");
}

int main(void) {
    plan(0);
    attributes();
    for (size_t i = 0; i < KINDS; i++) answers(&kinds[i]);
    for (size_t i = 0; i < KINDS; i++) exclusion(&kinds[i]);
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].robust) owner_thread_dies(&kinds[i]);
    waiters_learn(&(struct kind){"robust shared", PTHREAD_MUTEX_NORMAL, 1, 0, 1});
    waiters_learn(&kinds[KINDS - 1]);
    two_processes();
    return done_testing();
}
