/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Tests of priority inheritance: actors of several SCHED_FIFO priorities, all on CPU 0, so that the order of what they
 * note is the order of their priorities as the kernel sees them, inherited ones included. No time comes into it.
 *
 *     stage_begin();                       nobody runs but by priority
 *     actor(&t, fn, 30);                   a thread that runs fn at this priority, when all_wait() lets it
 *     all_wait();                          until every actor waits for something
 *     say(GO_M); say(GO_L);                none of them runs yet
 *     finish(n) -> "LHMl"                  they run to their ends: what they noted
 */
#pragma once

#include "tests/user/threads.h"

#define DIRECTOR 90 /* more urgent than all actors */
#define LEAST    1  /* less urgent */
#define CUES     8

struct actor {
    struct raw_thread thread;
    void (*fn)(void);
    int priority;
};

static volatile int cue[CUES];
static char noted_[64];
static volatile int nnoted_;
static struct actor *cast_[CUES];
static int ncast_;

static void set_priority(int tid, int priority) {
    const struct sched_param p = {priority};
    if (raw(SYS_sched_setscheduler, tid, priority ? SCHED_FIFO : 0, &p) != 0) abort();
}

UNUSED static void note(char who) {
    noted_[nnoted_] = who;
    nnoted_++;
}

UNUSED static void say(int n) {
    raw_post(&cue[n], 1);
}

UNUSED static void await_cue(int n) {
    raw_wait_while(&cue[n], 0);
}

UNUSED static void act_(void *arg) {
    struct actor *a = arg;
    set_priority(0, a->priority);
    a->fn();
}

UNUSED static void actor(struct actor *a, void (*fn)(void), int priority) {
    *a = (struct actor){.fn = fn, .priority = priority};
    cast_[ncast_++] = a;
    raw_begin(&a->thread, act_, a);
}

UNUSED static void stage_begin(void) {
    const uint64_t first = 1;
    if (raw(SYS_sched_setaffinity, 0, sizeof first, &first) != 0) bail_out("cannot stay on CPU 0");
    set_priority(0, DIRECTOR);
    memset(noted_, 0, sizeof noted_);
    memset((void *)cue, 0, sizeof cue);
    nnoted_ = ncast_ = 0;
}

/* On return nobody else can run: all wait. */
UNUSED static void all_wait(void) {
    set_priority(0, LEAST);
    set_priority(0, DIRECTOR);
}

UNUSED static const char *finish(void) {
    for (int i = 0; i < ncast_; i++) raw_join(&cast_[i]->thread);
    set_priority(0, 0);
    return noted_;
}
