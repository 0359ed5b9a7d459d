/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A CPU's run queue and timers: shared by kernel/sched.c, kernel/place.c and kernel/timer.c alone.
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
    struct spinlock lock;          /* "S": taken with interrupts off, a leaf; two at once only by a try */
    struct cpu *cpu;               /* whose it is; constant */
    struct level level[PRIORITY_MAX + 1];
    uint64_t occupied[2];          /* bit = level; others read it without the lock, as a hint */
    unsigned ready;                /* threads on the levels; likewise */
    struct thread *dead;           /* has left for ever, its stack is free once another runs */
    struct thread *leaving;        /* goes to another CPU's queue once another runs here */
    struct timer_tree timers;
    uint64_t armed;                /* what the clock is armed for; NO_DEADLINE: nothing */
    bool slice_over;               /* the running thread is to let its equals run */
    uint64_t tick;                 /* end of the current slice; NO_DEADLINE: nobody waits for the CPU */
};

#define SLICE_NS 10000000ul /* 10 ms */

extern struct runqueue runqueues[MAX_CPUS];
extern uint64_t idle_cpus; /* atomic: CPUs that run their idle thread: a hint */

/* This CPU's: with preemption or interrupts off, or as a hint. */
static inline struct runqueue *runqueue_this(void) {
    return &runqueues[cpu_this()->id];
}

/* The queue that a thread belongs to, locked: where it runs, waits to run, or slept. */
struct runqueue *runqueue_lock_of(struct thread *, uint64_t *saved);

/* ---- kernel/place.c: which CPU ---- */

/* Where a thread that becomes ready should run. No lock held; a hint, as the others change meanwhile. */
unsigned place_choose(const struct thread *);
/* May it run again where it slept, or is there a better CPU? That CPU's queue is locked. */
bool place_stays(const struct runqueue *, const struct thread *);
/* This CPU's queue is locked and has nothing better than `best` (-1: nothing at all): a thread of another queue that
 * outranks it, or, for an idle CPU, any; taken off that queue and made this one's. NULL: none. */
struct thread *place_pull_locked(struct runqueue *rq, int best) REQUIRES(&rq->lock);
/* The slice has ended here: take a thread from a queue that is longer by two or more. */
void place_balance_locked(struct runqueue *rq) REQUIRES(&rq->lock);

/* ---- kernel/sched.c ---- */

/* Highest level with a thread, or -1. */
int runqueue_highest(const struct runqueue *);
/* Take this thread off the levels. Lock held. */
void runqueue_take_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);
/* Put one on, at the end of its level. Lock held. */
void runqueue_push_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);

/* All with the queue's lock held. */
/* -> READY here; sees to it that the CPU notices. */
void runqueue_ready_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);
void timer_add_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock); /* by t->deadline */
void timer_remove_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);
void timer_slice_locked(struct runqueue *rq) REQUIRES(&rq->lock); /* somebody waits: see that the slice ends */
void timer_init(struct runqueue *);
