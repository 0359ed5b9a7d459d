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
 * Each CPU has a queue of its own. A thread belongs to one queue (thread.cpu) and changes it only while it is
 * MOVING, which is nobody's state but that of whoever moves it: a waker, or the thread that followed it on
 * its CPU. Which CPU suits a thread is kernel/place.c's business.
 *
 * LOCKING     runqueue.lock (S), interrupts off; a leaf.
 * INVARIANTS  a switch is made with preempt_off exactly 1 (the queue's lock); the idle thread is on no queue;
 *             a thread on a queue has its registers stored: it got there under the lock that its CPU let go
 *             only after the switch.
 */
#include "kernel/sched.h"

#include <asm/errno.h>

#include "arch/clock.h"
#include "arch/ipi.h"
#include "kernel/assert.h"
#include "kernel/lockdep.h"
#include "kernel/preempt.h"
#include "kernel/runqueue.h"
#include "kernel/trace.h"
#include "kernel/trap.h"
#include "mm/mm.h"

struct runqueue runqueues[MAX_CPUS];
uint64_t idle_cpus;

void sched_init_cpu(void) {
    struct runqueue *rq = runqueue_this();
    spin_init(&rq->lock, "run queue");
    rq->cpu = cpu_this();
    timer_init(rq);
}

/* ---- the levels ---- */

/* A thread that was preempted has not had its turn: it goes on before its equals (POSIX, SCHED_FIFO). */
static void push_first_locked(struct runqueue *rq, struct thread *t) REQUIRES(&rq->lock) {
    struct level *l = &rq->level[t->priority];
    t->state = THREAD_READY;
    t->run_next = l->head;
    l->head = t;
    if (!l->tail) l->tail = t;
    rq->occupied[t->priority / 64] |= 1ul << (t->priority % 64);
    rq->ready++;
}

void runqueue_push_locked(struct runqueue *rq, struct thread *t) {
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

int runqueue_highest(const struct runqueue *rq) {
    uint64_t high = __atomic_load_n(&rq->occupied[1], __ATOMIC_RELAXED); /* once: another CPU's may change meanwhile */
    uint64_t low = __atomic_load_n(&rq->occupied[0], __ATOMIC_RELAXED);
    return high ? 127 - __builtin_clzl(high) : low ? 63 - __builtin_clzl(low) : -1;
}

void runqueue_take_locked(struct runqueue *rq, struct thread *t) {
    struct level *l = &rq->level[t->priority];
    struct thread *before = NULL;
    for (struct thread *o = l->head; o != t; o = o->run_next) before = o;
    if (before) before->run_next = t->run_next;
    else l->head = t->run_next;
    if (l->tail == t) l->tail = before;
    if (!l->head) rq->occupied[t->priority / 64] &= ~(1ul << (t->priority % 64));
    rq->ready--;
}

/* The best thread for this CPU, from here or, if another queue has a better one, from there. NULL: idle. */
static struct thread *pick_locked(struct runqueue *rq) REQUIRES(&rq->lock) {
    int level = runqueue_highest(rq);
    struct thread *t = cpu_count() > 1 ? place_pull_locked(rq, level) : NULL;
    if (t || level < 0) return t;
    t = rq->level[level].head;
    runqueue_take_locked(rq, t);
    return t;
}

/* Interrupts are off, so this CPU looks at resched again before anything else; another one has to be told. */
static void notice(struct runqueue *rq) REQUIRES(&rq->lock) {
    rq->cpu->resched = true;
    if (rq->cpu != cpu_this()) ipi_reschedule(rq->cpu->id);
}

void runqueue_ready_locked(struct runqueue *rq, struct thread *t) {
    const struct thread *running = rq->cpu->thread;
    runqueue_push_locked(rq, t);
    if (running == rq->cpu->idle || t->priority > running->priority) notice(rq);
    else if (rq->cpu == cpu_this()) timer_slice_locked(rq);
    else if (rq->tick == NO_DEADLINE) ipi_reschedule(rq->cpu->id); /* its own clock has to be armed there */
}

struct runqueue *runqueue_lock_of(struct thread *t, uint64_t *saved) NOT_ANALYSED {
    for (;;) {
        struct runqueue *rq = &runqueues[__atomic_load_n(&t->cpu, __ATOMIC_RELAXED)];
        *saved = spin_lock_irq(&rq->lock);
        if (rq == &runqueues[t->cpu]) return rq;
        spin_unlock_irq(&rq->lock, *saved);
    }
}

/* t is MOVING and ours alone: to the queue of the CPU that suits it best now. */
static void place(struct thread *t) {
    struct runqueue *rq = &runqueues[place_choose(t)];
    uint64_t saved = spin_lock_irq(&rq->lock);
    t->cpu = rq->cpu->id;
    runqueue_ready_locked(rq, t);
    spin_unlock_irq(&rq->lock, saved);
}

/* ---- switching ---- */

/* Give the CPU to the next thread. The caller's state says what becomes of it; it is back when this returns. */
static void switch_locked(struct runqueue *rq) RELEASE(&rq->lock) NOT_ANALYSED {
    struct cpu *cpu = cpu_this();
    struct thread *prev = cpu->thread, *next = pick_locked(rq);
    DEBUG_ASSERT(cpu->preempt_off == 1);
    if (!next) next = cpu->idle;
    cpu->resched = false;
    next->state = THREAD_RUNNING;
    if (next == prev) return;
    if (next == cpu->idle) __atomic_or_fetch(&idle_cpus, 1ul << cpu->id, __ATOMIC_RELAXED);
    else if (prev == cpu->idle) __atomic_and_fetch(&idle_cpus, ~(1ul << cpu->id), __ATOMIC_RELAXED);
    uint64_t now = clock_now();
    prev->runtime += now - prev->since;
    next->since = now;
    trace(TRACE_SWITCH, (uint64_t)prev->tid, (uint64_t)next->tid);
    space_load(next->space);
    cpu->thread = next;
    context_switch(&prev->context, &next->context);
}

/* Release the queue on the far side of a switch, which may be another CPU's than on the near one. Bury who died there,
 * send on who leaves. */
static void finish_switch(uint64_t saved) NOT_ANALYSED {
    struct runqueue *rq = runqueue_this();
    struct thread *dead = rq->dead, *leaving = rq->leaving;
    rq->dead = rq->leaving = NULL;
    spin_unlock(&rq->lock);
    if (__builtin_expect(leaving != NULL, 0)) place(leaving);
    if (__builtin_expect(dead != NULL, 0)) thread_reclaim(dead);
    irq_restore(saved);
    yield_point(); /* what came due while interrupts were off */
}

void sched_begin(void) {
    finish_switch(0);
    irq_enable();
}

/* The caller lets others run: its equals too if it yields or its slice is over. Or it goes to another CPU, if it may not
 * run here any more. */
static void give_way(bool yields) {
    uint64_t saved = irq_save();
    struct runqueue *rq = runqueue_this();
    spin_lock(&rq->lock);
    struct thread *t = current();
    t->switches[1]++;
    bool stays = t->affinity & 1ul << rq->cpu->id;
    if (t == cpu_this()->idle) {
        /* it is on no queue */
    } else if (!stays) {
        t->state = THREAD_MOVING;
        rq->leaving = t;
    } else if (yields || rq->slice_over) {
        runqueue_push_locked(rq, t);
    } else {
        push_first_locked(rq, t);
    }
    rq->slice_over = false;
    switch_locked(rq);
    finish_switch(saved);
}

void sched_yield(void) {
    /* A racy look is enough: whoever comes later would not have been seen by a careful one either. */
    if (__atomic_load_n(&runqueue_this()->ready, __ATOMIC_RELAXED)) give_way(true);
}

void sched_preempt(void) {
    uint64_t flags = irq_save();
    bool due = (flags & 0x200) && cpu_resched() && cpu_this()->preempt_off == 0;
    irq_restore(flags);
    if (due) give_way(false);
}

/* Interrupts are off and stay off: the way out of the interrupt puts the flag back. */
void sched_irq_exit(void) {
    struct cpu *cpu = cpu_this();
    struct runqueue *rq = &runqueues[cpu->id];
    if (__atomic_load_n(&rq->ready, __ATOMIC_RELAXED) && rq->tick == NO_DEADLINE) { /* another CPU put a thread here */
        spin_lock(&rq->lock);
        timer_slice_locked(rq);
        spin_unlock(&rq->lock);
    }
    if (cpu_resched() && cpu->preempt_off == 0 && cpu->irq_depth == 0) give_way(false);
}

void yield_point(void) {
    if (__builtin_expect(cpu_resched(), 0)) sched_preempt();
}

void might_sleep(void) {
    lockdep_might_sleep();
    ASSERT(cpu_may_sleep());
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

void waitlist_remove(struct waitlist *l, struct thread *t) {
    if (t->wait_prev) t->wait_prev->wait_next = t->wait_next;
    else l->head = t->wait_next;
    if (t->wait_next) t->wait_next->wait_prev = t->wait_prev;
    else l->tail = t->wait_prev;
    t->waiting = false;
}

/* Is what has come for it a reason to cut this sleep short? */
static bool interrupts(const struct thread *t) {
    return !t->kill_only || (__atomic_load_n(&t->attention, __ATOMIC_RELAXED) & ATTENTION_KILL);
}

static void sleep_locked(struct runqueue *rq, struct thread *t, uint64_t deadline, bool interruptible) REQUIRES(&rq->lock) {
    t->state = THREAD_SLEEPING;
    t->timed_out = false;
    t->interruptible = interruptible;
    t->deadline = deadline;
    if (deadline != NO_DEADLINE) timer_add_locked(rq, t);
    t->switches[0]++;
}

int sched_sleep(struct waitlist *list, struct spinlock *guard, uint64_t deadline, bool interruptible) {
    struct runqueue *rq = runqueue_this(); /* the guard keeps us on this CPU */
    struct thread *t = current();
    ASSERT(cpu_this()->preempt_off == 1 && cpu_this()->irq_depth == 0);
    enqueue(list, t);
    uint64_t saved = spin_lock_irq(&rq->lock);
    if (interruptible && __atomic_load_n(&t->attention, __ATOMIC_RELAXED) && interrupts(t)) {
        spin_unlock_irq(&rq->lock, saved);
        waitlist_remove(list, t);
        return -EINTR;
    }
    sleep_locked(rq, t, deadline, interruptible);
    spin_unlock(guard);
    switch_locked(rq);
    finish_switch(saved);
    spin_lock(guard);
    if (!t->waiting) return 0;
    waitlist_remove(list, t);
    return t->timed_out ? -ETIMEDOUT : -EINTR;
}

/* From SLEEPING to a queue. One that was not asleep any more is left alone. */
static void wake_if(struct thread *t, bool interrupted) {
    uint64_t saved;
    struct runqueue *rq = runqueue_lock_of(t, &saved);
    spin_assert(&rq->lock);
    bool asleep = t->state == THREAD_SLEEPING && (!interrupted || (t->interruptible && interrupts(t)));
    if (asleep && t->deadline != NO_DEADLINE) timer_remove_locked(rq, t);
    bool here = place_stays(rq, t);
    if (asleep && here) runqueue_ready_locked(rq, t);
    else if (asleep) t->state = THREAD_MOVING;
    /* A signal for one that runs elsewhere: it is to come by the kernel. */
    if (interrupted && t->state == THREAD_RUNNING && rq->cpu != cpu_this()) ipi_reschedule(rq->cpu->id);
    spin_unlock_irq(&rq->lock, saved);
    if (asleep && !here) place(t);
}

void sched_wake(struct thread *t) {
    wake_if(t, false);
}

struct thread *sched_wake_first(struct waitlist *list) {
    struct thread *t = list->head;
    if (!t) return NULL;
    sched_wake_waiter(list, t);
    return t;
}

void sched_wake_waiter(struct waitlist *list, struct thread *t) {
    waitlist_remove(list, t);
    sched_wake(t);
}

void sched_interrupt(struct thread *t) {
    wake_if(t, true);
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

/* ---- urgency and place ---- */

void sched_set_priority(struct thread *t, int priority) {
    uint64_t saved;
    struct runqueue *rq = runqueue_lock_of(t, &saved);
    spin_assert(&rq->lock);
    bool ready = t->state == THREAD_READY;
    if (ready) runqueue_take_locked(rq, t);
    t->priority = priority;
    if (ready) runqueue_ready_locked(rq, t);
    else if (t->state == THREAD_RUNNING && runqueue_highest(rq) > priority) notice(rq);
    spin_unlock_irq(&rq->lock, saved);
}

void sched_set_affinity(struct thread *t, uint64_t mask) {
    uint64_t saved;
    struct runqueue *rq = runqueue_lock_of(t, &saved);
    spin_assert(&rq->lock);
    t->affinity = mask;
    bool wrong = !(mask & 1ul << t->cpu), move = wrong && t->state == THREAD_READY;
    if (move) {
        runqueue_take_locked(rq, t);
        t->state = THREAD_MOVING;
    } else if (wrong && t->state == THREAD_RUNNING) {
        notice(rq); /* it goes when it gives way */
    }
    spin_unlock_irq(&rq->lock, saved);
    if (move) place(t);
}

/* ---- coming and going ---- */

void sched_start(struct thread *t) {
    t->state = THREAD_MOVING;
    place(t);
}

_Noreturn void sched_exit(void) {
    irq_disable();
    lockdep_none_held("by a thread that ends");
    struct runqueue *rq = runqueue_this();
    spin_lock(&rq->lock);
    preempt_enable_quiet(); /* the caller's: a switch is made with the lock's alone */
    struct thread *t = current();
    t->state = THREAD_DEAD;
    rq->dead = t;
    switch_locked(rq);
    panic("a dead thread ran");
}

void sched_set_space(struct space *space) {
    preempt_disable();
    current()->space = space;
    space_load(space);
    preempt_enable();
}

uint64_t sched_runtime(const struct thread *t) {
    uint64_t saved;
    struct runqueue *rq = runqueue_lock_of((struct thread *)t, &saved);
    spin_assert(&rq->lock);
    uint64_t ran = t->runtime + (t->state == THREAD_RUNNING ? clock_now() - t->since : 0);
    spin_unlock_irq(&rq->lock, saved);
    return ran;
}

unsigned sched_running(void) {
    unsigned n = 0;
    for (unsigned i = 0; i < cpu_count(); i++) {
        const struct cpu *cpu = runqueues[i].cpu;
        if (cpu) n += runqueues[i].ready + (cpu->thread != cpu->idle);
    }
    return n;
}
