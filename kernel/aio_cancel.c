/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Stopping a request, wherever it is: the work of aio_cancel(2).
 *
 *     QUEUED, PARKED   nothing has been done yet: it ends here
 *     READY, STALLED   between two slices: undone, and it ends here (C2, L4)
 *     ACTIVE           in a worker's hand: ask, and wait for no more than its slice
 *     FINISHED         too late: ALLDONE
 *
 * So the answer is CANCELED exactly when the request's result is ECANCELED (C6). On the way of ACTIVE the
 * request may end by itself, and another thread may even reap it: the watch keeps its memory.
 *
 * LOCKING  aio_impl.h.
 */
#include <asm/errno.h>

#include "abi/aio.h"
#include "kernel/aio_impl.h"
#include "kernel/race.h"

static uint64_t asked; /* atomic: cancels of running requests, since boot */

uint64_t aio_cancels_asked(void) {
    return __atomic_load_n(&asked, __ATOMIC_RELAXED);
}

/* In somebody's hand: true if it ended cancelled. */
static bool stop_active_locked(struct aio_process *ap, struct aio_request *rq) REQUIRES(&ap->lock) {
    __atomic_store_n(&rq->cancel, true, __ATOMIC_RELEASE);
    __atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED);
    aio_ring_thaw();
    rq->watchers++;
    race_point(RACE_AIO_CANCEL);
    while (rq->state != AIO_FINISHED) aio_wait_locked(ap, NO_DEADLINE, false);
    bool cancelled = rq->error == ECANCELED;
    aio_unwatch_locked(ap, rq);
    return cancelled;
}

static int cancel_locked(struct aio_process *ap, struct aio_request *rq) REQUIRES(&ap->lock) {
    switch (rq->state) {
    case AIO_READY:
    case AIO_STALLED:
        __atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED);
        __attribute__((fallthrough));
    case AIO_QUEUED:
    case AIO_PARKED:
        aio_end_locked(ap, rq, ECANCELED);
        aio_ring_update_locked(ap);
        return HF_AIO_CANCELED;
    case AIO_ACTIVE:
        return stop_active_locked(ap, rq) ? HF_AIO_CANCELED : HF_AIO_ALLDONE;
    default:
        return HF_AIO_ALLDONE;
    }
}

int aio_cancel_one(struct aio_process *ap, uint64_t user) {
    mutex_lock(&ap->lock);
    struct aio_request *rq = aio_find_locked(ap, user);
    int answer = rq ? cancel_locked(ap, rq) : HF_AIO_ALLDONE;
    mutex_unlock(&ap->lock);
    return answer;
}
