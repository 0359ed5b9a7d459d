/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Requests that lack a page that is in swap, or a frame. They are set aside, so that no worker sleeps with one in its hand:
 * whatever a disk does, they can be cancelled, their process can end, and others have their turn (C2, P1, X4).
 *
 *      worker      lacks something: STALLED ----+
 *      event       counted, wherever it happens |
 *      this thread wakes up: all of them -------+--> READY      and a worker asks again
 *
 * An event is whatever a request may be waiting for: a transfer has ended, page-out has made a round, the process is about
 * to end. The worker reads their count before it looks, sets the request aside, and reads it again; who counts one looks
 * then whether a request was set aside. One of them sees the other.
 *
 * LOCKING  A (aio_impl.h) over states. "aio events" over `due`: a spinlock that may be taken under all that are taken with
 *          interrupts on.
 */
#include "kernel/aio_impl.h"
#include "kernel/thread.h"
#include "kernel/waitq.h"

static uint64_t events; /* atomic: since boot */
static bool armed;      /* atomic: somebody is stalled, or was lately */
static struct waitq waiting;
static bool due;        /* waiting */

uint64_t aio_events(void) {
    return __atomic_load_n(&events, __ATOMIC_SEQ_CST);
}

void aio_event(void) {
    __atomic_fetch_add(&events, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST)) return;
    uint64_t saved = waitq_lock(&waiting);
    due = true;
    waitq_wake_all(&waiting);
    waitq_unlock(&waiting, saved);
}

void aio_stall_locked(struct aio_process *ap, struct aio_request *rq, uint64_t seen) {
    aio_move_locked(rq, ap, AIO_STALLED, false);
    __atomic_store_n(&armed, true, __ATOMIC_SEQ_CST);
    if (aio_events() != seen) aio_move_locked(rq, ap, AIO_READY, false);
}

void aio_resume_locked(struct aio_process *ap) {
    struct aio_request *rq;
    while ((rq = TAILQ_FIRST(&ap->list[AIO_STALLED]))) aio_move_locked(rq, ap, AIO_READY, false);
    aio_ring_update_locked(ap);
}

static _Noreturn void resume(void *arg) {
    (void)arg;
    for (;;) {
        uint64_t saved = waitq_lock(&waiting);
        while (!due) waitq_sleep(&waiting, NO_DEADLINE, false);
        due = false;
        waitq_unlock(&waiting, saved);
        __atomic_store_n(&armed, false, __ATOMIC_SEQ_CST); /* before the look: who is stalled behind it sets it again */
        aio_resume_all();
    }
}

bool aio_stall_init(void) {
    waitq_init(&waiting, "aio events");
    stall_on_event(aio_event);
    return thread_create_kernel("aio events", resume, NULL) != NULL;
}
