/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The serial console (16550 at COM1): interrupt-driven both ways, with a ring on the way out (what comes in
 * goes straight to the console, which keeps it), and a polled way out for early boot and panic.
 *
 * LOCKING  one irq spinlock inside, a leaf but for the hooks, which are called without it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* 115200 8N1, FIFOs on, polled. Works before anything else does. */
void serial_init(void);
/* From here on bytes go out and come in by interrupt (the PIC and traps are ready). */
void serial_start(void);

/* Queue bytes exactly as they are (no CR is added): how many were taken, which is fewer than len when the
 * ring is full. Never waits. When a full ring has drained to half, serial_tx_ready() is called. */
size_t serial_write(const char *buf, size_t len);
/* Queue all, sending by polling what does not fit: never fails, never sleeps, callable with any lock held. */
void serial_write_all(const char *buf, size_t len);
/* Send everything queued, by polling: before the machine stops. */
void serial_flush(void);
/* After this every byte goes straight out, and no lock is taken: for panic alone. */
void serial_panic(void);

/* Implemented by the console. Interrupt context, no lock held. */
void serial_rx(uint8_t byte);
void serial_tx_ready(void);

/* Called by kernel/trap.c for the serial interrupt. */
void serial_interrupt(void);
