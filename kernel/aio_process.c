/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a process has of asynchronous requests: from its first one to its end, and all of them together,
 * for limits, statistics and the auditor.
 *
 *     process -> aio_process -> requests        made at the first request; freed at exit and exec (P1)
 *                  ^
 *     aio_all -----+-> ... all of them
 *
 * The end is in three steps: nothing more is taken up, and what a worker has in hand it is told to leave;
 * the last visitor leaves (no longer than a slice); then what is left is the dying process's alone, and
 * it undoes it without any lock.
 *
 * LOCKING     aio_impl.h; aio_all.lock (L) comes first.
 * INVARIANTS  I5, checked by aio_audit with the locks of all processes held at once, so that it is exact.
 */
#include <asm/errno.h>

#include "kernel/aio_impl.h"
#include "kernel/assert.h"
#include "kernel/process.h"
#include "kernel/race.h"

static struct {
    struct mutex lock;
    LIST_HEAD(, aio_process) list; /* L */
} aio_all;

void aio_process_init(void) {
    mutex_init(&aio_all.lock, "aio_all");
    LIST_INIT(&aio_all.list);
}

/* ---- the beginning ---- */

struct aio_process *aio_process_peek(struct process *p) {
    return __atomic_load_n(&p->aio, __ATOMIC_ACQUIRE);
}

/* On the list, with its hook, before any other thread of the process finds it: what is counted is seen by the auditor. */
static struct aio_process *create_locked(struct process *p) REQUIRES(&aio_all.lock) {
    struct aio_process *ap = heap_alloc_zero(sizeof *ap);
    if (!ap) return NULL;
    mutex_init(&ap->lock, "aio_process");
    cond_init(&ap->changed, "aio_changed");
    for (int i = 0; i < AIO_STATES; i++) TAILQ_INIT(&ap->list[i]);
    ap->process = p;
    ap->space = p->space;
    space_hold(ap->space);
    space_on_release(ap->space, aio_released, ap);
    LIST_INSERT_HEAD(&aio_all.list, ap, all);
    __atomic_store_n(&p->aio, ap, __ATOMIC_RELEASE);
    return ap;
}

struct aio_process *aio_process_get(struct process *p) {
    struct aio_process *ap = aio_process_peek(p);
    if (ap || p->borrows) return ap; /* vfork: the space has one hook, its owner's */
    race_point(RACE_AIO_CREATE);
    mutex_lock(&aio_all.lock);
    ap = aio_process_peek(p); /* another thread of the process may have been first */
    if (!ap) ap = create_locked(p);
    mutex_unlock(&aio_all.lock);
    return ap;
}

/* ---- the end ---- */

/* Off the list and out of the system's count in one step: the auditor sees all of it or nothing. */
static void forget(struct aio_process *ap) {
    mutex_lock(&aio_all.lock);
    LIST_REMOVE(ap, all);
    aio_slots_give(ap->total);
    mutex_unlock(&aio_all.lock);
}

void aio_process_exit(struct process *p) {
    struct aio_process *ap = aio_process_peek(p);
    struct aio_request *rq;
    if (!ap) return;
    mutex_lock(&ap->lock);
    ap->leaving = true;
    TAILQ_FOREACH(rq, &ap->list[AIO_ACTIVE], link) __atomic_store_n(&rq->cancel, true, __ATOMIC_RELEASE);
    mutex_unlock(&ap->lock);
    race_point(RACE_AIO_EXIT);
    aio_ring_quit(ap);
    forget(ap);
    space_on_release(ap->space, NULL, NULL); /* before the sweep releases ranges */
    aio_sweep(ap);
    __atomic_store_n(&p->aio, NULL, __ATOMIC_RELEASE);
    space_drop(ap->space);
    heap_free(ap);
}

void aio_process_exec(struct process *p) {
    aio_process_exit(p);
}

void aio_resume_all(void) {
    struct aio_process *ap;
    mutex_lock(&aio_all.lock);
    LIST_FOREACH(ap, &aio_all.list, all) {
        mutex_lock(&ap->lock);
        aio_resume_locked(ap);
        mutex_unlock(&ap->lock);
    }
    mutex_unlock(&aio_all.lock);
}

/* ---- what there is to set and to see ---- */

void aio_set_limit(uint64_t *field, uint64_t value) {
    struct aio_process *ap;
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
    mutex_lock(&aio_all.lock);
    LIST_FOREACH(ap, &aio_all.list, all) {
        mutex_lock(&ap->lock);
        aio_ring_update_locked(ap);
        mutex_unlock(&ap->lock);
    }
    mutex_unlock(&aio_all.lock);
}

void aio_get_stats(struct aio_stats *s) {
    struct aio_process *ap;
    *s = (struct aio_stats){
        .requests = aio_slots_taken(),
        .accepted = aio_accepted(),
        .slices = aio_slices_done(),
        .cancels = aio_cancels_asked(),
    };
    mutex_lock(&aio_all.lock);
    LIST_FOREACH(ap, &aio_all.list, all) {
        mutex_lock(&ap->lock);
        s->processes++;
        s->queued += ap->count[AIO_QUEUED];
        s->parked += ap->count[AIO_PARKED];
        s->running += aio_running_locked(ap);
        s->stalled += ap->count[AIO_STALLED];
        s->active += ap->count[AIO_ACTIVE];
        s->finished += ap->count[AIO_FINISHED];
        mutex_unlock(&ap->lock);
    }
    mutex_unlock(&aio_all.lock);
}

static bool hashed_once(struct aio_process *ap, const struct aio_request *rq) REQUIRES(&ap->lock) {
    return aio_find_locked(ap, rq->ask.user) == rq;
}

static const char *audit_request(struct aio_process *ap, const struct aio_request *rq, enum aio_state state)
    REQUIRES(&ap->lock) {
    if (rq->state != state) return "I5: an asynchronous request is on the list of another state";
    if (!hashed_once(ap, rq)) return "I5: an asynchronous request cannot be found by its name";
    bool between = state == AIO_READY || state == AIO_STALLED;
    if (between && !rq->begun) return "I5: a request waits for a slice but never began";
    if (!between && state != AIO_ACTIVE && rq->begun) return "I5: a request that is not running holds a range";
    return NULL;
}

static const char *audit_process(struct aio_process *ap) REQUIRES(&ap->lock) {
    uint64_t all = 0;
    const struct aio_request *rq;
    for (int state = 0; state < AIO_STATES; state++) {
        uint64_t n = 0;
        TAILQ_FOREACH(rq, &ap->list[state], link) {
            const char *wrong = audit_request(ap, rq, state);
            if (wrong) return wrong;
            n++;
        }
        if (n != ap->count[state]) return "I5: a process's count of asynchronous requests is not its list's length";
        all += n;
    }
    if (all != ap->total) return "I5: a process's asynchronous requests are not the sum of their states";
    if (ap->on_ring && ap->leaving) return "I5: an ending process waits for a worker";
    return NULL;
}

const char *aio_audit(void) NOT_ANALYSED {
    struct aio_process *ap;
    const char *wrong = NULL;
    uint64_t all = 0;
    mutex_lock(&aio_all.lock);
    LIST_FOREACH(ap, &aio_all.list, all) mutex_lock_nested(&ap->lock); /* aio_all.lock: nobody else takes two */
    LIST_FOREACH(ap, &aio_all.list, all) {
        if (!wrong) wrong = audit_process(ap);
        all += ap->total;
    }
    if (!wrong && all != aio_slots_taken()) wrong = "I5: the processes' asynchronous requests do not sum to the system's";
    LIST_FOREACH(ap, &aio_all.list, all) mutex_unlock(&ap->lock);
    mutex_unlock(&aio_all.lock);
    return wrong;
}
