/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Knobs for tests and for who debugs: with them a test waits for events instead of time, has things fail on order, and
 * asks whether all holds. N: a number; T: a text; w: uid 0 may set it.
 *
 *   debug.audit                     N    reading runs the auditor (I1-I6): 0 all holds, 1 something is broken
 *   debug.audit_text                T    the same: "ok", or what is broken
 *   debug.inject.frame .heap .reserve .stall
 *                                   N w  n: the caller's n-th such allocation from now fails (has to wait); reads as what is left
 *   debug.inject.slot .swap_write .swap_read
 *                                   N w  the same for whoever does it: a slot to page out to; a transfer, as if the device failed
 *   debug.evict                     N w  writing 1 evicts all that may be evicted; reads as the pages that went so, since boot
 *   debug.yield.POINT               N w  n: whoever passes this point of the kernel yields n times (kernel/race.h)
 *   debug.yield.met                 N    times that others of its process (or its workers) passed armed points meanwhile
 *   debug.aio.hold                  N w  1: no request is taken up; 2: requests are taken up but stay in hand
 *                                        without work; 0: go on
 *   debug.aio.step                  N w  n: let n slices go under hold 1; reads as what is left
 *
 *   debug.port.hold                 N w  1: no request is given to a block device's server; 0: go on
 *   debug.port.step                 N w  n: let n requests go under the hold; reads as what is left
 *   debug.port.requests             N    requests to block devices that have not ended
 *
 *   debug.ipi.reach                 N    reading calls each CPU: how many came by
 *   debug.ipi.calls                 N    calls asked of other CPUs, since boot: one for each CPU called
 *   debug.panic                     N w  n: the kernel panics, on CPU n (2^64-1: on all at once); reads as 0
 */
#include <asm/errno.h>

#include "arch/ipi.h"
#include "kernel/aio.h"
#include "kernel/audit.h"
#include "kernel/inject.h"
#include "kernel/port.h"
#include "kernel/race.h"
#include "kernel/smp.h"
#include "kernel/sysctl.h"
#include "libc/core/string.h"
#include "mm/mm.h"

/* ---- asynchronous requests ---- */

static uint64_t get_hold(void) {
    return aio_get_hold();
}

static int set_hold(uint64_t n) {
    if (n > AIO_FREEZE) return -EINVAL;
    aio_set_hold((enum aio_hold)n);
    return 0;
}

static int set_steps(uint64_t n) {
    aio_set_steps(n);
    return 0;
}

/* ---- CPUs ---- */

static uint64_t get_reach(void) {
    return smp_reach();
}

static uint64_t get_panic(void) {
    return 0;
}

static int set_panic(uint64_t cpu) {
    smp_panic(cpu);
    return -EINVAL; /* no such CPU */
}

/* ---- the auditor, and failures on order ---- */

static uint64_t get_audit(void) {
    return audit() != NULL;
}

static void audit_text(char *to, size_t size) {
    const char *wrong = audit();
    strlcpy(to, wrong ? wrong : "ok", size);
}

#define INJECTION(name, site)                                    \
    static uint64_t get_inject_##name(void) {                    \
        return inject_left(site);                                \
    }                                                            \
    static int set_inject_##name(uint64_t n) {                   \
        if (n > UINT32_MAX) return -EINVAL;                      \
        inject_arm(site, (unsigned)n);                           \
        return 0;                                                \
    }
INJECTION(frame, INJECT_FRAME)
INJECTION(heap, INJECT_HEAP)
INJECTION(reserve, INJECT_RESERVE)
INJECTION(stall, INJECT_STALL)
INJECTION(slot, INJECT_SLOT)
INJECTION(swap_write, INJECT_SWAP_WRITE)
INJECTION(swap_read, INJECT_SWAP_READ)

/* ---- page-out on order ---- */

static uint64_t evicted; /* by command, since boot */

static uint64_t get_evicted(void) {
    return __atomic_load_n(&evicted, __ATOMIC_RELAXED);
}

static int set_evict(uint64_t n) {
    if (n) __atomic_fetch_add(&evicted, pageout_everything(), __ATOMIC_RELAXED);
    return 0;
}

/* ---- yields on order ---- */

#define RACE_KNOB(name, id)                       \
    static uint64_t get_race_##name(void) {       \
        return race_get(RACE_##id);               \
    }                                             \
    static int set_race_##name(uint64_t n) {      \
        if (n > 1000) return -EINVAL;             \
        race_arm(RACE_##id, (uint32_t)n);         \
        return 0;                                 \
    }
RACE_POINTS(RACE_KNOB)

static uint64_t get_race_all(void) {
    return race_armed;
}

static int set_race_all(uint64_t n) {
    if (n > 1000) return -EINVAL;
    for (int id = 0; id < RACE_IDS; id++) race_arm((enum race_id)id, (uint32_t)n);
    return 0;
}

/* ---- the table ---- */

const struct knob knobs_debug[] = {
    {"debug.audit", N(get_audit)},
    {"debug.audit_text", T(audit_text)},
    {"debug.inject.frame", NW(get_inject_frame, set_inject_frame)},
    {"debug.inject.heap", NW(get_inject_heap, set_inject_heap)},
    {"debug.inject.reserve", NW(get_inject_reserve, set_inject_reserve)},
    {"debug.inject.stall", NW(get_inject_stall, set_inject_stall)},
    {"debug.inject.slot", NW(get_inject_slot, set_inject_slot)},
    {"debug.inject.swap_write", NW(get_inject_swap_write, set_inject_swap_write)},
    {"debug.inject.swap_read", NW(get_inject_swap_read, set_inject_swap_read)},
    {"debug.evict", NW(get_evicted, set_evict)},
    {"debug.yield.all", NW(get_race_all, set_race_all)},
#define RACE_ROW(name, id) {"debug.yield." #name, NW(get_race_##name, set_race_##name)},
    RACE_POINTS(RACE_ROW)
    {"debug.yield.met", N(race_met)},
    {"debug.aio.hold", NW(get_hold, set_hold)},
    {"debug.aio.step", NW(aio_steps, set_steps)},
    {"debug.port.hold", NW(ports_get_hold, ports_set_hold)},
    {"debug.port.step", NW(ports_get_steps, ports_set_steps)},
    {"debug.port.requests", N(ports_unfinished)},
    {"debug.ipi.reach", N(get_reach)},
    {"debug.ipi.calls", N(ipi_calls)},
    {"debug.panic", NW(get_panic, set_panic)},
    {NULL, NULL, NULL, NULL},
};
