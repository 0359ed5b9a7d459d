/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The rings of events, one a CPU, and what each of them means in words.
 *
 *   next --> [ ticks a b id ][ ticks a b id ] ...    next runs freely; its low bits are the slot
 *
 * LOCKING  none. A slot is claimed by one atomic addition, so that an interrupt in the middle of trace()
 * takes the next slot, and so does a thread that was moved to another CPU in between. trace_dump reads
 * while others may write, and may show an event half written.
 */
#include "kernel/trace.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "kernel/assert.h"
#include "libc/core/format.h"
#include "mm/heap.h"

#define EVENTS 256u /* a power of two */

struct event {
    uint64_t ticks, a, b;
    uint64_t id;
};

struct ring {
    uint32_t next;
    struct event events[EVENTS];
};

static struct ring first;
static struct ring *rings[MAX_CPUS] = {&first};

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
    struct ring *r = rings[cpu_this()->id];
    struct event *e = &r->events[__atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED) % EVENTS];
    *e = (struct event){.ticks = machine_ticks(), .a = a, .b = b, .id = id};
}

bool trace_add_cpu(unsigned cpu) {
    if (!rings[cpu]) rings[cpu] = heap_alloc_zero(sizeof(struct ring));
    return rings[cpu];
}

static void print(const struct event *e, unsigned cpu) {
    if (e->id >= TRACE_IDS || !formats[e->id]) return;
    uint64_t time = clock_from_ticks(e->ticks);
    char text[96], who[16] = "";
    snprintf(text, sizeof text, formats[e->id], e->a, e->b);
    if (cpu_count() > 1) snprintf(who, sizeof who, "CPU %u: ", cpu);
    log_line("  %lu.%06lu %s%s", time / 1000000000, time / 1000 % 1000000, who, text);
}

/* How far back the newest n events of all rings reach in each. */
static void choose(unsigned n, uint32_t back[MAX_CPUS]) {
    while (n--) {
        unsigned newest = MAX_CPUS;
        uint64_t ticks = 0;
        for (unsigned c = 0; c < MAX_CPUS; c++) {
            const struct ring *r = rings[c];
            if (!r || back[c] == EVENTS || back[c] == r->next) continue;
            const struct event *e = &r->events[(r->next - back[c] - 1) % EVENTS];
            if (newest < MAX_CPUS && e->ticks < ticks) continue;
            newest = c;
            ticks = e->ticks;
        }
        if (newest == MAX_CPUS) return;
        back[newest]++;
    }
}

static const struct event *oldest(const uint32_t back[MAX_CPUS], unsigned *cpu) {
    const struct event *best = NULL;
    for (unsigned c = 0; c < MAX_CPUS; c++) {
        if (!back[c]) continue;
        const struct event *e = &rings[c]->events[(rings[c]->next - back[c]) % EVENTS];
        if (best && best->ticks <= e->ticks) continue;
        best = e;
        *cpu = c;
    }
    return best;
}

void trace_dump(unsigned n) {
    uint32_t back[MAX_CPUS] = {0};
    const struct event *e;
    unsigned cpu;
    choose(n, back);
    while ((e = oldest(back, &cpu))) {
        print(e, cpu);
        back[cpu]--;
    }
}
