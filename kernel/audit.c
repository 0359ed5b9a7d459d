/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The audit of all there is, while others are at work.
 *
 * A look at memory holds the locks of one space and one object at a time, and so may find what was only on its way from
 * one count to another: of another CPU, or of a thread that was preempted in the middle of a step. What is broken stays
 * broken: the audit looks again, and believes a fault only if it is never gone. In between it sleeps, longer each time, so that
 * whoever was in the middle of something gets a CPU; and a CPU of a virtual machine may stand still for as long as its
 * host likes.
 *
 * LOCKING  none here. Requests are looked at once: that look is exact.
 */
#include "kernel/audit.h"

#include "arch/clock.h"
#include "kernel/aio.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "mm/mm.h"

#define LOOKS     64
#define LOOK_STEP 1000000ul /* nanoseconds by which each sleep is longer than the one before: 2 s in all */

/* Not for as little as until a signal comes, which may be pending. False: the thread is to end. */
static bool pause_for(uint64_t ns) {
    struct thread *t = current();
    t->kill_only = true;
    int killed = sched_sleep_until(clock_now() + ns);
    t->kill_only = false;
    return !killed;
}

const char *audit(void) {
    const char *wrong = aio_audit();
    if (wrong) return wrong;
    for (unsigned look = 1; (wrong = mm_audit()) && look < LOOKS && pause_for(look * LOOK_STEP); look++) {}
    return wrong;
}
