/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Points at which a test can make a thread give way, so that a race is met in every run and not once a year.
 *
 *      thread A   range held  --race_point(RACE_UNMAP_HELD)--  lock, unmap
 *                                   `-- armed: others run here, n times
 *
 * A point stands where another thread may come between two steps of an operation: after a look and before the
 * act, between taking one lock and the next. The knob debug.yield.NAME arms it with a number of yields for
 * whoever passes; 0 disarms. In all builds: not armed, a point costs a load and a branch.
 *
 * May sleep as far as might_sleep() goes: no spinlock may be held, sleeping locks may.
 */
#pragma once

#include <stdint.h>

/* Name of the knob, and where the point stands. */
#define RACE_POINTS(X)                                                                        \
    X(fault, FAULT)                   /* space held shared, before the page table is looked at */ \
    X(fault_object, FAULT_OBJECT)     /* after it said: not here; before the object is */     \
    X(lock_slice, LOCK_SLICE)         /* before a slice of mlock or aio_mlock; range held */  \
    X(lock_page, LOCK_PAGE)           /* a page of it is not as it should be; before it is brought in */ \
    X(lock_finish, LOCK_FINISH)       /* all pages are in, before the lock is one */          \
    X(range, RANGE)                   /* before a range is asked for */                       \
    X(resize, RESIZE)                 /* before an object gets another size */                \
    X(unlock_held, UNLOCK_HELD)       /* range held, space not */                             \
    X(unmap_held, UNMAP_HELD)         /* the same */                                          \
    X(protect_held, PROTECT_HELD)     /* the same */                                          \
    X(protect_done, PROTECT_DONE)     /* pages have the new rights, the region has not */     \
    X(fork_region, FORK_REGION)       /* space held, before a region's pages are shared with the child */ \
    X(evict, EVICT)                   /* space held shared, before page-out looks at it */    \
    X(stall, STALL)                   /* before a frame, or a page from swap, is asked for; nothing held */ \
    X(port_gone, PORT_GONE)           /* a device's requests are given up, its server still in the call */ \
    X(thread_ends, THREAD_ENDS)       /* a thread is counted as ending, and all of it is still there */ \
    X(aio_create, AIO_CREATE)         /* a process's first request; before it is known for having some */ \
    X(aio_submit, AIO_SUBMIT)         /* checked, before it is queued */                      \
    X(aio_slot, AIO_SLOT)             /* a place has been seen to be free, before it is taken */ \
    X(aio_submitted, AIO_SUBMITTED)   /* the request is in the queue, its submitter still in the call */ \
    X(aio_taken, AIO_TAKEN)           /* in a worker's hand, before the slice */              \
    X(aio_sliced, AIO_SLICED)         /* after the slice, before anybody knows */             \
    X(aio_cancel, AIO_CANCEL)         /* a cancel has been asked for, before it waits */      \
    X(aio_exit, AIO_EXIT)             /* the process ends: requests are told to stop, before they are waited for */

enum race_id {
#define X(name, id) RACE_##id,
    RACE_POINTS(X)
#undef X
    RACE_IDS,
};

extern uint32_t race_armed; /* bit = race_id */

void race_yield(enum race_id);
void race_arm(enum race_id, uint32_t yields);
uint32_t race_get(enum race_id);
/* Times that another of its process, or who serves it, passed an armed point while a thread yielded at one; since boot. */
uint64_t race_met(void);

static inline void race_point(enum race_id id) {
    if (__builtin_expect(__atomic_load_n(&race_armed, __ATOMIC_RELAXED), 0)) race_yield(id);
}
