/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Run queues and switching. See kernel/sched.h for the idea of sleeping, kernel/runqueue.h for the picture.
 *
 * A switch happens with the queue's lock held and is finished by the thread that it leads to: the lock
 * passes from one to the other with the CPU (xv6's idea). So nobody can wake a thread, and nobody can
 * free one, while its registers are still being stored.
 *
 * Time-shared threads take turns by slices. There is no tick while nobody waits: the first thread that
 * becomes ready beside a running one starts the slice timer, and it stops when the queue is empty.
 *
 * LOCKING     runqueue.lock (S), interrupts off; a leaf.
 * INVARIANTS  a switch is made with preempt_off exactly 1 (the queue's lock); the idle thread is on no queue.
 * MISSING     more than one CPU: runqueue_this() and runqueue_of() are where it starts. Priorities are kept
 *             and obeyed, but nothing sets one yet.
 */
#include "kernel/sched.h"

#include <asm/errno.h>

#include "arch/clock.h"
#include "kernel/assert.h"
#include "kernel/preempt.h"
#include "kernel/runqueue.h"
#include "kernel/trace.h"
#include "kernel/trap.h"
#include "mm/mm.h"

struct runqueue runqueue_boot;

void sched_init(void) {
    spin_init(&runqueue_boot.lock, "run queue");
    timer_init(&runqueue_boot);
}

/* ---- the levels ---- */

static void push_locked(struct runqueue *rq, struct thread *t) {
    struct level *l = &rq->level[t->priority];
    t->state = THREAD_READY;
    t->run_next = NULL;
    if (l->tail) {
        l->tail->run_next = t;
    } else {
        l->head = t;
        rq->occupied[t->priority / 64] |= 1ul << (t->priority % 64);
    }
    l->tail = t;
    rq->ready++;
}

static int highest_locked(const struct runqueue *rq) {
    if (rq->occupied[1]) return 127 - __builtin_clzl(rq->occupied[1]);
    if (rq->occupied[0]) return 63 - __builtin_clzl(rq->occupied[0]);
    return -1;
}

static struct thread *pop_locked(struct runqueue *rq) {
    int level = highest_locked(rq);
    if (level < 0) return NULL;
    struct level *l = &rq->level[level];
    struct thread *t = l->head;
    l->head = t->run_next;
    if (!l->head) {
        l->tail = NULL;
        rq->occupied[level / 64] &= ~(1ul << (level % 64));
    }
    rq->ready--;
    return t;
}

void runqueue_ready_locked(struct runqueue *rq, struct thread *t) {
    struct cpu *cpu = cpu_this();
    struct thread *running = cpu->thread;
    push_locked(rq, t);
    if (running == cpu->idle || t->priority > running->priority) cpu->resched = true;
    else timer_slice_locked(rq);
}

/* ---- switching ---- */

static void load_space(struct runqueue *rq, struct space *space) {
    if (!space || space == rq->loaded) return;
    rq->loaded = space;
    space_load(space);
}

/* Give the CPU to the next thread. The caller's state says what becomes of it; it is back when this returns. */
static void switch_locked(struct runqueue *rq) {
    struct cpu *cpu = cpu_this();
    struct thread *prev = cpu->thread, *next = pop_locked(rq);
    DEBUG_ASSERT(cpu->preempt_off == 1);
    if (!next) next = cpu->idle;
    cpu->resched = false;
    next->state = THREAD_RUNNING;
    if (next == prev) return;
    uint64_t now = clock_now();
    prev->runtime += now - prev->since;
    next->since = now;
    trace(TRACE_SWITCH, (uint64_t)prev->tid, (uint64_t)next->tid);
    load_space(rq, next->space);
    cpu->thread = next;
    context_switch(&prev->context, &next->context);
}

/* Release the queue on the far side of a switch, and bury whoever died on the near one. */
static void finish_switch(struct runqueue *rq, uint64_t saved) {
    struct thread *dead = rq->dead;
    rq->dead = NULL;
    spin_unlock_irq(&rq->lock, saved);
    if (__builtin_expect(dead != NULL, 0)) thread_reclaim(dead);
}

void sched_begin(void) {
    finish_switch(runqueue_this(), 0);
    irq_enable();
}

/* The caller goes to the end of its level. */
static void give_way(unsigned kind) {
    struct runqueue *rq = runqueue_this();
    uint64_t saved = spin_lock_irq(&rq->lock);
    struct thread *t = current();
    t->switches[kind]++;
    if (t != cpu_this()->idle) push_locked(rq, t);
    switch_locked(rq);
    finish_switch(rq, saved);
}

void sched_yield(void) {
    /* A racy look is enough: whoever comes later would not have been seen by a careful one either. */
    if (__atomic_load_n(&runqueue_this()->ready, __ATOMIC_RELAXED)) give_way(1);
}

void sched_preempt(void) {
    uint64_t flags = irq_save();
    bool due = (flags & 0x200) && cpu_this()->resched && cpu_this()->preempt_off == 0;
    irq_restore(flags);
    if (due) give_way(1);
}

/* Interrupts are off and stay off: the way out of the interrupt puts the flag back. */
void sched_irq_exit(void) {
    struct cpu *cpu = cpu_this();
    if (cpu->resched && cpu->preempt_off == 0 && cpu->irq_depth == 0) give_way(1);
}

void yield_point(void) {
    if (__builtin_expect(cpu_this()->resched, 0)) sched_preempt();
}

void might_sleep(void) {
    struct cpu *cpu = cpu_this();
    ASSERT(cpu->preempt_off == 0 && cpu->irq_depth == 0);
}

/* ---- sleeping and waking ---- */

static void enqueue(struct waitlist *l, struct thread *t) {
    t->waiting = true;
    t->wait_next = NULL;
    t->wait_prev = l->tail;
    if (l->tail) l->tail->wait_next = t;
    else l->head = t;
    l->tail = t;
}

static void dequeue(struct waitlist *l, struct thread *t) {
    if (t->wait_prev) t->wait_prev->wait_next = t->wait_next;
    else l->head = t->wait_next;
    if (t->wait_next) t->wait_next->wait_prev = t->wait_prev;
    else l->tail = t->wait_prev;
    t->waiting = false;
}

static void sleep_locked(struct runqueue *rq, struct thread *t, uint64_t deadline, bool interruptible) {
    t->state = THREAD_SLEEPING;
    t->timed_out = false;
    t->interruptible = interruptible;
    t->deadline = deadline;
    if (deadline != NO_DEADLINE) timer_add_locked(rq, t);
    t->switches[0]++;
}

int sched_sleep(struct waitlist *list, struct spinlock *guard, uint64_t deadline, bool interruptible) {
    struct runqueue *rq = runqueue_this();
    struct thread *t = current();
    ASSERT(cpu_this()->preempt_off == 1 && cpu_this()->irq_depth == 0);
    enqueue(list, t);
    uint64_t saved = spin_lock_irq(&rq->lock);
    if (interruptible && t->attention) {
        spin_unlock_irq(&rq->lock, saved);
        dequeue(list, t);
        return -EINTR;
    }
    sleep_locked(rq, t, deadline, interruptible);
    spin_unlock(guard);
    switch_locked(rq);
    finish_switch(rq, saved);
    spin_lock(guard);
    if (!t->waiting) return 0;
    dequeue(list, t);
    return t->timed_out ? -ETIMEDOUT : -EINTR;
}

static void wake(struct thread *t) {
    struct runqueue *rq = runqueue_of(t);
    uint64_t saved = spin_lock_irq(&rq->lock);
    if (t->state == THREAD_SLEEPING) {
        if (t->deadline != NO_DEADLINE) timer_remove_locked(rq, t);
        runqueue_ready_locked(rq, t);
    }
    spin_unlock_irq(&rq->lock, saved);
}

struct thread *sched_wake_first(struct waitlist *list) {
    struct thread *t = list->head;
    if (!t) return NULL;
    sched_wake_waiter(list, t);
    return t;
}

void sched_wake_waiter(struct waitlist *list, struct thread *t) {
    dequeue(list, t);
    wake(t);
}

void sched_interrupt(struct thread *t) {
    struct runqueue *rq = runqueue_of(t);
    uint64_t saved = spin_lock_irq(&rq->lock);
    if (t->state == THREAD_SLEEPING && t->interruptible) {
        if (t->deadline != NO_DEADLINE) timer_remove_locked(rq, t);
        runqueue_ready_locked(rq, t);
    }
    spin_unlock_irq(&rq->lock, saved);
}

int sched_sleep_until(uint64_t deadline) {
    struct waitlist list = {0};
    struct spinlock guard;
    spin_init(&guard, "sleep");
    spin_lock(&guard);
    int error = sched_sleep(&list, &guard, deadline, true);
    spin_unlock(&guard);
    return error == -ETIMEDOUT ? 0 : error;
}

/* ---- coming and going ---- */

void sched_start(struct thread *t) {
    struct runqueue *rq = runqueue_of(t);
    uint64_t saved = spin_lock_irq(&rq->lock);
    runqueue_ready_locked(rq, t);
    spin_unlock_irq(&rq->lock, saved);
}

_Noreturn void sched_exit(void) {
    struct runqueue *rq = runqueue_this();
    spin_lock_irq(&rq->lock);
    preempt_enable_quiet();
    struct thread *t = current();
    t->state = THREAD_DEAD;
    rq->dead = t;
    switch_locked(rq);
    panic("a dead thread ran");
}

void sched_set_space(struct space *space) {
    struct runqueue *rq = runqueue_this();
    preempt_disable();
    current()->space = space;
    rq->loaded = space;
    space_load(space);
    preempt_enable();
}

uint64_t sched_runtime(const struct thread *t) {
    struct runqueue *rq = runqueue_of(t);
    uint64_t saved = spin_lock_irq(&rq->lock);
    uint64_t ran = t->runtime + (t->state == THREAD_RUNNING ? clock_now() - t->since : 0);
    spin_unlock_irq(&rq->lock, saved);
    return ran;
}

unsigned sched_running(void) {
    struct cpu *cpu = cpu_this();
    return runqueue_this()->ready + (cpu->thread != cpu->idle);
}
