/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Calls from one CPU to others: each pair of CPUs has a place for one call, each CPU a word that says whose
 * places are filled.
 *
 *      caller's stack                      of the CPU that is called
 *      struct call  <--- place[target][caller]      from[target] = set of callers
 *      { fn, arg, waiting: set of CPUs that have not answered yet }
 *
 * A caller waits for its answers, and there is one caller a CPU (preemption is off), so one place suffices.
 * The interrupt is sent by whoever fills the first place: the one that serves looks again until its word is
 * zero, so nobody is overlooked.
 *
 * LOCKING  none: a place is written by its caller before the bit in `from` (release) and read after it
 *          (acquire); the call is the caller's again once its own bits in `waiting` are zero.
 * INVARIANTS  a CPU whose `from` is not zero has an interrupt on its way or is serving.
 */
#include "arch/ipi.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"
#include "kernel/lockdep.h"
#include "kernel/preempt.h"

#define SPINS_A_LOOK 4096u           /* between two looks at the clock */
#define DEAF_NS      60000000000ul   /* a CPU that has not answered for so long never will */

struct call {
    void (*fn)(void *);
    void *arg;
    uint64_t waiting;
};

static struct target {
    uint64_t from;
    struct call *place[MAX_CPUS];
} __attribute__((aligned(64))) targets[MAX_CPUS];

static uint64_t calls;

void ipi_reschedule(unsigned cpu) {
    lapic_send(cpus[cpu].apic_id, LAPIC_FIXED | VECTOR_RESCHEDULE);
}

uint64_t ipi_calls(void) {
    return __atomic_load_n(&calls, __ATOMIC_RELAXED);
}

/* Interrupt context. */
void ipi_interrupt(void) {
    unsigned me = cpu_this()->id;
    struct target *t = &targets[me];
    uint64_t from;
    while ((from = __atomic_exchange_n(&t->from, 0, __ATOMIC_ACQ_REL))) {
        for (; from; from &= from - 1) {
            struct call *c = t->place[__builtin_ctzl(from)];
            c->fn(c->arg);
            __atomic_fetch_and(&c->waiting, ~(1ul << me), __ATOMIC_RELEASE); /* *c is its caller's again */
        }
    }
}

static void call_here(void (*fn)(void *), void *arg) {
    uint64_t saved = irq_save();
    cpu_this()->irq_depth++;
    fn(arg);
    cpu_this()->irq_depth--;
    irq_restore(saved);
}

static void ask(struct call *c, uint64_t mask, unsigned me) {
    for (; mask; mask &= mask - 1) {
        unsigned id = (unsigned)__builtin_ctzl(mask);
        targets[id].place[me] = c;
        if (__atomic_fetch_or(&targets[id].from, 1ul << me, __ATOMIC_ACQ_REL) == 0) {
            lapic_send(cpus[id].apic_id, LAPIC_FIXED | VECTOR_CALL);
        }
        __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    }
}

static void wait_for_answers(const struct call *c) {
    uint64_t since = 0, waiting;
    for (unsigned spins = 1; (waiting = __atomic_load_n(&c->waiting, __ATOMIC_ACQUIRE)); spins++) {
        __builtin_ia32_pause();
        if (spins % SPINS_A_LOOK) continue;
        uint64_t now = clock_now();
        if (!since) since = now;
        if (now - since > DEAF_NS) panic("CPUs %#lx do not answer to CPU %u", waiting, cpu_this()->id);
    }
}

void ipi_call(uint64_t mask, void (*fn)(void *), void *arg) {
    preempt_disable();
    unsigned me = cpu_this()->id;
    mask &= cpu_online_mask();
    uint64_t others = mask & ~(1ul << me);
    struct call c = {fn, arg, others};
    if (others) {
        ASSERT(irq_enabled() && cpu_this()->irq_depth == 0);
        lockdep_wait_for_cpus();
        ask(&c, others, me);
    }
    if (mask != others) call_here(fn, arg);
    wait_for_answers(&c);
    preempt_enable();
}
