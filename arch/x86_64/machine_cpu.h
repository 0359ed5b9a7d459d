/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What tlb.c wants to know of the CPU that it runs on: the real machine's half. arch/host has the other.
 */
#pragma once

#include "arch/cpu.h"
#include "kernel/preempt.h"

#define MACHINE_CPUS MAX_CPUS

/* This CPU's id: good for as long as the caller cannot be moved. */
static inline unsigned machine_cpu(void) {
    return cpu_this()->id;
}

/* The same, and the caller stays here until it releases the CPU. */
static inline unsigned machine_cpu_hold(void) {
    preempt_disable();
    return machine_cpu();
}

static inline void machine_cpu_release(void) {
    preempt_enable();
}

static inline uint64_t machine_irq_save(void) {
    return irq_save();
}

static inline void machine_irq_restore(uint64_t saved) {
    irq_restore(saved);
}

/* The emulated machine lets other CPUs do something here; on the real one they do as they please. */
#define MACHINE_STEP() ((void)0)
