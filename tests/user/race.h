/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Tests of races: points of the kernel are armed with yields (debug.yield.POINT), so that the threads meet there in
 * every run and not once a year; and it is counted that they did.
 *
 * The threads are pinned to one CPU, where a yield lets the other run for certain, or spread over all there are: there
 * a test goes on until they have met, and has failed if that does not come.
 */
#pragma once

#include <pthread.h>

#include "tests/user/aio_support.h"

#define RW (PROT_READ | PROT_WRITE)
#define MOST_ROUNDS 100
#define MOST_URGE   64ul

static uint64_t met_before_, urge_ = 1;
UNUSED static pthread_barrier_t start_;

UNUSED static void arm(const char *point, uint64_t yields) {
    char name[64];
    snprintf(name, sizeof name, "debug.yield.%s", point);
    must_set(name, yields * urge_);
}

UNUSED static void arming_begin(void) {
    arm("all", 0);
    met_before_ = knob("debug.yield.met");
}

/* Disarms; how often others came by while a thread yielded. */
UNUSED static long arming_end(void) {
    arm("all", 0);
    return (long)(knob("debug.yield.met") - met_before_);
}

/*
 * Rounds of a test, and more of them, each side waiting longer for the other, until they have met: how often they did.
 * On one CPU a yield is enough; on several the other side may be slow to come, when the machine's CPUs are not all
 * run at once. Whoever gets 0 after so many rounds has a test that tests nothing, and should say so.
 */
UNUSED static long rounds(void (*run)(void), int n) {
    arming_begin();
    urge_ = 1;
    for (int i = 0; i < n; i++) run();
    for (int i = 0; i < MOST_ROUNDS && knob("debug.yield.met") == met_before_; i++) {
        if (urge_ < MOST_URGE) urge_ *= 2;
        run();
    }
    urge_ = 1;
    return arming_end();
}

static bool spread_;

/* The threads of both(): on CPU 0, or each on a CPU of its own as far as there are. */
UNUSED static void spread(bool wide) {
    spread_ = wide;
}

static void go_to_cpu_(int n) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(spread_ ? n % (int)sysconf(_SC_NPROCESSORS_ONLN) : 0, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) abort();
}

struct half_ {
    void *(*fn)(void *);
    void *arg;
    int cpu;
};

UNUSED static void *half_(void *arg) {
    struct half_ *h = arg;
    go_to_cpu_(h->cpu);
    pthread_barrier_wait(&start_);
    return h->fn(h->arg);
}

/* The two at once, each in a thread: what they return, added. */
UNUSED static long both(void *(*first)(void *), void *(*second)(void *), void *arg) {
    struct half_ h[2] = {{first, arg, 0}, {second, arg, 1}};
    pthread_t a, b;
    void *x, *y;
    pthread_barrier_init(&start_, NULL, 2);
    if (pthread_create(&a, NULL, half_, &h[0]) || pthread_create(&b, NULL, half_, &h[1])) bail_out("no thread");
    pthread_join(a, &x);
    pthread_join(b, &y);
    return (long)x + (long)y;
}
