/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A CPU's run queue and timers: shared by kernel/sched.c and kernel/timer.c alone.
 *
 *      level[99] -> ...            FIFO within a level; `occupied` has a bit for each level that is
 *      level[1]  -> ...            not empty, so picking is two bit scans
 *      level[0]  -> t4 -> t9       everything that is time-shared
 *
 *      timers: a tree of the sleeping threads that have a deadline, earliest first
 */
#pragma once

#include <bsd/sys/tree.h>

#include "kernel/thread.h"

RB_HEAD(timer_tree, thread);

struct level {
    struct thread *head, *tail;
};

struct runqueue {
    struct spinlock lock;          /* "S": taken with interrupts off, a leaf */
    struct level level[PRIORITY_MAX + 1];
    uint64_t occupied[2];          /* bit = level */
    unsigned ready;                /* threads on the levels */
    struct thread *dead;           /* has left for ever, its stack is free once another runs */
    struct space *loaded;          /* the space that the CPU was last told to run */
    struct timer_tree timers;
    uint64_t armed;                /* what the clock is armed for; NO_DEADLINE: nothing */
    uint64_t tick;                 /* end of the current slice; NO_DEADLINE: nobody waits for the CPU */
};

#define SLICE_NS 10000000ul /* 10 ms */

/* One CPU today. A thread's queue is the one it last ran on. */
extern struct runqueue runqueue_boot;

static inline struct runqueue *runqueue_this(void) {
    return &runqueue_boot;
}

static inline struct runqueue *runqueue_of(const struct thread *t) {
    (void)t;
    return &runqueue_boot;
}

/* All with the queue's lock held. */
void runqueue_ready_locked(struct runqueue *, struct thread *);  /* SLEEPING -> READY */
void timer_add_locked(struct runqueue *, struct thread *);       /* by t->deadline */
void timer_remove_locked(struct runqueue *, struct thread *);
void timer_slice_locked(struct runqueue *);                      /* somebody waits: see that the slice ends */
void timer_init(struct runqueue *);
