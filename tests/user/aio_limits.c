/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The three limits, each exact and each the one that its name says: tested with three different numbers,
 * because aio(4) and its kernel once had two of them the wrong way round.
 *
 * clauses: Q7 R3 I5
 * pitfalls: A4 A14
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

static char *p;
static struct aiocb cbs[MAX_QUEUE + 1];

/* How many of n the process gets accepted. */
static long accepted_of(long n) {
    long i = 0;
    while (i < n && submit(&cbs[i], p, PG) == 0) i++;
    return i;
}

static long reaped_of(long n) {
    long good = 0;
    for (long i = 0; i < n; i++) good += outcome(&cbs[i]) == 0;
    return good;
}

static void defaults(void) {
    is_int(knob("vfs.aio.max_aio_queue"), 1024, "Q7: the system's queue is 1024");
    is_int(knob("vfs.aio.max_aio_queue_per_proc"), 256, "Q7: a process's is 256");
    is_int(knob("vfs.aio.max_aio_per_proc"), 32, "Q7: of which 32 run");
    hold(HOLD);
    is_int(accepted_of(MAX_QUEUE), 256, "Q7: exactly 256 are accepted of a process");
    is_int(errno, EAGAIN, "Q7: the next is EAGAIN");
    hold(GO);
    is_int(reaped_of(256), 256, "Q7: all of them end well");
}

static void per_process(void) {
    must_set("vfs.aio.max_aio_queue_per_proc", 7);
    must_set("vfs.aio.max_aio_per_proc", 3);
    must_set("vfs.aio.max_aio_queue", 50);
    hold(HOLD);
    is_int(accepted_of(60), 7, "Q7: max_aio_queue_per_proc 7 accepts seven");
    hold(GO);
    for (int i = 0; i < 7; i++) await_end(&cbs[i]);
    fails(submit(&cbs[7], p, PG), EAGAIN, "Q7: finished ones count until they are reaped");
    is_int(aio_return(&cbs[3]), 0, "R3: reap one");
    is_int(submit(&cbs[7], p, PG), 0, "R3: and there is room for one");
    fails(submit(&cbs[8], p, PG), EAGAIN, "R3: and for no more");
    is_int(outcome(&cbs[7]), 0, "Q7: it ends well");
    for (int i = 0; i < 7; i++) {
        if (i != 3) aio_return(&cbs[i]);
    }
    is_int(knob("vfs.aio.requests"), 0, "I5: none is left");
}

static void at_once(void) {
    must_set("vfs.aio.max_aio_queue_per_proc", 20);
    must_set("vfs.aio.max_aio_per_proc", 4);
    slice_pages(1);
    hold(HOLD);
    for (int i = 0; i < 9; i++) must_submit(&cbs[i], p + i * 8 * PG, 8 * PG);
    ok(step(12), "Q7: after many slices");
    is_int(knob("vfs.aio.running"), 4, "Q7: max_aio_per_proc 4 lets four run at once");
    is_int(knob("vfs.aio.queued"), 5, "Q7: the other five wait");
    must_set("vfs.aio.max_aio_per_proc", 6);
    ok(step(5), "Q7: after raising it");
    is_int(knob("vfs.aio.running"), 6, "Q7: six run");
    must_set("vfs.aio.max_aio_per_proc", 1);
    is_int(knob("vfs.aio.running"), 6, "Q7: lowering it stops nobody");
    hold(GO);
    is_int(reaped_of(9), 9, "Q7: all end well");
    munlock(p, 9 * 8 * PG);
    slice_pages(SLICE);
}

/* A process that holds all its slots until told. */
struct barrier {
    volatile long accepted[6];
    volatile int ready, leave;
};

static void hold_slots(struct barrier *b, int which) {
    b->accepted[which] = accepted_of(300);
    __atomic_fetch_add(&b->ready, 1, __ATOMIC_SEQ_CST);
    while (!b->leave) sched_yield();
    _exit(0);
}

static void system_wide(void) {
    struct barrier *b = shared(sizeof *b);
    pid_t pids[6];
    long total = 0;
    must_set("vfs.aio.max_aio_queue_per_proc", 256);
    must_set("vfs.aio.max_aio_queue", MAX_QUEUE);
    hold(HOLD);
    for (int i = 0; i < 6; i++) {
        if ((pids[i] = fork()) == 0) hold_slots(b, i);
    }
    while (b->ready < 6) sched_yield();
    for (int i = 0; i < 6; i++) total += b->accepted[i];
    is_int(total, 1024, "Q7: six processes together get exactly 1024");
    is_int(knob("vfs.aio.requests"), 1024, "I5: the system counts as many");
    is_int(knob("vfs.aio.processes"), 6 + 1, "I5: of so many processes");
    fails(submit(&cbs[0], p, PG), EAGAIN, "Q7: the next is EAGAIN, although it would be this process's first");
    is_int(knob("debug.audit"), 0, "I5: every process's count adds up to it");
    b->leave = 1;
    for (int i = 0; i < 6; i++) wait_for(pids[i]);
    is_int(knob("vfs.aio.requests"), 0, "P1: their exits gave all of them back");
    is_int(submit(&cbs[0], p, PG), 0, "Q7: there is room again");
    hold(GO);
    is_int(outcome(&cbs[0]), 0, "Q7: it works");
    munmap(b, PG);
}

static void bad_values(void) {
    fails(set_knob("vfs.aio.max_aio_per_proc", 0), EINVAL, "Q7: none at once would never end");
    fails(set_knob("vfs.aio.max_aio_queue", UINT64_MAX), EINVAL, "Q7: an absurd limit");
    fails(set_knob("vfs.aio.max_aio_queue_per_proc", (1ul << 20) + 1), EINVAL, "Q7: an absurd limit");
    fails(set_knob("vfs.aio.slice", 0), EINVAL, "X4: a slice of nothing");
    is_int(knob("vfs.aio.slice"), SLICE, "X4: and nothing has changed");
}

int main(void) {
    aio_test();
    p = anon(128);
    warm_up();
    defaults();
    per_process();
    at_once();
    system_wide();
    bad_values();
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
