/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The time-stamp counter as the clock, the local APIC's timer as the alarm, both measured against the PIT.
 *
 * The PIT (Intel 8254 data sheet) runs at 1193182 Hz everywhere. Its channel 2 counts down while both
 * counters are read at two edges some 100 us apart; of three rounds the one with the least doubt
 * (time between the reads that bracket an edge) is believed. Nanoseconds are counter * factor >> 32.
 *
 * The first CPU measures for all. Each has a timer of its own, and all count one time: that their time-stamp
 * counters agree is looked at when they start (smp.c).
 *
 * INVARIANTS  clock_now never goes back: the TSC does not, and the factor is set once.
 * MISSING  drift against the PIT is not corrected (a few tenths of a per cent at worst); unstable TSCs.
 */
#include "arch/clock.h"

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/x86_64/x86.h"
#include "boot/bootinfo.h"

#define PIT_HZ      1193182ul
#define PIT_CH2     0x42
#define PIT_COMMAND 0x43
#define PIT_GATE    0x61 /* bit 0: channel 2 counts; bit 1: speaker */
#define PIT_CH2_MODE0 0xb0
#define PIT_LATCH_CH2 0x80
#define ROUND_TICKS 120u /* 100 us */

#define NS_PER_S    1000000000ul
#define LONGEST_NS  (60 * NS_PER_S) /* what is farther away is armed again on the way */

static uint64_t tsc_factor;   /* ns = ticks * factor >> 32 */
static uint64_t timer_factor; /* timer's counts = ns * factor >> 32 */
static uint64_t tsc_base;
static uint64_t wall_offset;
static uint64_t armed[MAX_CPUS]; /* what clock_arm was told on each */

/* ---- calibration ---- */

struct sample {
    uint64_t tsc, doubt;
    uint32_t timer;
    uint16_t pit;
};

static uint16_t pit_read(void) {
    outb(PIT_COMMAND, PIT_LATCH_CH2);
    uint16_t lo = inb(PIT_CH2);
    return (uint16_t)(lo | inb(PIT_CH2) << 8);
}

/* Both counters at the moment when the PIT's count next changes. */
static struct sample sample_edge(void) {
    uint16_t old = pit_read(), now;
    uint64_t before, after = machine_ticks();
    do {
        before = after;
        now = pit_read();
        after = machine_ticks();
    } while (now == old);
    return (struct sample){after, after - before, lapic_timer_left(), now};
}

static void calibrate(void) {
    uint64_t best = UINT64_MAX;
    lapic_timer_start(UINT32_MAX);
    outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2) | 1));
    for (unsigned round = 0; round < 3; round++) {
        outb(PIT_COMMAND, PIT_CH2_MODE0);
        outb(PIT_CH2, 0xff);
        outb(PIT_CH2, 0xff);
        struct sample a = sample_edge();
        while ((uint16_t)(a.pit - pit_read()) < ROUND_TICKS) continue;
        struct sample b = sample_edge();
        if (a.doubt + b.doubt >= best) continue;
        best = a.doubt + b.doubt;
        uint64_t ns = (uint16_t)(a.pit - b.pit) * NS_PER_S / PIT_HZ;
        tsc_factor = (ns << 32) / (b.tsc - a.tsc);
        timer_factor = ((uint64_t)(a.timer - b.timer) << 32) / ns;
    }
    lapic_timer_start(0);
}

/* ---- the wall clock (Motorola MC146818 data sheet) ---- */

static uint8_t cmos_read(uint8_t reg) {
    outb(0x70, reg);
    return inb(0x71);
}

struct cmos_time {
    uint8_t second, minute, hour, day, month, year;
};

static struct cmos_time cmos_time(void) {
    while (cmos_read(0x0a) & 0x80) continue; /* an update is under way */
    return (struct cmos_time){cmos_read(0), cmos_read(2), cmos_read(4), cmos_read(7), cmos_read(8), cmos_read(9)};
}

static uint64_t from_bcd(uint8_t v, bool binary) {
    return binary ? v : (v >> 4) * 10u + (v & 15);
}

/* Days from 1970-01-01 to a date of the years 2000-2099, where every fourth year is a leap year. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day) {
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t y = year - 2000;
    uint64_t days = 10957 + y * 365 + (y + 3) / 4; /* 10957: 2000-01-01 */
    return days + before[(month - 1) % 12] + (y % 4 == 0 && month > 2) + day - 1;
}

static uint64_t wall_seconds(void) {
    struct cmos_time a, b = cmos_time();
    do {
        a = b;
        b = cmos_time();
    } while (a.second != b.second || a.minute != b.minute || a.hour != b.hour || a.day != b.day);
    uint8_t mode = cmos_read(0x0b);
    bool binary = mode & 4;
    uint64_t hour = from_bcd(b.hour & 0x7f, binary);
    if (!(mode & 2)) hour = hour % 12 + (b.hour & 0x80 ? 12 : 0);
    uint64_t days = days_since_1970(2000 + from_bcd(b.year, binary), from_bcd(b.month, binary), from_bcd(b.day, binary));
    return ((days * 24 + hour) * 60 + from_bcd(b.minute, binary)) * 60 + from_bcd(b.second, binary);
}

/* ---- the contract ---- */

void clock_init(void) {
    calibrate();
    tsc_base = boot_info.entry_tsc;
    wall_offset = wall_seconds() * NS_PER_S - clock_now();
}

uint64_t clock_from_ticks(uint64_t ticks) {
    return (uint64_t)((unsigned __int128)(ticks - tsc_base) * tsc_factor >> 32);
}

uint64_t clock_now(void) {
    return clock_from_ticks(machine_ticks());
}

uint64_t clock_wall_offset(void) {
    return wall_offset;
}

void clock_arm(uint64_t deadline_ns) {
    uint64_t saved = irq_save(), now = clock_now();
    armed[cpu_this()->id] = deadline_ns;
    uint64_t wait = deadline_ns > now ? deadline_ns - now : 0;
    if (wait > LONGEST_NS) wait = LONGEST_NS;
    uint64_t count = (uint64_t)((unsigned __int128)wait * timer_factor >> 32) + 1; /* 0 would stop it */
    lapic_timer_start(deadline_ns == UINT64_MAX ? 0 : count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
    irq_restore(saved);
}

void clock_interrupt(void) {
    uint64_t *mine = &armed[cpu_this()->id];
    if (*mine == UINT64_MAX) return;
    if (clock_now() < *mine) {
        clock_arm(*mine);
        return;
    }
    *mine = UINT64_MAX;
    clock_expired();
}
