/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Range locks over a short list (see mm/range.h).
 *
 * The list holds waiters too, newest first: a newcomer waits for every overlapping entry behind it, held
 * or waiting, which makes the order of service that of arrival and keeps small requests from starving a
 * whole-space one. There are as many entries as threads and requests inside calls on one space: a few.
 */
#include "mm/range.h"

#include "kernel/assert.h"
#include "kernel/race.h"

/* Sleeps until anybody lets go of anything. Each time it lends its priority to one that it waits for. */
struct range_waiter {
    const struct range_hold *behind; /* NULL: that one has let go */
    struct pi pi;
    LIST_ENTRY(range_waiter) link;
};

void range_init(struct range_locks *rl) {
    mutex_init(&rl->mutex, "range list");
    cond_init(&rl->released, "range released");
    LIST_INIT(&rl->holds);
    LIST_INIT(&rl->waiters);
    rl->hook = NULL;
    rl->hook_arg = NULL;
}

/* Who from o on, to the oldest, overlaps [start, end)? NULL: nobody. */
static const struct range_hold *overlapping(const struct range_hold *o, vaddr_t start, vaddr_t end) {
    while (o && !(o->start < end && start < o->end)) o = LIST_NEXT(o, link);
    return o;
}

/* Who older than h overlaps it? */
static const struct range_hold *before(const struct range_hold *h) {
    return overlapping(LIST_NEXT(h, link), h->start, h->end);
}

static void enter(struct range_locks *rl, struct range_hold *h, vaddr_t start, vaddr_t end) {
    *h = (struct range_hold){.start = start, .end = end, .by = sync_self()};
    LIST_INSERT_HEAD(&rl->holds, h, link);
}

static void wait_behind(struct range_locks *rl, const struct range_hold *o) REQUIRES(&rl->mutex) {
    struct range_waiter w = {.behind = o};
    LIST_INSERT_HEAD(&rl->waiters, &w, link);
    pi_attach(&w.pi, sync_self(), o->by);
    cond_wait(&rl->released, &rl->mutex);
    LIST_REMOVE(&w, link);
    if (w.behind) pi_detach(&w.pi, sync_self());
}

/*
 * h lets go, and its thread may end: nobody lends it anything any more. They are ready before that, so that nobody less urgent
 * than they comes in between; they come no farther than to the mutex, which is ours.
 */
static void wake_waiters(struct range_locks *rl, const struct range_hold *h) REQUIRES(&rl->mutex) {
    struct range_waiter *w;
    if (LIST_EMPTY(&rl->waiters)) return;
    cond_broadcast(&rl->released);
    LIST_FOREACH(w, &rl->waiters, link) {
        if (w->behind != h) continue;
        w->behind = NULL;
        pi_detach(&w->pi, w->pi.waiter);
    }
}

void range_lock(struct range_locks *rl, struct range_hold *h, vaddr_t start, vaddr_t end) {
    lock_may_wait("range");
    race_point(RACE_RANGE);
    mutex_lock(&rl->mutex);
    enter(rl, h, start, end);
    for (const struct range_hold *o; (o = before(h));) wait_behind(rl, o);
    h->held = true;
    mutex_unlock(&rl->mutex);
}

bool range_try(struct range_locks *rl, struct range_hold *h, vaddr_t start, vaddr_t end) {
    mutex_lock(&rl->mutex);
    enter(rl, h, start, end);
    h->held = !before(h);
    if (!h->held) LIST_REMOVE(h, link);
    mutex_unlock(&rl->mutex);
    return h->held;
}

void range_wait(struct range_locks *rl, vaddr_t start, vaddr_t end) {
    lock_may_wait("range");
    race_point(RACE_RANGE);
    mutex_lock(&rl->mutex);
    for (const struct range_hold *o; (o = overlapping(LIST_FIRST(&rl->holds), start, end));) wait_behind(rl, o);
    mutex_unlock(&rl->mutex);
}

void range_unlock(struct range_locks *rl, struct range_hold *h) {
    mutex_lock(&rl->mutex);
    ASSERT(h->held);
    h->held = false;
    LIST_REMOVE(h, link);
    wake_waiters(rl, h);
    void (*hook)(void *) = rl->hook;
    void *arg = rl->hook_arg;
    mutex_unlock(&rl->mutex);
    if (hook) hook(arg);
}

bool range_idle(struct range_locks *rl) {
    mutex_lock(&rl->mutex);
    bool idle = LIST_EMPTY(&rl->holds);
    mutex_unlock(&rl->mutex);
    return idle;
}
