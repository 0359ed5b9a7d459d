/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The kernel threads that do what was asked, one slice at a time.
 *
 *     next process of the ring -> take one request -> [cancelled? undo] -> begin or go on -> put it where it belongs
 *
 * The work is mlock's own (lock_job_*, X2), in the submitter's space, with the privilege it had at
 * submission and the limit as it stands when the job begins (X1). A worker never waits for a range: a
 * request whose range is held by somebody is parked, and mm/'s hook queues it again. Nor does it wait for a page
 * or a frame: a request that lacks one is stalled (kernel/aio_stall.c). So two workers serve any number of running
 * requests; a second one helps only while the first sleeps for a lock.
 *
 * FIFO within a process (X3): new requests begin in the order of submission. While one goes on and
 * another is new, they take turns, so neither a long request nor a stream of short ones starves the other.
 *
 * LOCKING  aio_impl.h: the taker of a request owns its job until it has put it back.
 */
#include "kernel/aio_impl.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/process.h"
#include "kernel/race.h"
#include "kernel/thread.h"

#define WORKERS 2

static uint64_t slices; /* atomic: since boot */

uint64_t aio_slices_done(void) {
    return __atomic_load_n(&slices, __ATOMIC_RELAXED);
}

/* ---- which ---- */

static struct aio_request *choose_locked(struct aio_process *ap) REQUIRES(&ap->lock) {
    struct aio_request *fresh = TAILQ_FIRST(&ap->list[AIO_QUEUED]), *old = TAILQ_FIRST(&ap->list[AIO_READY]);
    if (fresh && aio_running_locked(ap) >= __atomic_load_n(&aio_limits.max_per_proc, __ATOMIC_RELAXED)) fresh = NULL;
    if (fresh && old && ap->began_last) fresh = NULL;
    ap->began_last = fresh != NULL;
    return fresh ? fresh : old;
}

static struct aio_request *take(struct aio_process *ap) {
    struct aio_request *rq = NULL;
    mutex_lock(&ap->lock);
    if (aio_takeable_locked(ap)) {
        rq = choose_locked(ap);
        aio_move_locked(rq, ap, AIO_ACTIVE, false);
        aio_ring_update_locked(ap);
    }
    mutex_unlock(&ap->lock);
    return rq;
}

/* ---- doing ---- */

/* Cancelled; or no use in going on, for who asked is about to end, and may be waiting for this very range. */
static bool doomed(const struct aio_request *rq, const struct aio_process *ap) {
    return __atomic_load_n(&rq->cancel, __ATOMIC_ACQUIRE) || process_is_ending(ap->process);
}

/* 1: more to do. -EINPROGRESS: somebody holds the range, or (begun) a page is missing. Else it is to end so: 0 or -errno. */
static int slice(struct aio_request *rq, const struct aio_process *ap) {
    if (doomed(rq, ap)) return -ECANCELED;
    if (!rq->begun) {
        int err = lock_job_begin(&rq->job);
        if (err) return err;
        rq->begun = true;
    }
    return lock_job_step(&rq->job, __atomic_load_n(&aio_limits.slice, __ATOMIC_RELAXED));
}

/* ---- where it belongs now ---- */

/* What there had been of either before the slice. */
struct seen {
    uint64_t releases, events;
};

/* Parked, unless the range may have been released since `seen` was read. The hook counts before it looks for
 * parked requests, we park before we look at its count: one of us sees the other. */
static void park_locked(struct aio_process *ap, struct aio_request *rq, uint64_t seen) REQUIRES(&ap->lock) {
    aio_move_locked(rq, ap, AIO_PARKED, false);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ap->releases, __ATOMIC_RELAXED) != seen) aio_move_locked(rq, ap, AIO_QUEUED, true);
}

static void unpark_locked(struct aio_process *ap) REQUIRES(&ap->lock) {
    struct aio_request *rq;
    while ((rq = TAILQ_LAST(&ap->list[AIO_PARKED], aio_list))) aio_move_locked(rq, ap, AIO_QUEUED, true);
    aio_ring_update_locked(ap);
}

void aio_released(void *arg) NOT_ANALYSED {
    struct aio_process *ap = arg;
    __atomic_fetch_add(&ap->releases, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&ap->count[AIO_PARKED], __ATOMIC_SEQ_CST)) return;
    bool ours = mutex_held(&ap->lock); /* aio_end_locked is what released it */
    if (!ours) mutex_lock(&ap->lock);
    unpark_locked(ap);
    if (!ours) mutex_unlock(&ap->lock);
}

static void put_back(struct aio_process *ap, struct aio_request *rq, int result, const struct seen *seen) {
    mutex_lock(&ap->lock);
    bool goes_on = result > 0 || result == -EINPROGRESS;
    if (goes_on && rq->cancel) aio_end_locked(ap, rq, ECANCELED);
    else if (result > 0) aio_move_locked(rq, ap, AIO_READY, false);
    else if (goes_on && rq->begun) aio_stall_locked(ap, rq, seen->events);
    else if (goes_on) park_locked(ap, rq, seen->releases);
    else aio_end_locked(ap, rq, -result);
    aio_ring_update_locked(ap);
    __atomic_fetch_add(&slices, 1, __ATOMIC_RELAXED); /* under the lock: whoever sees the one sees the other */
    mutex_unlock(&ap->lock);
}

void aio_serve(struct aio_process *ap) {
    struct aio_request *rq = take(ap);
    if (!rq) return;
    aio_ring_freeze(rq);
    race_point(RACE_AIO_TAKEN);
    struct seen seen = {__atomic_load_n(&ap->releases, __ATOMIC_SEQ_CST), aio_events()};
    int result = slice(rq, ap);
    race_point(RACE_AIO_SLICED);
    put_back(ap, rq, result, &seen);
}

static void worker(void *arg) {
    (void)arg;
    struct aio_process *ap = NULL;
    for (;;) {
        current()->serves = NULL;
        ap = aio_ring_next(ap, true);
        current()->serves = ap->process;
        aio_serve(ap);
    }
}

void aio_init(void) {
    aio_process_init();
    aio_queue_init();
    aio_ring_init();
    bool ok = aio_stall_init();
    for (int i = 0; ok && i < WORKERS; i++) ok = thread_create_kernel("aio", worker, NULL);
    if (!ok) panic("no memory for the threads of asynchronous requests");
}
