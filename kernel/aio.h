/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Asynchronous requests: the face that the rest of the kernel sees.
 *
 * A program asks with aio_mlock(2) that a range be locked and goes on; kernel threads do the work, a
 * slice at a time, and the program asks for the result later (contract Q, X, C, R, W1, W2, P). What a
 * process has outstanding hangs on process->aio, NULL until its first request.
 *
 * The system calls themselves (sys_aio_mlock and its kin) are declared with all the others by the
 * build's generated table. How it works inside: kernel/aio_impl.h.
 */
#pragma once

#include <stdint.h>

struct process;

/* Starts the worker threads. Once, when threads run; panics if there is no memory for them. */
void aio_init(void);

/*
 * The process ends (aio_process_exit) or becomes another program (aio_process_exec): cancels what is
 * queued, stops what runs at its next slice and undoes it, notifies nobody, and forgets every result (P1).
 * Sleeps for no more than that. Before the process lets go of its space; no lock held. process->aio is
 * NULL afterwards. May be called when there never was a request.
 */
void aio_process_exit(struct process *);
void aio_process_exec(struct process *);

/*
 * A request may have waited for this: a transfer or a round of page-out has ended, or the threads of a process have been told
 * to end. Those that are stalled are looked at again. Any lock may be held that is not taken in interrupts.
 */
void aio_event(void);

/* The limits of contract Q7, under FreeBSD's names and meanings; system-wide. */
struct aio_limits {
    uint64_t max_queue;          /* vfs.aio.max_aio_queue: requests in the system, finished ones included until reaped */
    uint64_t max_queue_per_proc; /* vfs.aio.max_aio_queue_per_proc: the same of one process */
    uint64_t max_per_proc;       /* vfs.aio.max_aio_per_proc: how many of one process run at once */
    uint64_t slice;              /* vfs.aio.slice: pages that a worker brings in before it looks up */
};
extern struct aio_limits aio_limits; /* each field read whole, without a lock */
/* Set one field, and let those go on who waited for it. What is already accepted stays. Sleeps. */
void aio_set_limit(uint64_t *field, uint64_t value);

struct aio_stats {
    uint64_t requests;  /* accepted and not yet reaped, whatever their state */
    uint64_t queued;    /* not begun */
    uint64_t parked;    /* wait for somebody to let go of their range */
    uint64_t running;   /* begun: some pages may be in */
    uint64_t stalled;   /* of the running: the next page is in swap, or there is no frame for it just now */
    uint64_t active;    /* of the running: a worker has it in hand right now */
    uint64_t finished;  /* ended, not yet reaped */
    uint64_t processes; /* that have had a request and still live */
    uint64_t accepted, slices, cancels; /* since boot: submissions, slices done, cancels of running requests asked for */
};
void aio_get_stats(struct aio_stats *);

/*
 * Checks I5 and that every list agrees with every state and count: NULL, or a line that says what is
 * broken. Sleeps; no lock held. Exact: it holds the locks of all processes' requests at once.
 */
const char *aio_audit(void);

/*
 * For tests, which want to see events and not time: how workers go on.
 *   AIO_GO       as always
 *   AIO_HOLD     no request is taken up, for a first or a further slice: queued stays queued, running
 *                stays running
 *   AIO_FREEZE   requests are taken up, and then kept in hand without work being done until they are
 *                cancelled or the hold ends
 * aio_set_steps(n) lets n slices go under AIO_HOLD; aio_steps tells how many are still to go.
 */
enum aio_hold { AIO_GO, AIO_HOLD, AIO_FREEZE };
void aio_set_hold(enum aio_hold);
enum aio_hold aio_get_hold(void);
void aio_set_steps(uint64_t);
uint64_t aio_steps(void);
