/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Deadlines of sleeping threads, and the end of slices: all that the one-shot clock is armed for.
 *
 * The clock is armed lazily. A timer that is taken back leaves it as it is, and a slice that nobody needs
 * any more runs out for nothing: an interrupt too many now and then is cheaper than programming the timer
 * at each wake-up.
 *
 * LOCKING  everything under the run queue's lock (S).
 */
#include <linux/sched.h>

#include "arch/clock.h"
#include "kernel/runqueue.h"
#include "kernel/sched.h"

/* Earliest first; threads with the same deadline in the order of their addresses. */
static int timer_order(struct thread *a, struct thread *b) {
    if (a->deadline != b->deadline) return a->deadline < b->deadline ? -1 : 1;
    return (a > b) - (a < b);
}

RB_PROTOTYPE(timer_tree, thread, timer, timer_order)
RB_GENERATE(timer_tree, thread, timer, timer_order)

void timer_init(struct runqueue *rq) {
    RB_INIT(&rq->timers);
    rq->armed = rq->tick = NO_DEADLINE;
}

static void arm_locked(struct runqueue *rq, uint64_t when) REQUIRES(&rq->lock) {
    if (when >= rq->armed) return;
    rq->armed = when;
    clock_arm(when);
}

void timer_add_locked(struct runqueue *rq, struct thread *t) {
    RB_INSERT(timer_tree, &rq->timers, t);
    arm_locked(rq, t->deadline);
}

void timer_remove_locked(struct runqueue *rq, struct thread *t) {
    RB_REMOVE(timer_tree, &rq->timers, t);
}

void timer_slice_locked(struct runqueue *rq) {
    if (rq->tick != NO_DEADLINE) return;
    rq->tick = clock_now() + SLICE_NS;
    arm_locked(rq, rq->tick);
}

/* Whom to send on when the lock is let go: linked by run_next, as they are on no queue. */
static void add(struct thread **moving, struct thread *t) {
    if (!t) return;
    t->run_next = *moving;
    *moving = t;
}

static void wake_due_locked(struct runqueue *rq, uint64_t now, struct thread **moving) REQUIRES(&rq->lock) {
    struct thread *t;
    while ((t = RB_MIN(timer_tree, &rq->timers)) && t->deadline <= now) {
        RB_REMOVE(timer_tree, &rq->timers, t);
        t->timed_out = true;
        add(moving, runqueue_place_locked(rq, t));
    }
}

/* Is somebody's turn come who is as urgent as the running thread? SCHED_FIFO knows no turns. */
static bool turn_over(const struct runqueue *rq, const struct thread *running) {
    return __atomic_load_n(&running->policy, __ATOMIC_RELAXED) != SCHED_FIFO && runqueue_highest(rq) >= running->priority;
}

/* A slice is over: the next one's turn, unless the running thread has only just been given the CPU. */
static void end_slice_locked(struct runqueue *rq, uint64_t now, struct thread **moving) REQUIRES(&rq->lock) {
    const struct thread *running = cpu_this()->thread;
    rq->tick = NO_DEADLINE;
    if (cpu_count() > 1 && rq->running > PRIORITY_OTHER) add(moving, place_evade_locked(rq));
    if (!rq->ready) return;
    if (now - running->since >= SLICE_NS / 2 && turn_over(rq, running)) cpu_this()->resched = rq->slice_over = true;
    rq->tick = now + SLICE_NS;
}

static void arm_next_locked(struct runqueue *rq) REQUIRES(&rq->lock) {
    const struct thread *first = RB_MIN(timer_tree, &rq->timers);
    if (first) arm_locked(rq, first->deadline);
    if (rq->tick != NO_DEADLINE) arm_locked(rq, rq->tick);
}

/* They become ready on other CPUs, and if a slice is over, a thread of a longer queue here. */
static void move(struct runqueue *rq, struct thread *moving, bool balance) {
    struct thread *next, *more = balance ? place_balance(rq->cpu->id) : NULL;
    for (struct thread *t = moving; t; t = next) {
        next = t->run_next;
        runqueue_arrive(t);
    }
    if (more) runqueue_arrive(more);
}

uint64_t sched_clock_interrupts(void) {
    uint64_t n = 0;
    for (unsigned i = 0; i < cpu_count(); i++) n += __atomic_load_n(&runqueues[i].expired, __ATOMIC_RELAXED);
    return n;
}

void clock_expired(void) {
    struct runqueue *rq = runqueue_this();
    struct thread *moving = NULL;
    uint64_t saved = spin_lock_irq(&rq->lock);
    uint64_t now = clock_now();
    rq->armed = NO_DEADLINE;
    __atomic_store_n(&rq->expired, rq->expired + 1, __ATOMIC_RELAXED);
    wake_due_locked(rq, now, &moving);
    bool over = rq->tick <= now;
    if (over) end_slice_locked(rq, now, &moving);
    arm_next_locked(rq);
    bool balance = over && cpu_count() > 1 && rq->running <= PRIORITY_OTHER;
    spin_unlock(&rq->lock);
    move(rq, moving, balance);
    irq_restore(saved);
}
