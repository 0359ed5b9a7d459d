/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The CPUs: which there are, interrupts, halting, and the block of data each CPU finds by GS.
 *
 * CPUs have dense ids from 0, the one that booted; those that run are the bits of cpu_online_mask(). The
 * others are started by cpus_start, one by one; none ever goes away again before the machine's end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_CPUS 32 /* a set of CPUs is a uint64_t: bit = id */

struct thread;

/* One a CPU; the first fields are at offsets that entry.asm knows. Changed by that CPU alone, if nothing else is said. */
struct cpu {
    struct cpu *self;           /* 0: read by cpu_this() */
    uint64_t kernel_stack;      /* 8: SYSCALL loads it */
    uint64_t user_stack;        /* 16: SYSCALL's scratch */
    struct thread *thread;      /* 24: running now */
    uint32_t id;
    uint32_t preempt_off;       /* nesting: spinlocks held and explicit preempt_disable */
    uint32_t irq_depth;         /* nesting of interrupt handlers */
    bool resched;               /* another thread is due: switch when preemption is on. Set by any CPU */
    bool tells;                 /* others have to be told that theirs may be: interrupt them then. The byte after resched */
    struct thread *idle;
    uint32_t apic_id;           /* its hardware's name for it; constant */
    uint64_t to_tell;           /* which */
} __attribute__((aligned(64)));

extern struct cpu cpus[MAX_CPUS];
extern uint64_t cpus_online; /* only grows */

static inline uint64_t cpu_online_mask(void) {
    return __atomic_load_n(&cpus_online, __ATOMIC_ACQUIRE);
}

/* CPUs that run: ids 0 to cpu_count() - 1. */
static inline unsigned cpu_count(void) {
    return 64 - (unsigned)__builtin_clzl(cpu_online_mask());
}

static inline struct cpu *cpu_nth(unsigned id) {
    return &cpus[id];
}

static inline struct cpu *cpu_this(void) {
    struct cpu *c;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(c));
    return c;
}

/* Is another thread due here? Another CPU may say so at any time. */
static inline bool cpu_resched(void) {
    return __atomic_load_n(&cpu_this()->resched, __ATOMIC_RELAXED);
}

/* Is there anything to do once preemption is on: for this CPU or for others? One instruction, both bytes. */
static inline bool cpu_has_due(void) {
    bool due;
    __asm__ volatile("cmpw $0, %%gs:%c1" : "=@ccnz"(due) : "i"(offsetof(struct cpu, resched)) : "memory");
    return due;
}
_Static_assert(offsetof(struct cpu, tells) == offsetof(struct cpu, resched) + 1, "cpu_has_due reads both");

/* The thread that runs here. One instruction on GS, so that no preemption can come in between; the same for the counter. */
static inline struct thread *cpu_thread(void) {
    struct thread *t;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(t) : "i"(offsetof(struct cpu, thread)));
    return t;
}

static inline void cpu_preempt_off(void) {
    __asm__ volatile("incl %%gs:%c0" ::"i"(offsetof(struct cpu, preempt_off)) : "memory", "cc");
}

/* True: preempt_off is zero again. */
static inline bool cpu_preempt_on(void) {
    bool last;
    __asm__ volatile("decl %%gs:%c1" : "=@ccz"(last) : "i"(offsetof(struct cpu, preempt_off)) : "memory");
    return last;
}

/* Preemption is not off and this is no interrupt. Each half is true of whatever CPU it is read on, if of any. */
static inline bool cpu_may_sleep(void) {
    uint32_t off, depth;
    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(off) : "i"(offsetof(struct cpu, preempt_off)));
    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(depth) : "i"(offsetof(struct cpu, irq_depth)));
    return off == 0 && depth == 0;
}

/* A number from the CPU's random number generator: false when it has none or is out of them (SDM Vol. 1, 7.3.17). */
bool cpu_random(uint64_t *);
/* CPUID leaf 1, EDX: what AT_HWCAP tells programs (AMD64 supplement). */
uint32_t cpu_features(void);

static inline uint64_t irq_save(void) {
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    return flags;
}

static inline void irq_restore(uint64_t flags) {
    if (flags & 0x200) __asm__ volatile("sti" ::: "memory");
}

static inline bool irq_enabled(void) {
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags)::"memory");
    return flags & 0x200;
}

static inline void irq_enable(void) {
    __asm__ volatile("sti" ::: "memory");
}

static inline void irq_disable(void) {
    __asm__ volatile("cli" ::: "memory");
}

/* Enable interrupts and wait for one, without a gap in which it could be missed. */
static inline void cpu_idle(void) {
    __asm__ volatile("sti; hlt" ::: "memory");
}

/*
 * Start the other CPUs that the firmware's tables name (once; interrupts on; after mm_init and thread_init).
 * What cannot be started is reported and left out. For each, kernel_ap_prepare on this CPU sets up the block's
 * `thread` and `idle` and returns the top of the stack that it starts on (0: no memory); if the CPU does not
 * come up, kernel_ap_discard takes that back. The CPU itself ends in kernel_ap_main, interrupts off,
 * preempt_off 1. Those three are in kernel/smp.c.
 */
void cpus_start(void);
uint64_t kernel_ap_prepare(struct cpu *);
void kernel_ap_discard(struct cpu *);
_Noreturn void kernel_ap_main(void);

/* Stop all other CPUs for good, whatever they are doing; returns when they have, or will not. Callable anywhere, twice too. */
void cpus_stop(void);
/* A non-maskable interrupt came: does not return if it was another CPU's cpus_stop. */
void cpus_stop_here(void);

/* Stops all CPUs, then ends QEMU through isa-debug-exit (port 0xf4) with (code << 1 | 1); where there is no such device,
 * halts for ever. From any CPU. */
_Noreturn void machine_exit(uint8_t code);
/* One line on the machine-readable channel (port 0xe9): what tools/hf reads as the verdict. */
void machine_verdict(const char *line);
