/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sorting what interrupted the CPU.
 *
 *   exception --+- page fault --+- user address, from ring 3 or in uaccess code -> user_page_fault
 *               |               |      not resolved: ring 3 -> user_exception; uaccess -> fix-up (-EFAULT)
 *               |               +- any other from ring 0 -> panic
 *               +- from ring 3 -> user_exception (a signal)
 *               +- from ring 0 -> panic, unless it is fpu_restore's load (-EFAULT)
 *   interrupt --+- timer, serial, another CPU, nobody
 *               +- then, if what was interrupted may be preempted, sched_irq_exit
 *   NMI from a CPU that panics -> stop; other NMI, double fault, machine check -> panic: on stacks of their own
 *
 * Exceptions run on the thread's stack with interrupts as they were before; interrupts run with them off.
 *
 * INVARIANTS  CR2 is read before interrupts are enabled: the next thread's fault overwrites it.
 */
#include "arch/clock.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/mmu.h"
#include "arch/pci.h"
#include "arch/serial.h"
#include "kernel/assert.h"
#include "kernel/lockdep.h"
#include "kernel/log.h"
#include "kernel/trace.h"
#include "kernel/trap.h"

enum { VECTOR_NMI = 2, VECTOR_DOUBLE_FAULT = 8, VECTOR_PROTECTION = 13, VECTOR_PAGE_FAULT = 14, VECTOR_MACHINE_CHECK = 18 };

#define RFLAGS_IF 0x200u
#define KERNEL_HALF (1ul << 63)

_Noreturn void trap_fatal(struct trapframe *tf); /* entry.asm's fatal_common */

static const char *const exception_names[32] = {
    [0] = "divide error", [1] = "debug exception", [2] = "non-maskable interrupt", [3] = "breakpoint",
    [4] = "overflow", [5] = "bound range exceeded", [6] = "invalid opcode", [7] = "no coprocessor",
    [8] = "double fault", [10] = "invalid TSS", [11] = "segment not present", [12] = "stack fault",
    [13] = "general protection fault", [14] = "page fault", [16] = "x87 error", [17] = "alignment check",
    [18] = "machine check", [19] = "SIMD error", [20] = "virtualization exception", [21] = "control protection",
};

static const char *exception_name(uint64_t vector) {
    return vector < 32 && exception_names[vector] ? exception_names[vector] : "reserved exception";
}

static _Noreturn void panic_page_fault(const struct trapframe *tf, vaddr_t address) {
    const char *what = tf->error & PF_FETCH ? "execute" : tf->error & PF_WRITE ? "write" : "read";
    panic_trap(tf, "kernel page fault: cannot %s %#lx (%s, error %#lx)", what, address,
               tf->error & PF_RSVD      ? "reserved bit set in a page table"
               : tf->error & PF_PRESENT ? "not permitted"
                                        : "not mapped",
               tf->error);
}

static void page_fault(struct trapframe *tf, vaddr_t address) {
    trace(TRACE_FAULT, address, tf->error);
    uint64_t fixup = from_user(tf) ? 0 : uaccess_fixup(tf->rip);
    bool user_address = !(address & KERNEL_HALF);
    if (tf->error & PF_RSVD) panic_page_fault(tf, address);
    if (!from_user(tf) && !(fixup && user_address)) panic_page_fault(tf, address);
    if (user_address && user_page_fault(tf, address)) return;
    if (from_user(tf)) user_bad_address(tf, address);
    else tf->rip = fixup;
}

/* Vector registers that a program wrote and the CPU does not take. */
static bool refused_by_fpu(struct trapframe *tf) {
    uint64_t fixup = tf->vector == VECTOR_PROTECTION && !from_user(tf) ? fpu_fixup(tf->rip) : 0;
    if (fixup) tf->rip = fixup;
    return fixup != 0;
}

static void to_user(struct trapframe *tf) {
    user_return(tf);
    lockdep_none_held("on the way to ring 3");
}

void trap_exception(struct trapframe *tf) {
    vaddr_t cr2 = mmu_fault_address();
    if (tf->rflags & RFLAGS_IF) irq_enable();
    if (tf->vector == VECTOR_PAGE_FAULT) page_fault(tf, cr2);
    else if (from_user(tf)) user_exception(tf);
    else if (!refused_by_fpu(tf))
        panic_trap(tf, "kernel exception %lu: %s (error %#lx)", tf->vector, exception_name(tf->vector), tf->error);
    irq_disable();
    if (from_user(tf)) to_user(tf);
}

void trap_irq(struct trapframe *tf) {
    struct cpu *cpu = cpu_this();
    enum irq_source source = irq_source(tf->vector);
    cpu->irq_depth++;
    if (source == IRQ_TIMER) clock_interrupt();
    else if (source == IRQ_SERIAL) serial_interrupt();
    else if (source == IRQ_CALL) ipi_interrupt();
    else if (source == IRQ_APIC_ERROR) lapic_error();
    else if (source == IRQ_DEVICE) pci_interrupt(irq_line(tf->vector));
    else if (source == IRQ_UNKNOWN) log_line("interrupt %lu from a device that nobody drives", tf->vector);
    if (source != IRQ_SPURIOUS) irq_done(tf->vector);
    cpu->irq_depth--;
    if (cpu->preempt_off == 0 && cpu->irq_depth == 0) sched_irq_exit();
    if (from_user(tf)) to_user(tf);
}

_Noreturn void trap_fatal(struct trapframe *tf) {
    vaddr_t cr2 = mmu_fault_address();
    if (tf->vector == VECTOR_NMI) cpus_stop_here();
    if (tf->vector == VECTOR_DOUBLE_FAULT) {
        /* The frame could not be pushed: the fault was at the stack pointer. */
        bool overflow = cr2 - (tf->rsp - 2 * PAGE_SIZE) < 2 * PAGE_SIZE;
        if (overflow) panic_trap(tf, "kernel stack overflow: double fault, guard page hit at %#lx", cr2);
        panic_trap(tf, "double fault (last page fault at %#lx)", cr2);
    }
    panic_trap(tf, "%s", exception_name(tf->vector));
}
