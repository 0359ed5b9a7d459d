/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The emulated CPUs: one has the turn, calls to others are made at once in their name (arch/ipi.h).
 *
 * MISSING  CPUs that run at the same time, and calls that come late: a call is answered before ipi_call
 *          goes on. What may happen between the steps of a shootdown, a test says (host_at_step).
 */
#include "arch/host/host.h"
#include "arch/host/mmu.h"
#include "arch/ipi.h"

static unsigned turn;
static uint64_t called;

void (*host_at_step)(void);
bool host_deaf;

void cpus_reset(void) {
    turn = 0;
    mmu_be(0);
}

unsigned host_cpu(void) {
    return turn;
}

void host_turn(unsigned cpu) {
    if (cpu >= HOST_CPUS) host_die("there is no CPU %u", cpu);
    turn = cpu;
    mmu_be(cpu);
}

void host_note_program(bool program) {
    if (program) mmu_run_program();
    else mmu_run_kernel();
}

void host_step(void) {
    unsigned self = turn;
    if (host_at_step) host_at_step();
    host_turn(self);
}

void ipi_call(uint64_t mask, void (*fn)(void *), void *arg) {
    unsigned self = turn;
    if (mask >> HOST_CPUS) host_die("call to CPUs %#lx", mask);
    for (unsigned i = 0; i < HOST_CPUS; i++) {
        if (!(mask >> i & 1) || (host_deaf && i != self)) continue;
        host_turn(i);
        fn(arg);
        called += i != self;
    }
    host_turn(self);
}

uint64_t ipi_calls(void) {
    return called;
}
