/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The ring of events, and what each of them means in words.
 *
 *   next --> [ ticks a b id ][ ticks a b id ] ...    next runs freely; its low bits are the slot
 *
 * LOCKING  none. A slot is claimed by one atomic addition, so that an interrupt in the middle of trace()
 * takes the next slot; trace_dump reads while others may write, and may show an event half written.
 * MISSING  a ring per CPU (there is one CPU).
 */
#include "kernel/trace.h"

#include "arch/clock.h"
#include "arch/mmu.h"
#include "kernel/assert.h"
#include "libc/core/format.h"

#define EVENTS 256u /* a power of two */

struct event {
    uint64_t ticks, a, b;
    uint64_t id;
};

static struct event events[EVENTS];
static uint32_t next;

static const char *const formats[TRACE_IDS] = {
    [TRACE_NONE] = "none %#lx %#lx",
    [TRACE_SYSCALL] = "system call %lu, first argument %#lx",
    [TRACE_SYSRET] = "system call %lu returns %#lx",
    [TRACE_FAULT] = "page fault at %#lx, error %#lx",
    [TRACE_SWITCH] = "switch from thread %lu to %lu",
    [TRACE_LOCK] = "lock %#lx, length %#lx",
    [TRACE_UNLOCK] = "unlock %#lx, length %#lx",
    [TRACE_AIO] = "aio request %#lx, state %lu",
    [TRACE_EXIT] = "exit of process %lu, status %#lx",
};

void trace(enum trace_id id, uint64_t a, uint64_t b) {
    struct event *e = &events[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % EVENTS];
    *e = (struct event){.ticks = machine_ticks(), .a = a, .b = b, .id = id};
}

void trace_dump(unsigned n) {
    if (n > EVENTS) n = EVENTS;
    if (n > next) n = next;
    for (uint32_t i = next - n; i != next; i++) {
        const struct event *e = &events[i % EVENTS];
        if (e->id >= TRACE_IDS || !formats[e->id]) continue;
        uint64_t time = clock_from_ticks(e->ticks);
        char text[96];
        snprintf(text, sizeof text, formats[e->id], e->a, e->b);
        log_line("  %lu.%06lu %s", time / 1000000000, time / 1000 % 1000000, text);
    }
}
