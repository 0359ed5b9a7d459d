/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The requests of one process: slots, lists by state, lookup by name, completion and reaping.
 *
 * Every request is on the list of its state and, until reaped, in the hash by its aiocb's address;
 * submission, lookup and completion take the same time however many there are. The drawing of the states
 * is in aio_impl.h.
 *
 * LOCKING     aio_impl.h. *_locked functions want aio_process.lock.
 * INVARIANTS  I5; a slot is taken before the request exists and given back when it is reaped or swept.
 */
#include "kernel/aio_impl.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/inject.h"
#include "kernel/process.h"
#include "kernel/race.h"
#include "kernel/trace.h"

struct aio_limits aio_limits = {
    .max_queue = 1024,
    .max_queue_per_proc = 256,
    .max_per_proc = 32,
    .slice = 256,
};

static struct cache request_cache;
static uint64_t aio_total;    /* atomic: slots given out in the system */
static uint64_t accepted;     /* atomic: since boot */

void aio_queue_init(void) {
    cache_init(&request_cache, "aio_request", sizeof(struct aio_request));
}

/* ---- slots ---- */

static bool slot_take(struct aio_process *ap) {
    uint64_t max = __atomic_load_n(&aio_limits.max_queue, __ATOMIC_RELAXED);
    uint64_t n = __atomic_load_n(&aio_total, __ATOMIC_RELAXED);
    if (ap->total >= __atomic_load_n(&aio_limits.max_queue_per_proc, __ATOMIC_RELAXED)) return false;
    race_point(RACE_AIO_SLOT);
    do {
        if (n >= max) return false;
    } while (!__atomic_compare_exchange_n(&aio_total, &n, n + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    ap->total++;
    return true;
}

static void slot_give(struct aio_process *ap) {
    ASSERT(ap->total > 0);
    ap->total--;
    __atomic_fetch_sub(&aio_total, 1, __ATOMIC_RELAXED);
}

/* ---- lists ---- */

static struct aio_bucket *bucket(struct aio_process *ap, uint64_t user) {
    return &ap->table[(user * 0x9e3779b97f4a7c15ul) >> 56]; /* Fibonacci hashing (Knuth 6.4) to 8 bits */
}

_Static_assert(AIO_BUCKETS == 1 << 8, "bucket() takes the top 8 bits");

struct aio_request *aio_find_locked(struct aio_process *ap, uint64_t user) {
    struct aio_request *rq;
    LIST_FOREACH(rq, bucket(ap, user), chain) {
        if (rq->ask.user == user) return rq;
    }
    return NULL;
}

static void list_insert(struct aio_process *ap, struct aio_request *rq, enum aio_state state, bool at_head) {
    rq->state = state;
    ap->count[state]++;
    if (at_head) TAILQ_INSERT_HEAD(&ap->list[state], rq, link);
    else TAILQ_INSERT_TAIL(&ap->list[state], rq, link);
}

static void list_remove(struct aio_process *ap, struct aio_request *rq) {
    ap->count[rq->state]--;
    TAILQ_REMOVE(&ap->list[rq->state], rq, link);
}

void aio_move_locked(struct aio_request *rq, struct aio_process *ap, enum aio_state state, bool at_head) {
    list_remove(ap, rq);
    list_insert(ap, rq, state, at_head);
}

/* ---- a request's life ---- */

/* One is kept at hand: who asks for one range after the other never builds a slab. A failure on order comes first. */
static struct aio_request *request_alloc(struct aio_process *ap) {
    struct aio_request *rq = ap->spare;
    if (!rq || inject(INJECT_HEAP)) return rq ? NULL : cache_alloc(&request_cache);
    ap->spare = NULL;
    return rq;
}

static void request_free(struct aio_process *ap, struct aio_request *rq) {
    rq->ask.user = 0; /* a stale pointer finds nothing */
    if (ap->spare) cache_free(&request_cache, rq);
    else ap->spare = rq;
}

static int enqueue_locked(struct aio_process *ap, const struct aio_ask *ask) REQUIRES(&ap->lock) {
    if (aio_find_locked(ap, ask->user)) return -EINVAL;
    if (!slot_take(ap)) return -EAGAIN;
    struct aio_request *rq = request_alloc(ap);
    if (!rq) {
        slot_give(ap);
        return -EAGAIN;
    }
    rq->ask = *ask;
    rq->cancel = rq->begun = rq->reaped = false;
    rq->error = 0;
    rq->watchers = 0;
    rq->signal = (struct sigentry){.on = NULL};
    lock_job_init(&rq->job, ap->space, ask->addr, ask->len, false, ask->privileged);
    LIST_INSERT_HEAD(bucket(ap, ask->user), rq, chain);
    list_insert(ap, rq, AIO_QUEUED, false);
    aio_ring_update_locked(ap);
    return 0;
}

int aio_enqueue(struct aio_process *ap, const struct aio_ask *ask) {
    mutex_lock(&ap->lock);
    int err = enqueue_locked(ap, ask);
    mutex_unlock(&ap->lock);
    if (!err) __atomic_fetch_add(&accepted, 1, __ATOMIC_RELAXED);
    return err;
}

static void finish_job(struct aio_request *rq, bool commit) {
    if (rq->begun) lock_job_finish(&rq->job, commit);
    rq->begun = false;
}

/* After the result can be seen (X7), and not when the process is on its way out (P1). A standard signal waits as
 * often as there are requests, too: each has an entry of its own. */
static void notify(const struct aio_process *ap, struct aio_request *rq) {
    struct thread *t;
    if (!rq->ask.notify || ap->leaving) return;
    spin_lock(&process_lock);
    if (signal_receiver_locked(ap->process, rq->ask.tid, &t)) signal_post_locked(ap->process, t, &rq->ask.event, &rq->signal);
    spin_unlock(&process_lock);
}

static void withdraw(struct aio_request *rq) {
    if (!rq->ask.notify) return;
    spin_lock(&process_lock);
    sigentry_withdraw_locked(&rq->signal);
    spin_unlock(&process_lock);
}

void aio_end_locked(struct aio_process *ap, struct aio_request *rq, int error) {
    ASSERT(rq->state != AIO_FINISHED);
    finish_job(rq, error == 0);
    rq->error = error;
    aio_move_locked(rq, ap, AIO_FINISHED, false);
    trace(TRACE_AIO, rq->ask.user, (uint64_t)error);
    notify(ap, rq);
    if (ap->waiters) cond_broadcast(&ap->changed);
}

void aio_reap_locked(struct aio_process *ap, struct aio_request *rq) {
    ASSERT(rq->state == AIO_FINISHED && !rq->reaped);
    LIST_REMOVE(rq, chain);
    list_remove(ap, rq);
    slot_give(ap);
    withdraw(rq);
    rq->reaped = true;
    if (!rq->watchers) request_free(ap, rq);
    if (ap->waiters) cond_broadcast(&ap->changed); /* who waits for this one waits for nothing now */
}

void aio_unwatch_locked(struct aio_process *ap, struct aio_request *rq) {
    if (--rq->watchers == 0 && rq->reaped) request_free(ap, rq);
}

int aio_wait_locked(struct aio_process *ap, uint64_t deadline_ns, bool interruptible) {
    ap->waiters++;
    int err = cond_wait_until(&ap->changed, &ap->lock, deadline_ns, interruptible);
    ap->waiters--;
    return err;
}

void aio_sweep(struct aio_process *ap) {
    struct aio_request *rq;
    for (int state = 0; state < AIO_STATES; state++) {
        while ((rq = TAILQ_FIRST(&ap->list[state]))) {
            ASSERT(state != AIO_ACTIVE && !rq->watchers);
            list_remove(ap, rq);
            finish_job(rq, false);
            withdraw(rq);
            request_free(ap, rq);
        }
    }
    if (ap->spare) cache_free(&request_cache, ap->spare);
}

void aio_slots_give(uint64_t n) {
    __atomic_fetch_sub(&aio_total, n, __ATOMIC_RELAXED);
}

uint64_t aio_slots_taken(void) {
    return __atomic_load_n(&aio_total, __ATOMIC_RELAXED);
}

uint64_t aio_accepted(void) {
    return __atomic_load_n(&accepted, __ATOMIC_RELAXED);
}
