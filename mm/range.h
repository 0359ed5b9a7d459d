/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Range locks: who is changing which part of a space.
 *
 * Every call that changes mappings or locks holds the range that it works on, from its first look to its
 * last change, while space.lock is taken only for the short steps between. So a lock request that brings
 * in gigabytes holds off those who touch its range (contract X5) and nobody else. Page faults take no
 * range: they change no region, and go on under a running request (X6).
 *
 * A thread that holds a range takes another by range_try alone (mremap, of two places). Waiters are served in
 * order where they overlap.
 *
 * Who has found a place by looking, and then finds its range taken, waits for nothing to be there (range_wait) and
 * looks again. It must not queue for the range meanwhile, only to let it go: two that do so each find the other
 * queued when they have looked again, and neither ever gets on.
 *
 * Who waits lends its priority to who holds the range, one holder after the other (kernel/pi.h).
 *
 * LOCKING  range_locks.mutex inside; taken before space.lock, never while holding it, except range_try.
 * MISSING  a request's range is held by the worker that began it as far as priorities go, whichever serves it later; and a request
 *          that no worker has in hand is not hurried by whom it holds up.
 */
#pragma once

#include <bsd/sys/queue.h>

#include "kernel/sync.h"
#include "mm/types.h"

struct range_hold {
    vaddr_t start, end;
    bool held; /* false: waiting */
    struct thread *by;
    LIST_ENTRY(range_hold) link;
};

struct range_waiter; /* one that sleeps */

struct range_locks {
    struct mutex mutex;
    struct cond released;
    LIST_HEAD(, range_waiter) waiters; /* for it */
    LIST_HEAD(, range_hold) holds; /* newest first */
    void (*hook)(void *);          /* called after a release; see space_on_release() */
    void *hook_arg;
};

void range_init(struct range_locks *);
/* Hold [start, end); sleeps until nobody who came earlier has part of it. */
void range_lock(struct range_locks *, struct range_hold *, vaddr_t start, vaddr_t end);
/* The same without waiting: false when it would. */
bool range_try(struct range_locks *, struct range_hold *, vaddr_t start, vaddr_t end);
/* Sleeps until nobody has part of [start, end), or waits for it. The caller has it no more than before. */
void range_wait(struct range_locks *, vaddr_t start, vaddr_t end);
void range_unlock(struct range_locks *, struct range_hold *);
bool range_idle(struct range_locks *); /* nobody holds or waits */
