/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The ring of processes that have something for a worker to take: whose turn it is.
 *
 *        head                                   tail
 *         v                                      v
 *     +---------+     +---------+     +---------+
 *     | proc  A | --> | proc  C | --> | proc  B | <--- back here as soon as one request has been taken
 *     +---------+     +---------+     +---------+
 *         |
 *         +--> a worker visits: takes one request, does one slice
 *
 * A process stands on the ring at most once, so each gets one slice a round (X3: fair between processes).
 * It goes back to the tail before the slice is done, so that several workers may serve one process.
 * A process is freed only when nobody visits: a visit begins under this lock, and leaving ends it.
 *
 * LOCKING  aio_ring.lock (R in aio_impl.h), after aio_process.lock. It is taken for a few list operations;
 *          a submission takes it only when its process was not on the ring yet.
 */
#include <bsd/sys/queue.h>

#include "kernel/aio_impl.h"
#include "kernel/assert.h"

struct aio_ring aio_ring;

void aio_ring_init(void) {
    mutex_init(&aio_ring.lock, "aio_ring");
    cond_init(&aio_ring.work, "aio_work");
    cond_init(&aio_ring.thaw, "aio_thaw");
    cond_init(&aio_ring.left, "aio_left");
    TAILQ_INIT(&aio_ring.processes);
}

bool aio_takeable_locked(const struct aio_process *ap) {
    if (ap->leaving) return false;
    if (ap->count[AIO_READY]) return true;
    return ap->count[AIO_QUEUED] && aio_running_locked(ap) < __atomic_load_n(&aio_limits.max_per_proc, __ATOMIC_RELAXED);
}

static void put_on(struct aio_process *ap) {
    TAILQ_INSERT_TAIL(&aio_ring.processes, ap, ring);
    __atomic_store_n(&ap->on_ring, true, __ATOMIC_RELAXED);
    if (!aio_ring.idle) return;
    aio_ring.idle--;
    cond_signal(&aio_ring.work);
}

/* Every worker looks again. */
static void wake_all(void) {
    aio_ring.idle = 0;
    cond_broadcast(&aio_ring.work);
}

static void take_off(struct aio_process *ap) {
    TAILQ_REMOVE(&aio_ring.processes, ap, ring);
    __atomic_store_n(&ap->on_ring, false, __ATOMIC_RELAXED);
}

void aio_ring_update_locked(struct aio_process *ap) {
    bool want = aio_takeable_locked(ap);
    /* Stale only in one way: true although a visitor has just come, and it will look at everything. */
    if (__atomic_load_n(&ap->on_ring, __ATOMIC_RELAXED) == want) return;
    mutex_lock(&aio_ring.lock);
    if (want && !ap->on_ring) put_on(ap);
    else if (!want && ap->on_ring) take_off(ap);
    mutex_unlock(&aio_ring.lock);
}

static bool may_go(void) {
    return !TAILQ_EMPTY(&aio_ring.processes) && (aio_ring.hold != AIO_HOLD || (aio_ring.steps > 0 && !aio_ring.visits));
}

static void leave(struct aio_process *ap) {
    ASSERT(ap->visitors > 0);
    aio_ring.visits--;
    if (--ap->visitors == 0 && ap->leaving) cond_broadcast(&aio_ring.left);
}

struct aio_process *aio_ring_next(struct aio_process *former, bool may_wait) {
    struct aio_process *ap = NULL;
    mutex_lock(&aio_ring.lock);
    if (former) leave(former);
    while (!may_go() && may_wait) {
        aio_ring.idle++;
        cond_wait(&aio_ring.work, &aio_ring.lock);
    }
    if (may_go()) {
        ap = TAILQ_FIRST(&aio_ring.processes);
        take_off(ap);
        ap->visitors++;
        aio_ring.visits++;
        if (aio_ring.hold == AIO_HOLD) aio_ring.steps--;
    }
    mutex_unlock(&aio_ring.lock);
    return ap;
}

void aio_ring_quit(struct aio_process *ap) {
    mutex_lock(&aio_ring.lock);
    ASSERT(ap->leaving);
    if (ap->on_ring) take_off(ap);
    cond_broadcast(&aio_ring.thaw); /* a visitor may be frozen */
    while (ap->visitors) cond_wait(&aio_ring.left, &aio_ring.lock);
    mutex_unlock(&aio_ring.lock);
}

/* ---- the hold, for tests ---- */

void aio_ring_freeze(const struct aio_request *rq) {
    if (__atomic_load_n(&aio_ring.hold, __ATOMIC_RELAXED) != AIO_FREEZE) return;
    mutex_lock(&aio_ring.lock);
    while (aio_ring.hold == AIO_FREEZE && !__atomic_load_n(&rq->cancel, __ATOMIC_ACQUIRE))
        cond_wait(&aio_ring.thaw, &aio_ring.lock);
    mutex_unlock(&aio_ring.lock);
}

void aio_ring_thaw(void) {
    mutex_lock(&aio_ring.lock);
    cond_broadcast(&aio_ring.thaw);
    mutex_unlock(&aio_ring.lock);
}

void aio_set_hold(enum aio_hold hold) {
    mutex_lock(&aio_ring.lock);
    __atomic_store_n(&aio_ring.hold, hold, __ATOMIC_RELAXED);
    aio_ring.steps = 0;
    wake_all();
    cond_broadcast(&aio_ring.thaw);
    mutex_unlock(&aio_ring.lock);
}

enum aio_hold aio_get_hold(void) {
    return __atomic_load_n(&aio_ring.hold, __ATOMIC_RELAXED);
}

void aio_set_steps(uint64_t n) {
    mutex_lock(&aio_ring.lock);
    aio_ring.steps = n;
    wake_all();
    mutex_unlock(&aio_ring.lock);
}

uint64_t aio_steps(void) {
    mutex_lock(&aio_ring.lock);
    uint64_t n = aio_ring.steps;
    mutex_unlock(&aio_ring.lock);
    return n;
}
