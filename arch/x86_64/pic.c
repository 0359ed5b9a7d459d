/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Where interrupts come from: the two 8259s carry the serial line, the local APICs (lapic.c) the rest.
 *
 * The 8259s (Intel 8259A data sheet) interrupt the first CPU alone, through its APIC's LINT0 pin in ExtINT
 * mode ("virtual wire", SDM Vol. 3, 10.5.1). Both kinds of controller can raise a spurious interrupt, which
 * must not be acknowledged.
 *
 * LOCKING  none: the first CPU's alone.
 * MISSING  the I/O APIC.
 */
#include "arch/irq.h"
#include "arch/pci.h"
#include "arch/x86_64/x86.h"

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_EOI      0x20
#define PIC_READ_ISR 0x0b
#define ICW1_INIT_ICW4 0x11
#define ICW4_8086    0x01
#define CASCADE      2
#define IRQ_COM1     4

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
    if (vector == VECTOR_CALL) return IRQ_CALL;
    if (vector == VECTOR_RESCHEDULE) return IRQ_RESCHEDULE;
    if (vector == VECTOR_APIC_ERROR) return IRQ_APIC_ERROR;
    if (vector >= VECTOR_DEVICE && vector < VECTOR_DEVICE + PCI_INTERRUPT_LINES) return IRQ_DEVICE;
    if (vector < VECTOR_PIC || vector >= VECTOR_PIC + 16) return IRQ_UNKNOWN;
    unsigned irq = (unsigned)vector - VECTOR_PIC;
    if (irq % 8 != 7 || pic_in_service(irq)) return IRQ_UNKNOWN;
    if (irq == 15) outb(PIC1, PIC_EOI); /* the first controller did see the second's line */
    return IRQ_SPURIOUS;
}

unsigned irq_line(uint64_t vector) {
    return (unsigned)vector - VECTOR_DEVICE;
}

void irq_done(uint64_t vector) {
    if (vector >= VECTOR_PIC && vector < VECTOR_PIC + 16) {
        if (vector >= VECTOR_PIC + 8) outb(PIC2, PIC_EOI);
        outb(PIC1, PIC_EOI);
    } else {
        lapic_eoi();
    }
}
