/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Condition variables, read-write locks, barriers, once, spin locks: by counts, never by time.
 */
#include "tests/tap.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 6

static pthread_t threads[THREADS];

static void start(int n, void *(*f)(void *), void *arg) {
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, f, arg)) bail_out("no thread");
}

static long finish(int n) {
    long sum = 0;

    for (int i = 0; i < n; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    return sum;
}

/* --- Producers and consumers over a ring of four places -------------------------------------- */

#define ITEMS 5000

struct ring {
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    int items[4], count, next, waits;
    long taken, sum;
};

static void *produce(void *arg) {
    struct ring *r = arg;

    for (int i = 1; i <= ITEMS; i++) {
        pthread_mutex_lock(&r->mutex);
        while (r->count == 4) pthread_cond_wait(&r->emptied, &r->mutex);
        r->items[(r->next + r->count++) % 4] = i;
        pthread_cond_signal(&r->filled);
        pthread_mutex_unlock(&r->mutex);
    }
    return NULL;
}

static void *consume(void *arg) {
    struct ring *r = arg;

    for (int i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&r->mutex);
        while (r->count == 0) pthread_cond_wait(&r->filled, &r->mutex);
        r->sum += r->items[r->next];
        r->next = (r->next + 1) % 4;
        r->count--;
        r->taken++;
        pthread_mutex_unlock(&r->mutex);
        pthread_cond_signal(&r->emptied); /* also without the mutex */
    }
    return NULL;
}

static void *either(void *arg) {
    static int turn;

    return __atomic_fetch_add(&turn, 1, __ATOMIC_SEQ_CST) % 2 ? produce(arg) : consume(arg);
}

static void producers_and_consumers(void) {
    static struct ring r = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                            .filled = PTHREAD_COND_INITIALIZER,
                            .emptied = PTHREAD_COND_INITIALIZER};

    start(THREADS, either, &r);
    finish(THREADS);
    is_int(r.taken, THREADS / 2 * ITEMS, "every item was taken once");
    is_int(r.sum, THREADS / 2 * (ITEMS * (ITEMS + 1L) / 2), "and none was another");
    is_int(pthread_cond_destroy(&r.filled), 0, "nobody waits any more");
}

static void two_processes(void) {
    struct ring *r = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;
    int status = -1;

    pthread_mutexattr_init(&ma);
    pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
    pthread_condattr_init(&ca);
    pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&r->mutex, &ma);
    pthread_cond_init(&r->filled, &ca);
    pthread_cond_init(&r->emptied, &ca);
    pid_t child = fork();
    if (child == 0) {
        produce(r);
        _exit(0);
    }
    consume(r);
    waitpid(child, &status, 0);
    is_int(status, 0, "a process produced");
    is_int(r->sum, ITEMS * (ITEMS + 1L) / 2, "another consumed it all");
}

/* --- Broadcast and deadlines ----------------------------------------------------------------- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t begin, here;
    int waiting, open;
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER,
          .begin = PTHREAD_COND_INITIALIZER,
          .here = PTHREAD_COND_INITIALIZER};

static void *wait_at_gate(void *unused) {
    (void)unused;
    pthread_mutex_lock(&gate.mutex);
    gate.waiting++;
    pthread_cond_signal(&gate.here);
    while (!gate.open) pthread_cond_wait(&gate.begin, &gate.mutex);
    gate.waiting--;
    pthread_mutex_unlock(&gate.mutex);
    return (void *)1;
}

static void broadcast(void) {
    start(THREADS, wait_at_gate, NULL);
    pthread_mutex_lock(&gate.mutex);
    while (gate.waiting < THREADS) pthread_cond_wait(&gate.here, &gate.mutex);
    gate.open = 1;
    pthread_cond_broadcast(&gate.begin);
    is_int(pthread_cond_destroy(&gate.begin), 0, "destroyed right behind a broadcast");
    pthread_mutex_unlock(&gate.mutex);
    is_int(finish(THREADS), THREADS, "a broadcast reaches all");
    is_int(gate.waiting, 0, "each held the mutex");
}

static void deadlines(void) {
    const struct timespec past = {.tv_sec = 1}, none = {.tv_nsec = -1};
    pthread_mutex_t m;
    pthread_mutexattr_t ma;
    pthread_condattr_t a;
    pthread_cond_t c;
    clockid_t clock = -1;
    struct timespec soon;

    pthread_mutexattr_init(&ma);
    pthread_mutexattr_settype(&ma, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m, &ma);
    pthread_condattr_init(&a);
    pthread_condattr_getclock(&a, &clock);
    is_int(clock, CLOCK_REALTIME, "a condition's clock is the realtime one");
    is_int(pthread_condattr_setclock(&a, CLOCK_THREAD_CPUTIME_ID), EINVAL, "or one to wait by");
    is_int(pthread_condattr_setclock(&a, CLOCK_MONOTONIC), 0, "as the monotonic one");
    pthread_cond_init(&c, &a);
    is_int(pthread_cond_wait(&c, &m), EPERM, "not without the mutex");
    pthread_mutex_lock(&m);
    is_int(pthread_cond_timedwait(&c, &m, &past), ETIMEDOUT, "a time that is past");
    is_int(pthread_cond_timedwait(&c, &m, &none), EINVAL, "a time that is none");
    clock_gettime(CLOCK_MONOTONIC, &soon);
    if ((soon.tv_nsec += 2000000) > 999999999) soon.tv_sec++, soon.tv_nsec -= 1000000000;
    int error;
    while ((error = pthread_cond_timedwait(&c, &m, &soon)) == 0) continue;
    is_int(error, ETIMEDOUT, "a time to come");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ok(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec),
       "has come");
    is_int(pthread_cond_clockwait(&c, &m, CLOCK_REALTIME, &past), ETIMEDOUT, "by another clock");
    is_int(pthread_mutex_unlock(&m), 0, "the mutex is held after each of them");
}

/* --- Read-write locks ------------------------------------------------------------------------ */

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static volatile long pair[2];

static void *read_pairs(void *unused) {
    long bad = 0;

    (void)unused;
    for (int i = 0; i < 3000; i++) {
        if (pthread_rwlock_rdlock(&rw)) bad++;
        long first = pair[0];
        if (i % 50 == 0) sched_yield();
        bad += first != pair[1];
        pthread_rwlock_unlock(&rw);
    }
    return (void *)bad;
}

static void *write_pairs(void *unused) {
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        pthread_rwlock_wrlock(&rw);
        pair[0]++;
        if (i % 50 == 0) sched_yield();
        pair[1]++;
        pthread_rwlock_unlock(&rw);
    }
    return NULL;
}

static void *try_read(void *expected) {
    const struct timespec past = {.tv_sec = 1};
    long e = (long)expected;
    int tried = pthread_rwlock_tryrdlock(&rw);
    int timed = e ? pthread_rwlock_timedrdlock(&rw, &past) : 0;
    int write = pthread_rwlock_trywrlock(&rw);

    if (tried == 0) pthread_rwlock_unlock(&rw);
    return (void *)(long)(tried == e && timed == (e ? ETIMEDOUT : 0) && write == EBUSY);
}

static long ask_another(void *(*f)(void *), long arg) {
    void *result = NULL;

    pthread_create(&threads[0], NULL, f, (void *)arg);
    pthread_join(threads[0], &result);
    return (long)result;
}

static void read_write(void) {
    is_int(pthread_rwlock_unlock(&rw), EPERM, "nobody holds it");
    is_int(pthread_rwlock_wrlock(&rw), 0, "one writes");
    is_int(pthread_rwlock_rdlock(&rw), EDEADLK, "and cannot read as well");
    is_int(pthread_rwlock_wrlock(&rw), EDEADLK, "nor write twice");
    ok(ask_another(try_read, EBUSY), "others are kept out");
    is_int(pthread_rwlock_destroy(&rw), EBUSY, "not destroyed while held");
    pthread_rwlock_unlock(&rw);
    pthread_rwlock_rdlock(&rw);
    ok(ask_another(try_read, 0), "two may read, and nobody writes then");
    is_int(pthread_rwlock_rdlock(&rw), 0, "one may read twice");
    pthread_rwlock_unlock(&rw);
    pthread_rwlock_unlock(&rw);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, i % 3 ? read_pairs : write_pairs, NULL);
    is_int(finish(THREADS), 0, "readers never see half a change");
    is_int(pair[0], 2000, "every change was made");
    is_int(pthread_rwlock_destroy(&rw), 0, "destroyed");
}

/* --- Barriers, once, spin locks -------------------------------------------------------------- */

#define ROUNDS 2000

static pthread_barrier_t barrier;
static int arrived[ROUNDS];
static pthread_spinlock_t spin;
static long spun;

static void *rounds(void *unused) {
    long serial = 0;

    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        __atomic_add_fetch(&arrived[i], 1, __ATOMIC_SEQ_CST);
        int answer = pthread_barrier_wait(&barrier);
        serial += answer == PTHREAD_BARRIER_SERIAL_THREAD;
        if (__atomic_load_n(&arrived[i], __ATOMIC_SEQ_CST) != THREADS) return (void *)-100000L;
        pthread_spin_lock(&spin);
        spun++;
        pthread_spin_unlock(&spin);
    }
    return (void *)serial;
}

static void *meet_and_destroy(void *b) {
    if (pthread_barrier_wait(b) == PTHREAD_BARRIER_SERIAL_THREAD && pthread_barrier_destroy(b) == 0) {
        memset(b, 0xff, sizeof(pthread_barrier_t));
        return (void *)1;
    }
    return NULL;
}

static void barriers(void) {
    is_int(pthread_barrier_init(&barrier, NULL, 0), EINVAL, "a barrier for nobody");
    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_spin_init(&spin, 0);
    start(THREADS, rounds, NULL);
    is_int(finish(THREADS), ROUNDS, "nobody passes alone, and one of each round is told so");
    is_int(spun, ROUNDS * THREADS, "a spin lock keeps them apart");
    is_int(pthread_spin_trylock(&spin), 0, "a free one is had");
    is_int(pthread_spin_trylock(&spin), EBUSY, "a taken one not");
    int good = 0;
    for (int i = 0; i < 200; i++) {
        pthread_barrier_init(&barrier, NULL, THREADS);
        start(THREADS, meet_and_destroy, &barrier);
        good += finish(THREADS) == 1;
    }
    is_int(good, 200, "a barrier may be destroyed as soon as one has passed");
}

static pthread_once_t once[100];
static int ran;

static void run_once(void) {
    __atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
    sched_yield();
}

static void *all_once(void *unused) {
    long bad = 0;

    (void)unused;
    for (int i = 0; i < 100; i++) {
        pthread_once(&once[i], run_once);
        bad += __atomic_load_n(&ran, __ATOMIC_SEQ_CST) <= i;
    }
    return (void *)bad;
}

int main(void) {
    plan(0);
    producers_and_consumers();
    two_processes();
    broadcast();
    deadlines();
    read_write();
    barriers();
    start(THREADS, all_once, NULL);
    is_int(finish(THREADS), 0, "pthread_once returns when it has been done");
    is_int(ran, 100, "once each");
    return done_testing();
}
