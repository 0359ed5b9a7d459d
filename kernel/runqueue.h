/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A CPU's run queue and timers: shared by kernel/runqueue.c, kernel/sched.c, kernel/place.c and kernel/timer.c alone.
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
    struct spinlock lock;          /* "S": taken with interrupts off, a leaf; never two at once */
    struct cpu *cpu;               /* whose it is; constant */
    struct level level[PRIORITY_MAX + 1];
    uint64_t occupied[2];          /* bit = level; others read it without the lock, as a hint */
    unsigned ready;                /* threads on the levels; likewise */
    int running;                   /* what the running thread runs at, -1: idle; likewise */
    bool lowered;                  /* that is less than it was: look around when the switch is made */
    struct thread *dead;           /* has left for ever, its stack is free once another runs */
    struct thread *leaving;        /* goes to another CPU's queue once another runs here */
    struct timer_tree timers;
    uint64_t armed;                /* what the clock is armed for; NO_DEADLINE: nothing */
    bool slice_over;               /* the running thread is to let its equals run */
    uint64_t tick;                 /* end of the current slice; NO_DEADLINE: nobody waits for the CPU */
    uint64_t expired;              /* how often the clock has come, since boot; others read it without the lock */
};

#define SLICE_NS 10000000ul /* 10 ms */

extern struct runqueue runqueues[MAX_CPUS];

/* This CPU's: with preemption or interrupts off, or as a hint. */
static inline struct runqueue *runqueue_this(void) {
    return &runqueues[cpu_this()->id];
}

/* ---- the levels ---- */

static inline void runqueue_count_locked(struct runqueue *rq, unsigned level, unsigned more) REQUIRES(&rq->lock) {
    uint64_t *word = &rq->occupied[level / 64], bit = 1ul << (level % 64);
    __atomic_store_n(word, rq->level[level].head ? *word | bit : *word & ~bit, __ATOMIC_RELAXED);
    __atomic_store_n(&rq->ready, rq->ready + more, __ATOMIC_RELAXED);
}

/* Put a thread on, at the end of its level. */
static inline void runqueue_push_locked(struct runqueue *rq, struct thread *t) REQUIRES(&rq->lock) {
    struct level *l = &rq->level[t->priority];
    t->state = THREAD_READY;
    t->run_next = NULL;
    if (l->head) l->tail->run_next = t;
    else l->head = t;
    l->tail = t;
    runqueue_count_locked(rq, (unsigned)t->priority, 1);
}

/* Before its equals. */
static inline void runqueue_push_first_locked(struct runqueue *rq, struct thread *t) REQUIRES(&rq->lock) {
    struct level *l = &rq->level[t->priority];
    t->state = THREAD_READY;
    t->run_next = l->head;
    if (!l->head) l->tail = t;
    l->head = t;
    runqueue_count_locked(rq, (unsigned)t->priority, 1);
}

/* Take the first one of a level. */
static inline struct thread *runqueue_pop_locked(struct runqueue *rq, unsigned level) REQUIRES(&rq->lock) {
    struct thread *t = rq->level[level].head;
    rq->level[level].head = t->run_next;
    runqueue_count_locked(rq, level, -1u);
    return t;
}

/* Take this one. */
static inline void runqueue_take_locked(struct runqueue *rq, struct thread *t) REQUIRES(&rq->lock) {
    struct level *l = &rq->level[t->priority];
    struct thread *before = NULL;
    for (struct thread *o = l->head; o != t; o = o->run_next) before = o;
    if (before) before->run_next = t->run_next;
    else l->head = t->run_next;
    if (l->tail == t) l->tail = before;
    runqueue_count_locked(rq, (unsigned)t->priority, -1u);
}

/* Highest level with a thread, or -1. */
static inline int runqueue_highest(const struct runqueue *rq) {
    uint64_t high = __atomic_load_n(&rq->occupied[1], __ATOMIC_RELAXED); /* once: another CPU's may change meanwhile */
    uint64_t low = __atomic_load_n(&rq->occupied[0], __ATOMIC_RELAXED);
    return high ? 127 - __builtin_clzl(high) : low ? 63 - __builtin_clzl(low) : -1;
}

/* Who is the next here because it outranks the running thread. NULL: nobody does. */
static inline struct thread *runqueue_due_locked(const struct runqueue *rq) REQUIRES(&rq->lock) {
    int level = runqueue_highest(rq);
    return level > rq->running ? rq->level[level].head : NULL;
}

/* ---- kernel/place.c: which CPU ---- */

bool place_may_run(const struct thread *, unsigned cpu);
/* Where a thread that becomes ready should run. Its queue is locked. If that CPU is idle, it is claimed: it must be told. */
unsigned place_choose(const struct thread *);
/* The thread, on its queue already, has to wait there: a CPU that would run it at once (claimed), or -1. */
int place_elsewhere(const struct thread *);
/* This CPU is about to halt, and may be claimed; it no longer is. */
void place_idle(unsigned cpu);
void place_busy(unsigned cpu);
/* No lock held, interrupts off. A thread that waits elsewhere on a level above this one and may run on this CPU: off
 * its queue, MOVING here. NULL: none. */
struct thread *place_pull(unsigned cpu, int above);
/* Is there anything for place_pull, perhaps? */
bool place_outranked(unsigned cpu, int above);
/* The slice has ended here. No lock held, interrupts off: a thread of a queue that is longer by two or more, MOVING here.
 * Its own queue locked, on which no turns are taken: a thread MOVING to where they are. */
struct thread *place_balance(unsigned cpu);
struct thread *place_evade_locked(struct runqueue *rq) REQUIRES(&rq->lock);

/* ---- kernel/runqueue.c ---- */

/* The queue that a thread belongs to, locked: where it runs, waits to run, slept, or is going to. */
struct runqueue *runqueue_lock_of(struct thread *, uint64_t *saved);
/* The queue's CPU has to come by the kernel: it is interrupted when this one holds no spinlock any more. */
void runqueue_tell_locked(struct runqueue *rq) REQUIRES(&rq->lock);
/* The CPU has to look at its queue. */
void runqueue_notice_locked(struct runqueue *rq) REQUIRES(&rq->lock);

/*
 * These answer who is MOVING now, to be handed to runqueue_arrive when the lock is let go and before interrupts are on
 * again; NULL: nobody. runqueue_release does all of that.
 */
/* -> READY here; sees to it that the CPU notices. It, or whom it overtakes, may be better off elsewhere. */
struct thread *runqueue_ready_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);
/* -> READY here, or where it suits better. */
struct thread *runqueue_place_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);
/* It is READY here and has to wait: is there a CPU that would run it at once? */
struct thread *runqueue_leave_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);
/* It is on no queue, and goes to that CPU's. Lock held; not any more, as far as this thread goes. */
struct thread *runqueue_send_locked(struct thread *, unsigned cpu);
void runqueue_arrive(struct thread *); /* interrupts are off */
void runqueue_release_moving(struct runqueue *rq, uint64_t saved, struct thread *moving) RELEASE(&rq->lock);

static inline void runqueue_release(struct runqueue *rq, uint64_t saved, struct thread *moving) RELEASE(&rq->lock) {
    if (__builtin_expect(moving != NULL, 0)) runqueue_release_moving(rq, saved, moving);
    else spin_unlock_irq(&rq->lock, saved);
}

/* ---- kernel/timer.c ---- */

void timer_add_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock); /* by t->deadline */
void timer_remove_locked(struct runqueue *rq, struct thread *) REQUIRES(&rq->lock);
void timer_slice_locked(struct runqueue *rq) REQUIRES(&rq->lock); /* somebody waits: see that the slice ends */
void timer_init(struct runqueue *);
