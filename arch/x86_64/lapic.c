/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The local APIC (SDM Vol. 3, chapter 10): each CPU's timer, its end of interrupt, and the messages that
 * CPUs send each other.
 *
 * Its registers are reached in one of two ways, the same on all CPUs:
 *
 *   xAPIC    a page of 32-bit registers, 16 bytes apart; ids of 8 bits; a message is two writes
 *   x2APIC   MSR 0x800 + register / 16; ids of 32 bits; a message is one write
 *
 * x2APIC is used where the firmware has turned it on, or where a CPU has an id that xAPIC cannot name.
 *
 * LOCKING  each CPU touches its own alone. The two writes of a message are made with interrupts off.
 * MISSING  the I/O APIC; logical and lowest-priority destinations.
 */
#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"

/* Table 10-1. */
enum {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INIT = 0x380,
    APIC_TIMER_NOW = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};
#define APIC_BASE_ENABLED 0x800
#define APIC_BASE_X2APIC  0x400
#define APIC_SVR_ENABLE   0x100
#define APIC_LVT_MASKED   0x10000
#define APIC_LVT_EXTINT   0x700
#define APIC_LVT_NMI      0x400
#define APIC_DIVIDE_16    3
#define APIC_ICR_PENDING  0x1000u
#define MSR_X2APIC        0x800u
#define CPUID_X2APIC      (1u << 21)

static volatile uint32_t *registers;
static bool x2apic;

static uint32_t apic_read(unsigned reg) {
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC + reg / 16) : registers[reg / 4];
}

static void apic_write(unsigned reg, uint32_t v) {
    if (x2apic) wrmsr(MSR_X2APIC + reg / 16, v);
    else registers[reg / 4] = v;
}

paddr_t lapic_paddr(void) {
    return rdmsr(MSR_APIC_BASE) & 0xffffffffff000ul;
}

/* ---- setting up ---- */

static void set_up(bool pic_passes_through) {
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_LVT_LINT0, pic_passes_through ? APIC_LVT_EXTINT : APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT1, APIC_LVT_NMI);
    apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_16);
    apic_write(APIC_TIMER_INIT, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

void lapic_init(void) {
    uint64_t base = rdmsr(MSR_APIC_BASE);
    x2apic = (base & APIC_BASE_ENABLED) && (base & APIC_BASE_X2APIC);
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLED);
    registers = phys_to_virt(lapic_paddr());
    set_up(true);
}

bool lapic_is_x2apic(void) {
    return x2apic;
}

bool lapic_use_x2apic(void) {
    if (x2apic) return true;
    if (!(cpuid(1, 0).ecx & CPUID_X2APIC)) return false;
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC); /* the registers keep what they hold (10.12.5) */
    x2apic = true;
    return true;
}

/* An APIC that is off must be turned on before it is switched over. */
void lapic_init_ap(paddr_t page) {
    if (!(rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC)) wrmsr(MSR_APIC_BASE, page | APIC_BASE_ENABLED);
    if (x2apic) wrmsr(MSR_APIC_BASE, page | APIC_BASE_ENABLED | APIC_BASE_X2APIC);
    set_up(false);
}

uint32_t lapic_id(void) {
    return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

/* ---- the timer ---- */

uint32_t lapic_timer_left(void) {
    return apic_read(APIC_TIMER_NOW);
}

void lapic_timer_start(uint32_t count) {
    apic_write(APIC_TIMER_INIT, count);
}

/* ---- interrupts ---- */

void lapic_eoi(void) {
    apic_write(APIC_EOI, 0);
}

/* A message went wrong, or an illegal register was touched (10.5.3). ESR shows news after a write. */
void lapic_error(void) {
    apic_write(APIC_ESR, 0);
    log_line("CPU %u: its local APIC reports errors %#x", cpu_this()->id, apic_read(APIC_ESR));
}

/* In x2APIC mode a message may overtake the stores before it (10.12.3). In xAPIC mode one must have left before the next. */
void lapic_send(uint32_t apic_id, uint32_t message) {
    uint64_t saved = irq_save();
    if (x2apic) {
        __asm__ volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)apic_id << 32 | message);
    } else {
        while (apic_read(APIC_ICR) & APIC_ICR_PENDING) __builtin_ia32_pause();
        apic_write(APIC_ICR_HIGH, apic_id << 24);
        apic_write(APIC_ICR, message);
    }
    irq_restore(saved);
}
