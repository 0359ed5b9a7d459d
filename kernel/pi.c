/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Priority inheritance (see kernel/pi.h).
 *
 * A lock's top only grows while it has one owner: waiters of sleeping locks leave by getting the lock, in no
 * other way (those of PI futexes may, and have a struct pi each). So what a thread inherits is the maximum over its
 * contended locks, and is looked at anew when one of them is passed on.
 */
#include "kernel/pi.h"

#include "kernel/sched.h"
#include "kernel/sync.h"
#include "kernel/thread.h"

static struct spinlock pi_lock;

void pi_init(void) {
    spin_init(&pi_lock, "inheritance");
}

static void settle(struct thread *t) {
    int priority = t->base_priority;
    const struct pi *p;
    LIST_FOREACH(p, &t->contended, link) {
        if (p->top > priority) priority = p->top;
    }
    if (priority != t->priority) sched_set_priority(t, priority);
}

/* t may run at another priority from now on: then whoever holds what it waits for may, too, and so on. It ends: one change
 * raises or lowers, and all that it meets go the same way. */
static void settle_chain(struct thread *t) {
    while (t) {
        int before = t->priority;
        settle(t);
        struct pi *p = t->waits_for;
        if (t->priority == before || !p) return;
        if (p->alone || p->top < t->priority) p->top = t->priority;
        t = p->owner;
    }
}

/* Down the chain: the owner, what it waits for, whose owner ... It ends: a cycle would be a deadlock of the kernel's own. */
static void lift(struct pi *p, int priority) {
    while (p && p->owner && p->top < priority) {
        struct thread *t = p->owner;
        p->top = priority;
        if (t->priority < priority) sched_set_priority(t, priority);
        p = t->waits_for;
    }
}

void pi_wait(struct pi *p, struct thread *owner) {
    struct thread *t = current();
    spin_lock(&pi_lock);
    t->waits_for = p;
    if (owner && !p->owner) {
        p->owner = owner;
        p->top = -1;
        LIST_INSERT_HEAD(&owner->contended, p, link);
    }
    lift(p, t->priority);
    spin_unlock(&pi_lock);
}

void pi_pass(struct pi *p, struct thread *next, int top) {
    spin_lock(&pi_lock);
    struct thread *was = p->owner;
    if (next) next->waits_for = NULL;
    if (was) {
        LIST_REMOVE(p, link);
        p->owner = NULL;
        settle(was);
    }
    if (next && top >= 0) {
        p->owner = next;
        p->top = top;
        LIST_INSERT_HEAD(&next->contended, p, link);
        settle(next);
    }
    spin_unlock(&pi_lock);
}

void pi_attach(struct pi *p, struct thread *t, struct thread *owner) {
    spin_lock(&pi_lock);
    t->waits_for = p;
    p->owner = owner;
    p->alone = true;
    p->top = -1;
    LIST_INSERT_HEAD(&owner->contended, p, link);
    lift(p, t->priority);
    spin_unlock(&pi_lock);
}

void pi_detach(struct pi *p, struct thread *t) {
    spin_lock(&pi_lock);
    struct thread *was = p->owner;
    LIST_REMOVE(p, link);
    p->owner = NULL;
    t->waits_for = NULL;
    settle_chain(was);
    spin_unlock(&pi_lock);
}

void pi_set_base(struct thread *t, int priority) {
    spin_lock(&pi_lock);
    t->base_priority = priority;
    settle_chain(t);
    spin_unlock(&pi_lock);
}
