/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A program that has been on every CPU and runs on one now: the others are idle and lazy with its space. What it unmaps,
 * page tables and all, interrupts each of them at most once.
 *
 * needs: holdfast
 * cpus: 4
 */
#include "tests/user/support.h"

#define CPUS   4
#define ROUNDS 200
#define BIG    (4ul << 20) /* two leaf tables */

static void visit(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) bail_out("no CPU %d", cpu);
    *(volatile char *)anon(1) = 1;
}

int main(void) {
    needs_holdfast();
    plan(3);
    for (int cpu = 0; cpu < CPUS; cpu++) visit(cpu);
    uint64_t batches = knob("vm.stats.tlb_batches"), interrupted = knob("vm.stats.tlb_interrupted");
    for (int i = 0; i < ROUNDS; i++) {
        char *p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[0] = p[BIG - PG] = 1;
        munmap(p, BIG);
    }
    long flushed = knob_change("vm.stats.tlb_batches", batches), told = knob_change("vm.stats.tlb_interrupted", interrupted);
    ok(flushed >= ROUNDS, "%d munmaps are at least as many batches (%ld)", ROUNDS, flushed);
    ok(told <= CPUS - 1, "three idle CPUs that had the space are told once at most (%ld)", told);
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
