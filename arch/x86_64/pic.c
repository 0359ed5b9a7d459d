/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Interrupt controllers: the two 8259s carry the serial line, the local APIC the timer.
 *
 * The 8259s (Intel 8259A data sheet) interrupt through the APIC's LINT0 pin in ExtINT mode ("virtual wire",
 * SDM Vol. 3, 10.5.1). Both controllers can raise a spurious interrupt, which must not be acknowledged.
 * MISSING  the I/O APIC, x2APIC mode.
 */
#include "arch/irq.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_EOI      0x20
#define PIC_READ_ISR 0x0b
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086    0x01
#define CASCADE      2
#define IRQ_COM1     4

/* The local APIC's registers (SDM Vol. 3, table 10-1). */
enum {
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
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

static volatile uint32_t *apic;

static uint32_t apic_read(unsigned reg) {
    return apic[reg / 4];
}

static void apic_write(unsigned reg, uint32_t v) {
    apic[reg / 4] = v;
}

paddr_t lapic_paddr(void) {
    return rdmsr(MSR_APIC_BASE) & 0xffffffffff000ul;
}

void lapic_init(void) {
    uint64_t base = rdmsr(MSR_APIC_BASE);
    if (base & APIC_BASE_X2APIC) panic("boot: the firmware left the local APIC in x2APIC mode, which is not supported");
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLED);
    apic = phys_to_virt(lapic_paddr());
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_LVT_LINT0, APIC_LVT_EXTINT);
    apic_write(APIC_LVT_LINT1, APIC_LVT_NMI);
    apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED);
    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_16);
    apic_write(APIC_TIMER_INIT, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

uint32_t lapic_timer_left(void) {
    return apic_read(APIC_TIMER_NOW);
}

void lapic_timer_start(uint32_t count) {
    apic_write(APIC_TIMER_INIT, count);
}

void lapic_eoi(void) {
    apic_write(APIC_EOI, 0);
}

void pic_init(void) {
    outb(PIC1, ICW1_INIT_ICW4);
    outb(PIC2, ICW1_INIT_ICW4);
    outb(PIC1 + 1, VECTOR_PIC);
    outb(PIC2 + 1, VECTOR_PIC + 8);
    outb(PIC1 + 1, 1 << CASCADE);
    outb(PIC2 + 1, CASCADE);
    outb(PIC1 + 1, ICW4_8086);
    outb(PIC2 + 1, ICW4_8086);
    outb(PIC1 + 1, (uint8_t)~(1 << CASCADE));
    outb(PIC2 + 1, 0xff);
    lapic_init();
}

void pic_unmask(unsigned irq) {
    uint16_t port = irq < 8 ? PIC1 + 1 : PIC2 + 1;
    outb(port, (uint8_t)(inb(port) & ~(1u << irq % 8)));
}

/* Is this line of the controller really being served? Lines 7 and 15 also report noise. */
static bool pic_in_service(unsigned irq) {
    uint16_t port = irq < 8 ? PIC1 : PIC2;
    outb(port, PIC_READ_ISR);
    return inb(port) >> irq % 8 & 1;
}

enum irq_source irq_source(uint64_t vector) {
    if (vector == VECTOR_TIMER) return IRQ_TIMER;
    if (vector == VECTOR_PIC + IRQ_COM1) return IRQ_SERIAL;
    if (vector == VECTOR_SPURIOUS) return IRQ_SPURIOUS;
    if (vector < VECTOR_PIC || vector >= VECTOR_PIC + 16) return IRQ_UNKNOWN;
    unsigned irq = (unsigned)vector - VECTOR_PIC;
    if (irq % 8 != 7 || pic_in_service(irq)) return IRQ_UNKNOWN;
    if (irq == 15) outb(PIC1, PIC_EOI); /* the first controller did see the second's line */
    return IRQ_SPURIOUS;
}

void irq_done(uint64_t vector) {
    if (vector >= VECTOR_PIC && vector < VECTOR_PIC + 16) {
        if (vector >= VECTOR_PIC + 8) outb(PIC2, PIC_EOI);
        outb(PIC1, PIC_EOI);
    } else {
        lapic_eoi();
    }
}
