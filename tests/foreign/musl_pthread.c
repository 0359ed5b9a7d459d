/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A threaded program built with another C library (musl-gcc -static -pthread) runs unmodified: threads, mutexes of each
 * kind, conditions, rwlocks, barriers, once, keys, thread-local data, semaphores, cancellation, timed waits.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "tests/tap.h"

#define THREADS 8
#define ROUNDS  500

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static __thread long own = 7;
static long sum;

static void *add(void *arg) {
    own += (long)arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        long s = sum;
        if (i % 50 == 0) sched_yield();
        sum = s + 1;
        pthread_mutex_unlock(&mutex);
    }
    return (void *)own;
}

static void join_all(void) {
    pthread_t t[THREADS];
    void *result;
    int started = 0, good = 0;
    for (long i = 0; i < THREADS; i++) started += pthread_create(&t[i], NULL, add, (void *)i) == 0;
    is_int(started, THREADS, "pthread_create");
    for (long i = 0; i < started; i++) good += pthread_join(t[i], &result) == 0 && (long)result == 7 + i;
    is_int(good, THREADS, "each thread's own __thread variable, and pthread_join's result");
    is_int(sum, THREADS * ROUNDS, "a mutex keeps %d threads apart", THREADS);
}

/* ---- condition ---- */

static int queue, taken, over;

static void *consume(void *arg) {
    pthread_mutex_lock(&mutex);
    while (!over || queue) {
        while (!queue && !over) pthread_cond_wait(&cond, &mutex);
        if (queue) queue--, taken++;
    }
    pthread_mutex_unlock(&mutex);
    return arg;
}

static void conditions(void) {
    pthread_t t[3];
    struct timespec past = {1, 0}, soon;
    for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, consume, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        queue++;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_lock(&mutex);
    over = 1;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    is_int(taken, ROUNDS, "a condition: every item is taken once");
    pthread_mutex_lock(&mutex);
    is_int(pthread_cond_timedwait(&cond, &mutex, &past), ETIMEDOUT, "a time that is past");
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 3000000;
    if (soon.tv_nsec >= 1000000000) soon.tv_nsec -= 1000000000, soon.tv_sec++;
    is_int(pthread_cond_timedwait(&cond, &mutex, &soon), ETIMEDOUT, "and one that passes");
    pthread_mutex_unlock(&mutex);
}

/* ---- the kinds of mutex ---- */

static pthread_mutex_t kinds[5];

static void *die_holding(void *arg) {
    pthread_mutex_lock(arg);
    return NULL;
}

static void init(pthread_mutex_t *m, int type, int robust, int protocol) {
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, type);
    pthread_mutexattr_setrobust(&a, robust);
    pthread_mutexattr_setprotocol(&a, protocol);
    pthread_mutex_init(m, &a);
}

static void *count_up(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(arg);
        long s = sum;
        if (i % 20 == 0) sched_yield();
        sum = s + 1;
        pthread_mutex_unlock(arg);
    }
    return NULL;
}

static void contend(pthread_mutex_t *m, const char *what) {
    pthread_t t[4];
    sum = 0;
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, count_up, m);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    is_int(sum, 4 * ROUNDS, "%s: excludes", what);
}

static void mutexes(void) {
    pthread_t t;
    init(&kinds[0], PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    is_int(pthread_mutex_lock(&kinds[0]) | pthread_mutex_lock(&kinds[0]), 0, "recursive: twice");
    is_int(pthread_mutex_unlock(&kinds[0]) | pthread_mutex_unlock(&kinds[0]), 0, "and back");
    init(&kinds[1], PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    pthread_mutex_lock(&kinds[1]);
    is_int(pthread_mutex_lock(&kinds[1]), EDEADLK, "error-checking: EDEADLK");
    init(&kinds[2], PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
    pthread_create(&t, NULL, die_holding, &kinds[2]);
    pthread_join(t, NULL);
    is_int(pthread_mutex_lock(&kinds[2]), EOWNERDEAD, "robust: its owner died");
    is_int(pthread_mutex_consistent(&kinds[2]), 0, "is made consistent");
    is_int(pthread_mutex_unlock(&kinds[2]), 0, "and let go");
    contend(&kinds[2], "robust");
    init(&kinds[3], PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT);
    contend(&kinds[3], "priority-inheriting");
    init(&kinds[4], PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT);
    pthread_create(&t, NULL, die_holding, &kinds[4]);
    pthread_join(t, NULL);
    is_int(pthread_mutex_lock(&kinds[4]), EOWNERDEAD, "robust and inheriting: its owner died");
}

/* ---- the rest ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t sem;
static int once_ran, destroyed, serial, cleaned;

static void run_once(void) {
    once_ran++;
}

static void destroy(void *value) {
    __atomic_add_fetch(&destroyed, (int)(intptr_t)value, __ATOMIC_SEQ_CST);
}

static void *everything(void *arg) {
    pthread_once(&once, run_once);
    pthread_setspecific(key, arg);
    for (int i = 0; i < 50; i++) {
        pthread_rwlock_rdlock(&rwlock);
        pthread_rwlock_unlock(&rwlock);
        pthread_rwlock_wrlock(&rwlock);
        sum++;
        pthread_rwlock_unlock(&rwlock);
    }
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
    sem_post(&sem);
    return NULL;
}

static void the_rest(void) {
    pthread_t t[4];
    pthread_key_create(&key, destroy);
    pthread_barrier_init(&barrier, NULL, 4);
    sem_init(&sem, 0, 0);
    sum = 0;
    for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, everything, (void *)(i + 1));
    for (int i = 0; i < 4; i++) sem_wait(&sem);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    is_int(sum, 200, "an rwlock's writers are alone");
    is_int(once_ran, 1, "once is once");
    is_int(serial, 1, "a barrier lets all through and names one");
    is_int(destroyed, 1 + 2 + 3 + 4, "a key's destructor runs for each thread");
}

static void clean(void *arg) {
    cleaned += (int)(intptr_t)arg;
}

static void *until_cancelled(void *arg) {
    pthread_cleanup_push(clean, (void *)5);
    sem_post(arg);
    for (;;) pause();
    pthread_cleanup_pop(0);
    return NULL;
}

static void *until_told(void *arg) {
    sem_wait(arg);
    return NULL;
}

static void cancel(void) {
    pthread_t t, detached;
    void *result = NULL;
    sem_t ready, go;
    sem_init(&ready, 0, 0);
    sem_init(&go, 0, 0);
    pthread_create(&t, NULL, until_cancelled, &ready);
    sem_wait(&ready);
    is_int(pthread_cancel(t), 0, "pthread_cancel");
    pthread_join(t, &result);
    ok(result == PTHREAD_CANCELED && cleaned == 5, "the thread is cancelled in pause, and cleans up");
    pthread_create(&detached, NULL, until_told, &go);
    is_int(pthread_detach(detached), 0, "pthread_detach");
    sem_post(&go);
}

/* ---- signals to one thread ---- */

static volatile int handled_by_me, wanted;
static pthread_t target;

static void handler(int sig) {
    (void)sig;
    handled_by_me = pthread_equal(pthread_self(), target) ? 1 : -1;
}

static void *wait_for_signal(void *arg) {
    sem_post(arg);
    while (!handled_by_me) usleep(1000);
    return NULL;
}

static void signals(void) {
    struct sigaction a = {.sa_handler = handler};
    sem_t ready;
    sem_init(&ready, 0, 0);
    sigaction(SIGUSR1, &a, NULL);
    pthread_create(&target, NULL, wait_for_signal, &ready);
    sem_wait(&ready);
    is_int(pthread_kill(target, SIGUSR1), 0, "pthread_kill");
    pthread_join(target, NULL);
    is_int(handled_by_me, 1, "the handler runs in that thread");
}

int main(void) {
    plan(3 + 3 + 9 + 4 + 3 + 2);
    join_all();
    conditions();
    mutexes();
    the_rest();
    cancel();
    signals();
    return done_testing();
}
