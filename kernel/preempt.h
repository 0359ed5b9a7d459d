/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Keeping the CPU: while cpu->preempt_off is not zero, no other thread runs on this CPU.
 *
 * The counter is changed by single instructions on GS, so that a thread that is moved to another CPU in
 * between never changes the wrong one. Whoever takes it back to zero pays a switch that came due.
 */
#pragma once

#include <stdbool.h>

#include "arch/cpu.h"

/* The slow half of preempt_enable: a switch is due (but not with interrupts off: they have their own end), or other CPUs
 * are to be told that one is due there. */
void sched_preempt(void);

static inline void preempt_disable(void) {
    cpu_preempt_off();
}

/* Takes one back without looking whether a switch is due: for the scheduler itself. True: it was the last. */
static inline bool preempt_enable_quiet(void) {
    return cpu_preempt_on();
}

static inline void preempt_enable(void) {
    if (preempt_enable_quiet() && __builtin_expect(cpu_has_due(), 0)) sched_preempt();
}
