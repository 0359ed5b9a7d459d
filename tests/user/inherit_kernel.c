/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Priority inheritance on the kernel's own locks: a real-time thread that takes a fault does not wait for a lesser one,
 * whatever that one is doing to the space, though a third between the two computes.
 *
 *      L  its call yields inside the kernel (debug.yield.POINT), with the space's lock or a range held
 *      T  as urgent as L, and so the one that runs then: it sets the others free, by priority
 *      H  takes a fault, or locks memory               M  is to run after H, and before the rest of L
 *
 * L and T are SCHED_FIFO of one priority, so nothing but L's yield lets T run while L is in its call.
 *
 * needs: holdfast
 */
#include "tests/user/inherit.h"

enum { GO_H, GO_M, GO_W };

static volatile int inside; /* L is in its call */
static volatile int queued; /* W is in its own */
static volatile long waits; /* of H, or others meanwhile, for locks of the kernel */
static char *area;          /* pages that nobody has touched but 0 and 1 */

#define AT(page) (area + (page) * PG)

/* ---- the parts ---- */

static void waits_for_yield(void) {
    while (!inside) raw(SYS_sched_yield);
    set_priority(0, DIRECTOR);
    say(GO_W);
    say(GO_M);
    say(GO_H);
}

/* The same, when W, as urgent as L, has come by. */
static void waits_for_two(void) {
    while (!inside) raw(SYS_sched_yield);
    say(GO_W);
    while (!queued) raw(SYS_sched_yield);
    set_priority(0, DIRECTOR);
    say(GO_M);
    say(GO_H);
}

static void touches(void) {
    await_cue(GO_H);
    uint64_t before = knob("kern.lock_waits");
    *(volatile char *)AT(8) = 1;
    waits = (long)(knob("kern.lock_waits") - before);
    note('H');
}

static void locks(void) {
    await_cue(GO_H);
    if (raw(SYS_mlock, AT(2), 4 * PG) != 0) note('!');
    note('H');
}

static void between(void) {
    await_cue(GO_M);
    note('M');
}

static void protects(void) {
    inside = 1;
    if (raw(SYS_mprotect, AT(0), PG, PROT_READ) != 0) note('!');
    note('l');
}

static void forks(void) {
    inside = 1;
    long pid = raw(SYS_fork);
    if (pid == 0) raw(SYS_exit_group, 0);
    note(pid > 0 ? 'l' : '!');
    raw(SYS_wait4, pid, NULL, 0, NULL);
}

static void reads(void) {
    inside = 1;
    *(volatile char *)AT(4) = 1;
    note('l');
}

static void holds_range(void) {
    inside = 1;
    if (raw(SYS_mlock, AT(2), 2 * PG) != 0) note('!');
    note('l');
}

/* Wants the space for itself, and so waits for L. */
static void writes(void) {
    await_cue(GO_W);
    queued = 1;
    if (raw(SYS_mprotect, AT(1), PG, PROT_READ) != 0) note('!');
    note('W');
}

/* ---- the plays ---- */

static struct actor l, t, h, m, w;

static void set(const char *point, uint64_t yields) {
    char name[64];
    snprintf(name, sizeof name, "debug.yield.%s", point);
    if (set_knob(name, yields) != 0) bail_out("no knob %s", name);
}

/* L does `part`, which yields at `point`; if w_priority, W comes by before H. */
static const char *play(void (*part)(void), const char *point, void (*urgent)(void), int w_priority) {
    area = anon(16);
    AT(0)[0] = AT(1)[0] = 1;
    inside = queued = 0;
    stage_begin();
    actor(&h, urgent, 80);
    actor(&m, between, 50);
    if (w_priority) actor(&w, writes, w_priority);
    all_wait();
    set(point, 20);
    actor(&l, part, 10);
    actor(&t, w_priority == 10 ? waits_for_two : waits_for_yield, 10);
    const char *what = finish();
    set("all", 0);
    munmap(area, 16 * PG);
    return what;
}

int main(void) {
    needs_holdfast();
    plan(7);
    is_str(play(protects, "protect_done", touches, 0), "HMl", "L changes rights: H's fault does not wait for M");
    is_str(play(forks, "fork_region", touches, 0), "HMl", "L forks");
    is_str(play(reads, "fault", touches, 10), "HMWl", "L is in a fault, and W, no more urgent, waits to change rights");
    is_int(waits, 0, "H goes in before it, and waits for nobody");
    is_str(play(reads, "fault", touches, 80), "WHMl", "the same, and W is as urgent as H, and first");
    is_str(play(holds_range, "lock_slice", locks, 0), "HMl", "L locks memory that H wants to lock");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
