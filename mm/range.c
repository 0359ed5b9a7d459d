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

void range_init(struct range_locks *rl) {
    mutex_init(&rl->mutex, "range list");
    cond_init(&rl->released, "range released");
    LIST_INIT(&rl->holds);
    rl->waiting = 0;
    rl->hook = NULL;
    rl->hook_arg = NULL;
}

/* Does anyone from o on, to the oldest, overlap [start, end)? */
static bool overlaps(const struct range_hold *o, vaddr_t start, vaddr_t end) {
    for (; o; o = LIST_NEXT(o, link))
        if (o->start < end && start < o->end) return true;
    return false;
}

/* Does anyone older than h overlap it? */
static bool blocked(const struct range_hold *h) {
    return overlaps(LIST_NEXT(h, link), h->start, h->end);
}

static void enter(struct range_locks *rl, struct range_hold *h, vaddr_t start, vaddr_t end) {
    *h = (struct range_hold){.start = start, .end = end};
    LIST_INSERT_HEAD(&rl->holds, h, link);
}

void range_lock(struct range_locks *rl, struct range_hold *h, vaddr_t start, vaddr_t end) {
    lock_may_wait("range");
    race_point(RACE_RANGE);
    mutex_lock(&rl->mutex);
    enter(rl, h, start, end);
    rl->waiting++;
    while (blocked(h)) cond_wait(&rl->released, &rl->mutex);
    rl->waiting--;
    h->held = true;
    mutex_unlock(&rl->mutex);
}

bool range_try(struct range_locks *rl, struct range_hold *h, vaddr_t start, vaddr_t end) {
    mutex_lock(&rl->mutex);
    enter(rl, h, start, end);
    h->held = !blocked(h);
    if (!h->held) LIST_REMOVE(h, link);
    mutex_unlock(&rl->mutex);
    return h->held;
}

void range_wait(struct range_locks *rl, vaddr_t start, vaddr_t end) {
    lock_may_wait("range");
    race_point(RACE_RANGE);
    mutex_lock(&rl->mutex);
    rl->waiting++;
    while (overlaps(LIST_FIRST(&rl->holds), start, end)) cond_wait(&rl->released, &rl->mutex);
    rl->waiting--;
    mutex_unlock(&rl->mutex);
}

void range_unlock(struct range_locks *rl, struct range_hold *h) {
    mutex_lock(&rl->mutex);
    ASSERT(h->held);
    h->held = false;
    LIST_REMOVE(h, link);
    if (rl->waiting) cond_broadcast(&rl->released);
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
