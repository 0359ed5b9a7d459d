/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * No ticks: on a machine that sleeps, and on one where each thread has a CPU of its own, the clock interrupts for sleepers
 * alone. Where threads share a CPU it ends their slices.
 *
 * needs: holdfast
 * cpus: 4
 */
#include "tests/user/threads.h"

#define NAP_MS 300 /* thirty slices */

static volatile int stop, turn[2];

static void pin(unsigned cpu) {
    const uint64_t mask = 1ul << cpu;
    if (raw(SYS_sched_setaffinity, 0, sizeof mask, &mask) != 0) abort();
}

/* The clock's interrupts on all CPUs while this thread sleeps once. */
static long during_a_nap(void) {
    const struct timespec t = {0, NAP_MS * 1000000l};
    uint64_t before = knob("kern.clock_interrupts");
    nanosleep(&t, NULL);
    return (long)(knob("kern.clock_interrupts") - before);
}

static void spins(void *arg) {
    pin((unsigned)(long)arg);
    while (!stop) __builtin_ia32_pause();
}

/* Each ends when it has seen the other run after itself. */
static void takes_turns(void *arg) {
    long me = (long)arg;
    pin(1);
    for (int i = 0; i < 4; i++) {
        int seen = turn[!me];
        turn[me]++;
        while (turn[!me] == seen && turn[!me] < 4) __builtin_ia32_pause();
    }
}

int main(void) {
    struct raw_thread t[2];
    needs_holdfast();
    plan(3);
    pin(0);
    during_a_nap(); /* slices of before run out, for nothing */
    long n = during_a_nap();
    ok(n >= 1 && n <= 3, "while all sleep, the clock comes for the one whose time has come (%ld times)", n);
    for (long i = 0; i < 2; i++) raw_begin(&t[i], spins, (void *)(i + 1));
    during_a_nap();
    n = during_a_nap();
    ok(n >= 1 && n <= 3, "nor for threads that have CPUs of their own (%ld times)", n);
    stop = 1;
    for (int i = 0; i < 2; i++) raw_join(&t[i]);
    uint64_t before = knob("kern.clock_interrupts");
    for (long i = 0; i < 2; i++) raw_begin(&t[i], takes_turns, (void *)i);
    for (int i = 0; i < 2; i++) raw_join(&t[i]);
    n = (long)(knob("kern.clock_interrupts") - before);
    ok(n >= 4, "but for two that share one (%ld times)", n);
    return done_testing();
}
