/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The thread that serves timers, and their tree, earliest first.
 *
 * LOCKING     timers.lock (K).
 * INVARIANTS  armed: in the tree. The thread sleeps no longer than until the first one's deadline.
 */
#include "kernel/ktimer.h"

#include "arch/clock.h"
#include "kernel/assert.h"
#include "kernel/pi.h"
#include "kernel/sync.h"
#include "kernel/thread.h"

RB_HEAD(ktimer_tree, ktimer);

static struct {
    struct mutex lock;
    struct cond sooner;      /* K: there is a new first one */
    struct ktimer_tree tree; /* K */
} timers;

static int order(struct ktimer *a, struct ktimer *b) {
    if (a->deadline != b->deadline) return a->deadline < b->deadline ? -1 : 1;
    return (a > b) - (a < b);
}

RB_PROTOTYPE(ktimer_tree, ktimer, link, order)
RB_GENERATE(ktimer_tree, ktimer, link, order)

void ktimer_lock(void) NOT_ANALYSED {
    mutex_lock(&timers.lock);
}

void ktimer_unlock(void) NOT_ANALYSED {
    mutex_unlock(&timers.lock);
}

void ktimer_set_locked(struct ktimer *t, uint64_t deadline) {
    ASSERT(mutex_held(&timers.lock));
    if (t->armed) RB_REMOVE(ktimer_tree, &timers.tree, t);
    t->armed = deadline != NO_DEADLINE;
    t->deadline = deadline;
    if (!t->armed) return;
    RB_INSERT(ktimer_tree, &timers.tree, t);
    if (RB_MIN(ktimer_tree, &timers.tree) == t) cond_signal(&timers.sooner);
}

static void serve(void *arg) {
    (void)arg;
    pi_set_base(current(), PRIORITY_MAX);
    mutex_lock(&timers.lock);
    for (;;) {
        struct ktimer *t = RB_MIN(ktimer_tree, &timers.tree);
        if (!t || t->deadline > clock_now()) {
            cond_wait_until(&timers.sooner, &timers.lock, t ? t->deadline : NO_DEADLINE, false);
        } else {
            RB_REMOVE(ktimer_tree, &timers.tree, t);
            t->armed = false;
            t->expired(t);
        }
    }
}

void ktimer_init(void) {
    mutex_init(&timers.lock, "ktimer");
    cond_init(&timers.sooner, "ktimer sooner");
    RB_INIT(&timers.tree);
    if (!thread_create_kernel("timers", serve, NULL)) panic("no memory for the thread of timers");
}
