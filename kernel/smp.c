/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the kernel has ready for a CPU before it is started (arch/cpu.h), and what that CPU does then: its
 * idle thread, on whose stack it starts. And two ways to look at the CPUs from outside.
 */
#include "kernel/smp.h"

#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/assert.h"
#include "kernel/kstack.h"
#include "kernel/sched.h"
#include "kernel/runqueue.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

uint64_t kernel_ap_prepare(struct cpu *c) {
    struct thread *idle = thread_create_idle();
    if (!idle) return 0;
    if (!trace_add_cpu(c->id)) {
        thread_discard(idle);
        return 0;
    }
    c->thread = c->idle = idle;
    return idle->context.stack_top;
}

void kernel_ap_discard(struct cpu *c) {
    thread_discard(c->idle);
}

_Noreturn void kernel_ap_main(void) {
    sched_init_cpu();
    runqueue_this()->running = -1; /* it has not switched to idle, it starts there */
    cpu_this()->preempt_off = 0;
    irq_enable();
    thread_idle();
}

/* ---- for tests ---- */

static void count_me(void *arg) {
    __atomic_fetch_add((unsigned *)arg, 1, __ATOMIC_RELAXED);
}

unsigned smp_reach(void) {
    unsigned reached = 0;
    ipi_call(cpu_online_mask(), count_me, &reached);
    return reached;
}

static void panic_here(void *arg) {
    (void)arg;
    panic("asked for, on CPU %u", cpu_this()->id);
}

void smp_panic(uint64_t cpu) {
    if (cpu == SMP_ALL) ipi_call(cpu_online_mask(), panic_here, NULL);
    if (cpu < cpu_count()) ipi_call(1ul << cpu, panic_here, NULL);
}
