/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Priority inheritance (see kernel/pi.h).
 *
 * What a thread runs at is the maximum of its own priority and the tops of its contended locks. Whatever changes one of
 * these puts the thread on a list of those to be looked at anew; if that changes its priority, and it waits itself, so are
 * those who hold what it waits for, and so on. The list comes to its end: one change raises or lowers, and each
 * thread that it meets goes the same way, through 100 priorities at most, even in a circle (which only PI futexes of a
 * program that deadlocks can make).
 *
 * A sleeping lock's top only grows while it is held: waiters leave it by getting the lock, in no other way, and one that is lowered
 * meanwhile is still lent what it was worth. Where a struct pi has a waiter of its own, top is what that one is worth.
 */
#include "kernel/pi.h"

#include "kernel/sched.h"
#include "kernel/sync.h"
#include "kernel/thread.h"

static struct spinlock pi_lock;
static struct thread *unsettled GUARDED_BY(&pi_lock); /* to be looked at anew: linked by unsettled_next */
static struct pi pagers GUARDED_BY(&pi_lock);         /* each of their threads has a share in it: thread.lent */
static LIST_HEAD(, pi) pager_waiters GUARDED_BY(&pi_lock);

void pi_init(void) {
    spin_init(&pi_lock, "inheritance");
}

/* ---- looking anew ---- */

static void look_again(struct thread *t) REQUIRES(&pi_lock) {
    if (!t || t->unsettled) return;
    t->unsettled = true;
    t->unsettled_next = unsettled;
    unsettled = t;
}

static int worth(const struct thread *t) {
    int priority = t->base_priority;
    const struct pi *p;
    LIST_FOREACH(p, &t->contended, link) {
        if (p->top > priority) priority = p->top;
    }
    return priority;
}

static void set_top(struct pi *p, int top) REQUIRES(&pi_lock) {
    struct pi *s;
    p->top = top;
    look_again(p->owner);
    LIST_FOREACH(s, &p->shares, share) {
        s->top = top;
        look_again(s->owner);
    }
}

/* Those who wait for pagers have changed, or what one of them is worth. */
static void look_at_waiters(void) REQUIRES(&pi_lock) {
    const struct pi *p;
    int top = PRIORITY_OTHER;
    LIST_FOREACH(p, &pager_waiters, link) {
        if (p->top > top) top = p->top;
    }
    if (top != pagers.top) set_top(&pagers, top);
}

/* t waits, and runs at another priority than before. */
static void pass_on(const struct thread *t) REQUIRES(&pi_lock) {
    struct pi *p = t->waits_for;
    if (!p || (p->waiter ? p->top == t->priority : p->top >= t->priority)) return;
    set_top(p, t->priority);
    if (p->pagers) look_at_waiters();
}

static void settle(void) REQUIRES(&pi_lock) {
    struct thread *t;
    while ((t = unsettled)) {
        unsettled = t->unsettled_next;
        t->unsettled = false;
        int priority = worth(t);
        if (priority == t->priority) continue;
        sched_set_priority(t, priority);
        pass_on(t);
    }
}

/* ---- who has what ---- */

static void give(struct pi *p, struct thread *owner, int top) REQUIRES(&pi_lock) {
    p->owner = owner;
    p->top = top;
    LIST_INSERT_HEAD(&owner->contended, p, link);
    look_again(owner);
}

static void take(struct pi *p) REQUIRES(&pi_lock) {
    if (!p->owner) return;
    look_again(p->owner);
    LIST_REMOVE(p, link);
    p->owner = NULL;
}

void pi_wait(struct pi *p, struct thread *owner) {
    struct thread *t = current();
    spin_lock(&pi_lock);
    t->waits_for = p;
    if (owner && !p->owner) give(p, owner, -1);
    pass_on(t);
    settle();
    spin_unlock(&pi_lock);
}

void pi_pass(struct pi *p, struct thread *next, int top) {
    spin_lock(&pi_lock);
    if (next) next->waits_for = NULL;
    take(p);
    if (next && top >= 0) give(p, next, top);
    settle();
    spin_unlock(&pi_lock);
}

void pi_share(struct pi *p, struct pi *s, struct thread *t, int top) {
    spin_lock(&pi_lock);
    if (LIST_EMPTY(&p->shares)) p->top = top;
    LIST_INSERT_HEAD(&p->shares, s, share);
    give(s, t, p->top);
    settle();
    spin_unlock(&pi_lock);
}

void pi_unshare(struct pi *s) {
    spin_lock(&pi_lock);
    LIST_REMOVE(s, share);
    take(s);
    settle();
    spin_unlock(&pi_lock);
}

void pi_attach(struct pi *p, struct thread *t, struct thread *owner) {
    spin_lock(&pi_lock);
    t->waits_for = p;
    p->waiter = t;
    give(p, owner, t->priority);
    settle();
    spin_unlock(&pi_lock);
}

void pi_detach(struct pi *p, struct thread *t) {
    spin_lock(&pi_lock);
    if (t->waits_for == p) t->waits_for = NULL;
    take(p);
    settle();
    spin_unlock(&pi_lock);
}

/* ---- pagers ---- */

void pi_wait_pagers(struct pi *p) {
    struct thread *t = current();
    if (t->lent.owner) return;
    spin_lock(&pi_lock);
    t->waits_for = p;
    p->waiter = t;
    p->pagers = true;
    p->top = t->priority;
    LIST_INSERT_HEAD(&pager_waiters, p, link);
    if (p->top > pagers.top) set_top(&pagers, p->top);
    settle();
    spin_unlock(&pi_lock);
}

void pi_leave_pagers(struct pi *p) {
    if (!p->pagers) return;
    spin_lock(&pi_lock);
    p->waiter->waits_for = NULL;
    LIST_REMOVE(p, link);
    if (p->top == pagers.top && p->top > PRIORITY_OTHER) look_at_waiters();
    settle();
    spin_unlock(&pi_lock);
}

void pi_join_pagers(struct thread *t) {
    spin_lock(&pi_lock);
    if (!t->lent.owner) {
        LIST_INSERT_HEAD(&pagers.shares, &t->lent, share);
        give(&t->lent, t, pagers.top);
        settle();
    }
    spin_unlock(&pi_lock);
}

void pi_quit_pagers(struct thread *t) {
    if (t->lent.owner) pi_unshare(&t->lent);
}

void pi_set_base(struct thread *t, int priority) {
    spin_lock(&pi_lock);
    t->base_priority = priority;
    look_again(t);
    settle();
    spin_unlock(&pi_lock);
}
