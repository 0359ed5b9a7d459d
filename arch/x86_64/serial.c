/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * COM1, a 16550 (National Semiconductor PC16550D data sheet).
 *
 *   writer -> [ ring of bytes to send ] -> transmit FIFO (16) -> line      "transmitter empty" interrupt refills
 *   line -> receive FIFO -> serial_rx(byte)                                the console keeps them
 *
 * Before serial_start, and when the ring is full and the caller may not wait, bytes are sent by polling;
 * the ring's order is kept.
 *
 * LOCKING  `line` (irq spinlock) guards the ring and the transmitter. serial_panic makes everything ignore it.
 * INVARIANTS  tail - head <= RING_SIZE; the transmitter's interrupt is enabled exactly while the ring is not
 * empty (once started).
 * MISSING  modem control, flow control, other ports.
 */
#include "arch/serial.h"
#include "arch/x86_64/x86.h"
#include "kernel/sync.h"

#define COM1 0x3f8
#define COM1_IRQ 4

enum { REG_DATA = 0, REG_IER = 1, REG_FCR = 2, REG_IIR = 2, REG_LCR = 3, REG_MCR = 4, REG_LSR = 5 };

#define IER_RX       0x01
#define IER_TX       0x02
#define IIR_NONE     0x01
#define FCR_ON_CLEAR 0x07
#define LCR_8N1      0x03
#define LCR_DLAB     0x80
#define MCR_DTR_RTS_OUT2 0x0b /* OUT2 connects the interrupt line */
#define LSR_DATA     0x01
#define LSR_THRE     0x20
#define FIFO_DEPTH   16

#define RING_SIZE 8192u /* a power of two: indices run freely and are masked */

static struct spinlock line;
static char ring[RING_SIZE] GUARDED_BY(&line);
static uint32_t head GUARDED_BY(&line), tail GUARDED_BY(&line); /* head is sent next, tail is free next */
static bool started;        /* interrupts drive the line */
static bool tx_on GUARDED_BY(&line);    /* the transmitter's interrupt is enabled */
static bool was_full GUARDED_BY(&line); /* somebody was told "no more" */
static bool panicking;

static uint64_t line_lock(void) ACQUIRE(&line) NOT_ANALYSED {
    return panicking ? 0 : spin_lock_irq(&line);
}

static void line_unlock(uint64_t saved) RELEASE(&line) NOT_ANALYSED {
    if (!panicking) spin_unlock_irq(&line, saved);
}

static void tx_interrupt(bool on) REQUIRES(&line) {
    if (tx_on == on) return;
    tx_on = on;
    outb(COM1 + REG_IER, (uint8_t)(IER_RX | (on ? IER_TX : 0)));
}

static void send_polled(uint8_t byte) {
    while (!(inb(COM1 + REG_LSR) & LSR_THRE)) continue;
    outb(COM1 + REG_DATA, byte);
}

/* Fill the empty transmit FIFO from the ring. */
static void refill_locked(void) REQUIRES(&line) {
    for (unsigned n = 0; n < FIFO_DEPTH && head != tail; n++) {
        outb(COM1 + REG_DATA, (uint8_t)ring[head++ % RING_SIZE]);
    }
}

static void drain_locked(void) REQUIRES(&line) {
    while (head != tail) send_polled((uint8_t)ring[head++ % RING_SIZE]);
}

void serial_init(void) {
    spin_init(&line, "serial");
    outb(COM1 + REG_IER, 0);
    outb(COM1 + REG_LCR, LCR_DLAB);
    outb(COM1 + 0, 1); /* divisor 1: 115200 */
    outb(COM1 + 1, 0);
    outb(COM1 + REG_LCR, LCR_8N1);
    outb(COM1 + REG_FCR, FCR_ON_CLEAR);
    outb(COM1 + REG_MCR, MCR_DTR_RTS_OUT2);
}

void serial_start(void) {
    uint64_t saved = line_lock();
    started = true;
    outb(COM1 + REG_IER, IER_RX);
    pic_unmask(COM1_IRQ);
    line_unlock(saved);
}

size_t serial_write(const char *buf, size_t len) {
    uint64_t saved = line_lock();
    size_t n = 0;
    if (started && !panicking) {
        while (n < len && tail - head < RING_SIZE) ring[tail++ % RING_SIZE] = buf[n++];
        if (n < len) was_full = true;
        if (head != tail) tx_interrupt(true);
    } else {
        while (n < len) send_polled((uint8_t)buf[n++]);
    }
    line_unlock(saved);
    return n;
}

void serial_write_all(const char *buf, size_t len) {
    uint64_t saved = line_lock();
    bool queue = started && !panicking;
    for (size_t n = 0; n < len; n++) {
        if (queue && tail - head == RING_SIZE) send_polled((uint8_t)ring[head++ % RING_SIZE]);
        if (queue) ring[tail++ % RING_SIZE] = buf[n];
        else send_polled((uint8_t)buf[n]);
    }
    if (queue && head != tail) tx_interrupt(true);
    line_unlock(saved);
}

void serial_flush(void) {
    uint64_t saved = line_lock();
    drain_locked();
    while (!(inb(COM1 + REG_LSR) & LSR_THRE)) continue;
    line_unlock(saved);
}

/* What is queued goes out first; if the ring itself is what broke, no more than it can hold. */
void serial_panic(void) NOT_ANALYSED {
    panicking = true;
    if (tail - head > RING_SIZE) head = tail - RING_SIZE;
    drain_locked();
}

/* The transmitter is empty, perhaps: true when a writer who found the ring full may go on. */
static bool transmit(void) {
    bool ready = false;
    uint64_t saved = line_lock();
    if (tx_on && (inb(COM1 + REG_LSR) & LSR_THRE)) {
        refill_locked();
        ready = was_full && tail - head <= RING_SIZE / 2;
        if (ready) was_full = false;
        if (head == tail) tx_interrupt(false);
    }
    line_unlock(saved);
    return ready;
}

/*
 * The interrupt controller sees edges: as long as one cause is pending the line stays up, and a new cause
 * makes no edge. So nobody may leave before the chip says that nothing is pending, or it is never heard again.
 */
void serial_interrupt(void) {
    bool ready = false;
    while (!(inb(COM1 + REG_IIR) & IIR_NONE)) { /* the read acknowledges "transmitter empty" */
        ready |= transmit();
        while (inb(COM1 + REG_LSR) & LSR_DATA) serial_rx(inb(COM1 + REG_DATA));
    }
    if (ready) serial_tx_ready();
}
