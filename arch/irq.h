/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Which device interrupted, and telling its controller that this is known.
 */
#pragma once

#include <stdint.h>

enum irq_source {
    IRQ_SPURIOUS, /* nobody; nothing to acknowledge */
    IRQ_TIMER,    /* call clock_interrupt() */
    IRQ_SERIAL,   /* call serial_interrupt() */
    IRQ_CALL,     /* call ipi_interrupt() */
    IRQ_RESCHEDULE, /* nothing to do but what every interrupt ends with */
    IRQ_APIC_ERROR, /* call lapic_error() */
    IRQ_DEVICE,   /* call pci_interrupt() with irq_line() */
    IRQ_UNKNOWN,  /* a device that nobody drives */
};

/* Both in interrupt context. irq_done comes after the handler and before any switch of threads. */
enum irq_source irq_source(uint64_t vector);
void irq_done(uint64_t vector);
unsigned irq_line(uint64_t vector); /* of IRQ_DEVICE: which message (arch/pci.h) */

/* The timer's interrupt: calls clock_expired() if the armed time has really come, else arms the rest. */
void clock_interrupt(void);

/* Another CPU asks for calls: makes them (arch/ipi.h). */
void ipi_interrupt(void);
/* This CPU's interrupt controller has found something wrong: one line on the console. */
void lapic_error(void);

/* A fault at this instruction could not be resolved: where to go on instead, or 0 when it is not one that
 * touches user memory for copyin and its kin. */
uint64_t uaccess_fixup(uint64_t rip);
