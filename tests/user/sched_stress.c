/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads sleep, wake each other, time out and yield, while others give them new priorities, policies and CPUs at random
 * from a seed. Whatever comes in whichever order: everybody gets on, and runs where it may when it looks.
 *
 *     sched_stress [SEED [STEPS]]     STEPS of each of those who disturb (10000)
 *
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/threads.h"

#define WORKERS    8
#define DISTURBERS 2

struct rng {
    uint64_t state;
};

static unsigned below(struct rng *r, unsigned n) {
    r->state = r->state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(r->state >> 33) % n;
}

static struct worker {
    struct raw_thread thread;
    struct rng rng;
    volatile int word;               /* it sleeps on this */
    volatile unsigned long turns, wrong;
    volatile unsigned pin;           /* its CPU, and how often that was changed, times 64; odd ones: is being changed */
} worker[WORKERS];

static struct raw_thread disturber[DISTURBERS];
static struct rng disturbs[DISTURBERS];
static volatile int stop, left;
static unsigned cpus, steps = 10000;
static uint64_t seed;

/* ---- who is disturbed ---- */

static void sleep_a_little(struct worker *w) {
    const struct timespec t = {0, below(&w->rng, 300) * 1000};
    raw(SYS_nanosleep, &t, NULL);
}

static void wait_to_be_woken(struct worker *w) {
    const struct timespec t = {0, (1 + below(&w->rng, 300)) * 1000};
    raw(SYS_futex, &w->word, FUTEX_WAIT_PRIVATE, 0, &t, 0, 0);
}

static void wake_another(struct worker *w) {
    raw(SYS_futex, &worker[below(&w->rng, WORKERS)].word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

/* Pinned by somebody, and by nobody else since: then it is there, or its CPU is just being told. */
static void look(struct worker *w) {
    unsigned before = w->pin, cpu = 0;
    for (int i = 0; i < 100000 && !(before & 64) && before == w->pin; i++) {
        raw(SYS_getcpu, &cpu, 0, 0);
        if (cpu == before % 64) return;
    }
    if (before == w->pin && !(before & 64)) w->wrong++;
}

static void be_disturbed(void *arg) {
    struct worker *w = arg;
    while (!stop) {
        switch (below(&w->rng, 16)) {
        case 0: sleep_a_little(w); break;
        case 1: case 2: case 3: wait_to_be_woken(w); break;
        case 4: case 5: case 6: raw(SYS_sched_yield); break;
        default: wake_another(w); break;
        }
        look(w);
        w->turns++;
    }
}

/* ---- who disturbs ---- */

static void new_priority(int tid, struct rng *r) {
    static const int policy[] = {0 /* SCHED_OTHER */, SCHED_FIFO, SCHED_RR};
    unsigned which = below(r, 3);
    const struct sched_param p = {which ? (int)(1 + below(r, 5)) : 0};
    raw(SYS_sched_setscheduler, tid, policy[which], &p);
}

static void new_cpu(struct worker *w, int tid, struct rng *r) {
    const uint64_t mask = 1ul << below(r, cpus);
    unsigned odd = (w->pin / 64 + 1) | 1;
    w->pin = odd * 64; /* `look` looks away */
    raw(SYS_sched_setaffinity, tid, sizeof mask, &mask);
    w->pin = (odd + 1) * 64 + (unsigned)__builtin_ctzl(mask);
}

/* Each its own half of the workers, so that what is noted of a worker is by one. */
static void disturb(void *arg) {
    long me = (long)arg;
    struct rng *r = &disturbs[me];
    for (unsigned i = 0; i < steps; i++) {
        struct worker *w = &worker[below(r, WORKERS / DISTURBERS) * DISTURBERS + (unsigned)me];
        if (below(r, 2)) new_priority(w->thread.born, r);
        else new_cpu(w, w->thread.born, r);
        if (below(r, 4) == 0) raw(SYS_futex, &w->word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
        if (below(r, 16) == 0) raw(SYS_sched_yield);
    }
    if (__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) == 0) stop = 1;
}

int main(int argc, char **argv) {
    seed = argc > 1 ? strtoul(argv[1], NULL, 10) : (uint64_t)time(NULL) % 1000000;
    if (argc > 2) steps = (unsigned)strtoul(argv[2], NULL, 10);
    cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    plan(3);
    if (geteuid() != 0) plan_skip_all("needs root");
    diag("to repeat: tools/hf run --cpus 4 build/tests/user/sched_stress %lu %u", (unsigned long)seed, steps);
    left = DISTURBERS;
    for (unsigned i = 0; i < WORKERS; i++) {
        worker[i].rng.state = seed * 64 + i;
        worker[i].pin = 64;
        raw_begin(&worker[i].thread, be_disturbed, &worker[i]);
    }
    for (long i = 0; i < DISTURBERS; i++) {
        disturbs[i].state = seed * 64 + 32 + (uint64_t)i;
        raw_begin(&disturber[i], disturb, (void *)i);
    }
    unsigned long wrong = 0, idle = 0, turns = 0;
    for (int i = 0; i < DISTURBERS; i++) raw_join(&disturber[i]);
    for (int i = 0; i < WORKERS; i++) {
        raw_join(&worker[i].thread);
        wrong += worker[i].wrong;
        idle += worker[i].turns == 0;
        turns += worker[i].turns;
    }
    diag("%lu turns", turns);
    is_int((long)wrong, 0, "nobody is ever seen on a CPU that it was taken from");
    is_int((long)idle, 0, "everybody gets on");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
