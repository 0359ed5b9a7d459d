/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What tlb.c wants to know of the CPU that it runs on: the emulated machine's half (see host.h). Its CPUs
 * take turns, so nothing interrupts; MACHINE_STEP is where a test may give another CPU a turn.
 */
#pragma once

#include "arch/host/host.h"

#define MACHINE_CPUS HOST_CPUS

static inline unsigned machine_cpu(void) {
    return host_cpu();
}

static inline unsigned machine_cpu_hold(void) {
    return host_cpu();
}

static inline void machine_cpu_release(void) {
}

static inline uint64_t machine_irq_save(void) {
    return 0;
}

static inline void machine_irq_restore(uint64_t saved) {
    (void)saved;
}

#define MACHINE_STEP() host_step()
