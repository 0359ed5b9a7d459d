/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Messages between CPUs.
 *
 * Interrupts are on in whoever waits, so CPUs that call each other serve each other. What must therefore
 * never be: waiting for a call while holding a lock that somebody takes with interrupts off, or waiting
 * with interrupts off (asserted). A lock that is only ever taken with interrupts on may be held.
 */
#pragma once

#include <stdint.h>

/* That CPU looks soon whether it should switch threads: it leaves an interrupt (cpu->resched is for the caller to set). */
void ipi_reschedule(unsigned cpu);

/*
 * Run fn(arg) on each CPU of the set that is online, this one too if it is among them, in interrupt context
 * (interrupts off, no sleep, no ipi_call); returns when all have. What the caller stored before is seen by
 * fn, and what fn stored by the caller afterwards. Interrupts on; preemption may be off.
 */
void ipi_call(uint64_t mask, void (*fn)(void *), void *arg);

/* Calls asked of other CPUs since boot: one for each CPU called. */
uint64_t ipi_calls(void);
