/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Yields on order: see kernel/race.h. On one CPU a yield lets every other thread run that can; on several the
 * others run anyway: there it is some moments' delay, until one of them gets to an armed point too.
 *
 * Threads meet when one passes an armed point while another yields at one, of the same process both, or workers at its
 * requests: what other processes do at the same points is no race with it, and no proof that a test has had its.
 *
 * LOCKING  none: the numbers are read once each and may change at any time.
 */
#include "kernel/race.h"

#include "arch/cpu.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sync.h"
#include "kernel/thread.h"

#define MOMENTS 300 /* pauses: the most that a yield waits for others to come by, on several CPUs */

uint32_t race_armed;
static uint32_t yields[RACE_IDS];
static uint64_t met; /* atomic */
static const struct thread *stranger; /* atomic: of those that serve no process, the last to pass */

/* Who passed an armed point last, of the process that the caller is of or serves. */
static const struct thread **last(void) {
    struct process *p = current()->serves;
    return p ? &p->passed : &stranger;
}

/* None of them has passed an armed point since the caller did. */
static bool alone(void) {
    return __atomic_load_n(last(), __ATOMIC_RELAXED) == current();
}

void race_yield(enum race_id id) {
    uint32_t n = __atomic_load_n(&yields[id], __ATOMIC_RELAXED);
    might_sleep();
    if (!n) return;
    __atomic_store_n(last(), current(), __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < n; i++) sched_yield();
    for (uint32_t i = 0; i < n * MOMENTS && cpu_count() > 1 && alone(); i++) __builtin_ia32_pause();
    if (!alone()) __atomic_add_fetch(&met, 1, __ATOMIC_RELAXED);
}

void race_arm(enum race_id id, uint32_t n) {
    __atomic_store_n(&yields[id], n, __ATOMIC_RELAXED);
    if (n) __atomic_or_fetch(&race_armed, 1u << id, __ATOMIC_RELAXED);
    else __atomic_and_fetch(&race_armed, ~(1u << id), __ATOMIC_RELAXED);
}

uint32_t race_get(enum race_id id) {
    return __atomic_load_n(&yields[id], __ATOMIC_RELAXED);
}

uint64_t race_met(void) {
    return __atomic_load_n(&met, __ATOMIC_RELAXED);
}
