/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * How a thread comes to be on a queue, and on the right one.
 *
 *      becomes ready --> place_choose --+-- this queue: runqueue_ready_locked
 *                                       '-- another: MOVING, its lock from here on --> runqueue_arrive
 *
 * Who has just been put on a queue and is not the next to run there may have been overtaken by events: a CPU fell idle,
 * or does less now. So the caller looks again after the thread can be seen (place_elsewhere), and sends it on if need be. The same
 * goes for one that was to be the next and is overtaken by a more urgent one.
 *
 * LOCKING     runqueue.lock (S), interrupts off; a leaf, and never two of them. A thread's fields under S are guarded by the
 *             lock of the queue that thread.cpu names, in every state: it changes under that lock alone.
 * INVARIANTS  a MOVING thread is on no queue, and in the hands of whoever made it so; that one runs with interrupts off
 *             until it has arrived.
 */
#include "kernel/runqueue.h"

#include "kernel/sched.h"

struct runqueue runqueues[MAX_CPUS];

void sched_init_cpu(void) {
    struct runqueue *rq = runqueue_this();
    spin_init(&rq->lock, "run queue");
    rq->cpu = cpu_this();
    timer_init(rq);
}

/* ---- from one queue to another ---- */

struct runqueue *runqueue_lock_of(struct thread *t, uint64_t *saved) NOT_ANALYSED {
    for (;;) {
        struct runqueue *rq = &runqueues[__atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE)];
        *saved = spin_lock_irq(&rq->lock);
        if (rq == &runqueues[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)]) return rq;
        spin_unlock_irq(&rq->lock, *saved);
    }
}

struct thread *runqueue_send_locked(struct thread *t, unsigned cpu) {
    t->state = THREAD_MOVING;
    __atomic_store_n(&t->cpu, cpu, __ATOMIC_RELEASE); /* the last that is done to it under this lock */
    return t;
}

struct thread *runqueue_leave_locked(struct runqueue *rq, struct thread *t) {
    int cpu = cpu_count() > 1 ? place_elsewhere(t) : -1;
    if (cpu < 0) return NULL;
    runqueue_take_locked(rq, t);
    return runqueue_send_locked(t, (unsigned)cpu);
}

/*
 * Not here and now, but when this CPU has let go of its last spinlock (preempt_enable): what is told would want them, this
 * queue's and most likely the one under which it was woken, and if both are virtual CPUs on one real one, it would turn
 * in vain until its time is over.
 */
void runqueue_tell_locked(struct runqueue *rq) {
    struct cpu *me = cpu_this();
    me->to_tell |= 1ul << rq->cpu->id;
    me->tells = true;
}

/* Interrupts are off, so this CPU looks at resched again before anything else; another one has to be told. */
void runqueue_notice_locked(struct runqueue *rq) {
    __atomic_store_n(&rq->cpu->resched, true, __ATOMIC_RELAXED);
    if (rq->cpu != cpu_this()) runqueue_tell_locked(rq);
}

struct thread *runqueue_ready_locked(struct runqueue *rq, struct thread *t) {
    int top = runqueue_highest(rq);
    bool next = t->priority > top && t->priority > rq->running;
    struct thread *waits = !next ? t : top > rq->running ? rq->level[top].head : NULL; /* it was to be the next */
    runqueue_push_locked(rq, t);
    if (next) runqueue_notice_locked(rq);
    struct thread *leaves = waits ? runqueue_leave_locked(rq, waits) : NULL;
    if (!next && !leaves && rq->cpu == cpu_this()) timer_slice_locked(rq);
    else if (!next && !leaves && rq->tick == NO_DEADLINE) runqueue_tell_locked(rq); /* its own clock has to be armed there */
    return leaves;
}

struct thread *runqueue_place_locked(struct runqueue *rq, struct thread *t) {
    unsigned cpu = cpu_count() > 1 ? place_choose(t) : 0;
    return cpu == rq->cpu->id ? runqueue_ready_locked(rq, t) : runqueue_send_locked(t, cpu);
}

/* Where it was going it may not run any more. That CPU may have been found idle and think that it gets something. */
static struct thread *go_on_locked(struct runqueue *rq, struct thread *t) REQUIRES(&rq->lock) {
    runqueue_tell_locked(rq);
    return runqueue_send_locked(t, place_choose(t));
}

void runqueue_arrive(struct thread *t) {
    do {
        struct runqueue *rq = &runqueues[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];
        spin_lock(&rq->lock);
        t = place_may_run(t, rq->cpu->id) ? runqueue_ready_locked(rq, t) : go_on_locked(rq, t);
        spin_unlock(&rq->lock);
    } while (t);
}

void runqueue_release_moving(struct runqueue *rq, uint64_t saved, struct thread *moving) {
    spin_unlock(&rq->lock);
    runqueue_arrive(moving);
    irq_restore(saved);
    yield_point();
}
