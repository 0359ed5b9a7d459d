/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Asynchronous requests inside: what the aio_*.c files share, and no one else may include.
 *
 * The idea: a request is a lock_job (mm/mm.h) that somebody advances a slice at a time. Each process
 * keeps its own requests, on one list per state and in a hash by the address of the aiocb; the workers
 * see only a ring of processes that have something to do. A worker takes the first process of the ring,
 * takes one request of it, puts the process back at the ring's tail, and does one slice. So a process
 * gets a slice in turn however many requests it has, and a request of a gigabyte holds up nobody (X3).
 *
 *                      +---------------------------- cancelled --------------------------+
 *                      |                                                                 v
 *     submit ---> QUEUED --- taken --> ACTIVE --- resident, error or cancelled -----> FINISHED ---> reaped
 *                  ^   ^                | | ^                                            ^
 *                  |   +-- released --- | | |                                            |
 *                  |                    | | +--- taken --- READY ----- cancelled --------+
 *                PARKED <- range held --+ |                 ^ ^                          |
 *                                         +--- more to do --+ +-- event --+              |
 *                                         +--- lacks a page ----------> STALLED ---------+
 *
 *   QUEUED    not begun: holds no range, no charge. Also a parked request whose turn has come again;
 *             those stand at the head, in their order.
 *   PARKED    somebody holds part of the range. Whenever a range of the space is released, all of the
 *             process's parked requests are queued again. No worker waits for a range, ever.
 *   ACTIVE    in the hands of one worker: nobody else looks at its job.
 *   READY     begun, waiting for its next slice: holds its range and its charge.
 *   STALLED   the same, but its next page has to come from swap, or a frame has to be made free. Whenever something
 *             of that kind has happened, all that are stalled are READY, and their turn shows whose it was. No worker
 *             waits for a device, ever.
 *   FINISHED  has its result, in order of completion, until aio_return or aio_waitcomplete takes it.
 *
 * "Running" in the contract is ACTIVE, READY or STALLED: at most max_per_proc of them (Q7). aio_end_locked is the
 * one way into FINISHED, hence each request ends once (X7), and there it is notified once: the signal's queue entry
 * is part of the request, so that this needs no memory, and whoever reaps the request takes it back (R3).
 *
 * LOCKING  letters on the fields:
 *   A  aio_process.lock, a mutex: the requests of one process. Held by a system call or a worker for some
 *      list operations, never while pages are brought in. It comes before mm/'s locks: lock_job_finish
 *      runs under it. User memory is touched only as far as it is there (aio_waitcomplete, one pointer).
 *   R  aio_ring.lock, a mutex: which processes have work, who visits them, and the hold for tests.
 *   L  aio_all.lock, a mutex: the list of all aio_process; statistics and audit walk it.
 *   H  the hand: whoever made the request ACTIVE.
 *   -  constant, or before and after anybody else can see it.
 *   Order: L, then A (several at once only under L), then R or mm/'s. mm/'s release hook comes with none of
 *   mm/'s locks held; with A held already when lock_job_finish calls it.
 *   aio_total, the system's count, is atomic: a slot is taken by compare-and-swap, so that exactly
 *   max_queue are given out.
 *
 * INVARIANTS  I5: aio_total is the sum of aio_process.total, which is the sum of its counts. A process with
 * something to take is on the ring or has a visitor about to look. An aio_process is freed by its own
 * process alone, when it has no visitors.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/aio.h"
#include "kernel/sigqueue.h"
#include "kernel/sync.h"
#include "mm/mm.h"

enum aio_state { AIO_QUEUED, AIO_PARKED, AIO_READY, AIO_STALLED, AIO_ACTIVE, AIO_FINISHED, AIO_STATES };

/* What is asked, checked as far as submission checks (Q4, Q5). */
struct aio_ask {
    uint64_t user;     /* the aiocb's address: the request's name */
    uint64_t addr, len;
    bool privileged;   /* the submitter's euid was 0 (X1) */
    bool notify;       /* send `event` at the end, to thread tid if that is not 0 */
    int tid;
    struct sigdata event;
};

struct aio_request {
    struct aio_ask ask;             /* - */
    enum aio_state state;           /* A */
    int error;                      /* A: when finished: 0 or a positive errno */
    bool cancel;                    /* A to set; read atomically by the hand */
    bool begun;                     /* H: the job holds its range */
    bool reaped;                    /* A: off the hash; the last watcher frees it */
    unsigned watchers;              /* A: threads in aio_cancel that wait for its end */
    TAILQ_ENTRY(aio_request) link;  /* A: list of its state */
    LIST_ENTRY(aio_request) chain;  /* A: bucket */
    struct lock_job job;            /* H */
    struct sigentry signal;         /* P: process_lock */
};

TAILQ_HEAD(aio_list, aio_request);

#define AIO_BUCKETS 256 /* as many as a process may have by default: chains of one */

struct aio_process {
    struct mutex lock;
    struct cond changed;              /* A: a request finished, or was reaped, while somebody waits */
    unsigned waiters;                 /* A: threads on `changed` */
    struct process *process;          /* - */
    struct space *space;              /* -: a reference */
    struct aio_list list[AIO_STATES]; /* A */
    uint64_t count[AIO_STATES];       /* A */
    uint64_t total;                   /* A: all of them */
    struct aio_request *spare;        /* A: a freed one, kept for the next; NULL: none */
    uint64_t releases;                /* A: times that a range of the space was released */
    bool leaving;                     /* A: exit or exec: nothing more is taken up */
    bool began_last;                  /* A: the last one taken was new: now one that goes on has its turn */
    bool on_ring;                     /* true: set under A and R; false: under R */
    unsigned visitors;                /* R: workers between taking the process off the ring and leaving it */
    TAILQ_ENTRY(aio_process) ring;    /* R */
    LIST_ENTRY(aio_process) all;      /* L */
    LIST_HEAD(aio_bucket, aio_request) table[AIO_BUCKETS]; /* A: all but the reaped */
};

struct aio_ring {
    struct mutex lock;
    struct cond work;                        /* the ring is not empty, or the hold changed */
    struct cond thaw;                        /* the hold changed, or a cancel wants a frozen hand */
    struct cond left;                        /* a process that is leaving lost its last visitor */
    TAILQ_HEAD(, aio_process) processes;     /* R */
    unsigned idle;                           /* R: workers on `work` that nobody has woken yet */
    enum aio_hold hold;                      /* R */
    uint64_t steps;                          /* R: slices that may go under AIO_HOLD, one after the other */
    unsigned visits;                         /* R: workers that are visiting a process */
};
extern struct aio_ring aio_ring;

/* ---- aio_process.c: from the first request of a process to its end ---- */

void aio_process_init(void);
/* The process's, made if need be; NULL: no memory. By the process itself. */
struct aio_process *aio_process_get(struct process *);
/* Without making it: NULL if there never was a request. */
struct aio_process *aio_process_peek(struct process *);
/* aio_resume_locked for every process. */
void aio_resume_all(void);

/* ---- aio_queue.c: a process's requests ---- */

void aio_queue_init(void);
/* A new, queued request: 0, -EINVAL (already outstanding), -EAGAIN (no slot, no memory); a failure leaves no trace. */
int aio_enqueue(struct aio_process *, const struct aio_ask *);
struct aio_request *aio_find_locked(struct aio_process *ap, uint64_t user) REQUIRES(&ap->lock);
void aio_move_locked(struct aio_request *, struct aio_process *ap, enum aio_state, bool at_head) REQUIRES(&ap->lock);
/*
 * The end of a request, by its hand if it is ACTIVE: the lock is made real (error 0) or undone (errno), the
 * result can be seen, those who wait are woken. All under the one hold of the lock, so that whoever waited
 * for the range finds the request ended (X5).
 */
void aio_end_locked(struct aio_process *ap, struct aio_request *, int error) REQUIRES(&ap->lock);
/* The program has the result of a finished request: slot and counts go back, the memory too. */
void aio_reap_locked(struct aio_process *ap, struct aio_request *) REQUIRES(&ap->lock);
void aio_unwatch_locked(struct aio_process *ap, struct aio_request *) REQUIRES(&ap->lock);
/* Sleep until something finishes or is reaped; as cond_wait_until. */
int aio_wait_locked(struct aio_process *ap, uint64_t deadline_ns, bool interruptible) REQUIRES(&ap->lock);

/* The process ends and nobody else sees its requests any more: undo and free all. Their slots stay taken. */
void aio_sweep(struct aio_process *);
void aio_slots_give(uint64_t n);
uint64_t aio_slots_taken(void); /* in the system */
uint64_t aio_accepted(void);    /* submissions since boot */

static inline uint64_t aio_running_locked(const struct aio_process *ap) REQUIRES(&ap->lock) {
    return ap->count[AIO_READY] + ap->count[AIO_STALLED] + ap->count[AIO_ACTIVE];
}

/* ---- aio_ring.c: whose turn it is ---- */

void aio_ring_init(void);
/* Is there something that a worker could take? */
bool aio_takeable_locked(const struct aio_process *ap) REQUIRES(&ap->lock);
/* After any change of lists or limits: on the ring if there is something to take. A held. */
void aio_ring_update_locked(struct aio_process *ap) REQUIRES(&ap->lock);
/* Leave one process (NULL: none) and visit the next in turn; waits for it, or answers NULL if may_wait is false. */
struct aio_process *aio_ring_next(struct aio_process *leave, bool may_wait);
/* Off the ring for good: returns when no worker visits. aio_process.leaving is set. */
void aio_ring_quit(struct aio_process *);
/* Under AIO_FREEZE: the hand waits here until the request is cancelled or the freeze ends. */
void aio_ring_freeze(const struct aio_request *);
/* A hand may be frozen: let it look at its request's cancel flag. */
void aio_ring_thaw(void);

/* ---- aio_worker.c: doing it ---- */

/* Take one request of the process and do one slice of it; nothing if there is nothing to take. */
void aio_serve(struct aio_process *);
/* mm/'s hook: a range of the space (arg: its aio_process) was released. */
void aio_released(void *arg);
uint64_t aio_slices_done(void);

/* ---- aio_stall.c: those that wait for a page or a frame ---- */

/* False: no memory for its thread. */
bool aio_stall_init(void);
uint64_t aio_events(void); /* counted by aio_event, since boot */
/* Set aside until the next event, if there has been none since `seen` was counted; by its hand. */
void aio_stall_locked(struct aio_process *ap, struct aio_request *, uint64_t seen) REQUIRES(&ap->lock);
void aio_resume_locked(struct aio_process *ap) REQUIRES(&ap->lock);

/* ---- aio_cancel.c ---- */

uint64_t aio_cancels_asked(void);
/* HF_AIO_*: what aio_cancel answers for this name. */
int aio_cancel_one(struct aio_process *, uint64_t user);
