/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Eight CPUs, each with a thread of its own that is pinned there: all of them are in ring 3 at the same time, fault,
 * lock and unlock in one space, wake each other round and round, and see each other's changes of the mappings.
 *
 * clauses: L1 L2 I3
 * cpus: 8
 * timeout: 120
 */
#include <pthread.h>
#include <sched.h>

#include "tests/user/support.h"

#define MOST   8
#define ROUNDS 20
#define PAGES  16ul

static int cpus;
static char *area, *window;
static pthread_barrier_t all;
static volatile int here[MOST], wrong, turn;

static void *pinned(void *arg) {
    long id = (long)arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((int)id, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0 || sched_getcpu() != id) wrong++;
    here[id] = 1;
    for (int i = 0; i < cpus; i++) /* a thread that spins until all others run can only end if they all do so at once */
        while (!here[i]) __builtin_ia32_pause();
    for (int r = 0; r < ROUNDS; r++) {
        char *own = area + (size_t)id * PAGES * PG;
        if (mlock(own, PAGES * PG) != 0) wrong++;
        memset(own, (int)id + r, PAGES * PG);
        if (own[0] != (char)(id + r) || own[PAGES * PG - 1] != (char)(id + r)) wrong++;
        if (munlock(own, PAGES * PG) != 0 || madvise(own, PAGES * PG, MADV_DONTNEED) != 0 || own[PG]) wrong++;
        pthread_barrier_wait(&all);
        if (r % cpus == id) { /* the one takes away what all have in their TLBs, and puts something else there */
            if (mmap(window, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != window) wrong++;
            *window = (char)(r + 1);
        }
        pthread_barrier_wait(&all);
        if (*(volatile char *)window != (char)(r + 1) || sched_getcpu() != id) wrong++;
    }
    return NULL;
}

/* Round and round: who is on the next CPU is woken from its sleep by who is on this one. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond[MOST];

static void *passes_on(void *arg) {
    long id = (long)arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((int)id, &set);
    sched_setaffinity(0, sizeof set, &set);
    pthread_mutex_lock(&mutex);
    for (int r = 0; r < ROUNDS; r++) {
        while (turn % cpus != id) pthread_cond_wait(&cond[id], &mutex);
        turn++;
        pthread_cond_signal(&cond[turn % cpus]);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void on_all(void *(*fn)(void *)) {
    pthread_t t[MOST];
    for (long i = 0; i < cpus; i++)
        if (pthread_create(&t[i], NULL, fn, (void *)i) != 0) bail_out("no thread");
    for (int i = 0; i < cpus; i++) pthread_join(t[i], NULL);
}

int main(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    cpus = n < MOST ? (int)n : MOST;
    plan(5);
    if (on_holdfast()) is_int(n, 8, "eight CPUs");
    else pass("%ld CPUs", n);
    area = anon(MOST * PAGES);
    window = anon(1);
    pthread_barrier_init(&all, NULL, (unsigned)cpus);
    for (int i = 0; i < MOST; i++) pthread_cond_init(&cond[i], NULL);
    on_all(pinned);
    is_int(wrong, 0, "L1 L2: a thread on each, all at once: each where it was put, and all see the same memory");
    on_all(passes_on);
    is_int(turn, cpus * ROUNDS, "and they wake each other, from CPU to CPU");
    is_int(vmlck(), 0, "I3: nothing is locked at the end");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
