/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Switching, sleeping, waking. See kernel/sched.h for the idea of sleeping, kernel/runqueue.h for the picture.
 *
 * A switch happens with the queue's lock held and is finished by the thread that it leads to: the lock
 * passes from one to the other with the CPU (xv6's idea). So nobody can wake a thread, and nobody can
 * free one, while its registers are still being stored.
 *
 * Time-shared threads take turns by slices. There is no tick while nobody waits: the first thread that
 * becomes ready beside a running one starts the slice timer, and it stops when the queue is empty.
 *
 * Each CPU has a queue of its own (kernel/runqueue.c). Which CPU suits a thread is kernel/place.c's business; where
 * it asks to be told of a change, that is done here: when a CPU has switched to something less important than before,
 * and when a thread gives way without having been done.
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

/* ---- switching ---- */

/* The best thread of this queue. NULL: none. */
static struct thread *pick_locked(struct runqueue *rq) REQUIRES(&rq->lock) {
    int level = runqueue_highest(rq);
    return level < 0 ? NULL : runqueue_pop_locked(rq, (unsigned)level);
}

/*
 * Others can see what this CPU runs now. If that is less than before, somebody may wait for it elsewhere (an idle CPU looks
 * before it halts). And if prev is not done, does it wait for its turn here? It goes when its registers are stored.
 */
static void part_locked(struct runqueue *rq, struct thread *prev, int before) REQUIRES(&rq->lock) {
    if (rq->running < before && rq->running >= 0) rq->lowered = true;
    if (prev->state == THREAD_MOVING) rq->leaving = runqueue_send_locked(prev, place_choose(prev));
    else if (prev->state == THREAD_READY) rq->leaving = runqueue_leave_locked(rq, prev);
    if (prev->state == THREAD_READY && prev->priority == PRIORITY_OTHER) timer_slice_locked(rq);
}

/* Give the CPU to the next thread. The caller's state says what becomes of it; it is back when this returns. */
static void switch_locked(struct runqueue *rq) RELEASE(&rq->lock) NOT_ANALYSED {
    struct cpu *cpu = cpu_this();
    struct thread *prev = cpu->thread, *next = pick_locked(rq);
    DEBUG_ASSERT(cpu->preempt_off == 1);
    if (!next) next = cpu->idle;
    cpu->resched = false;
    next->state = THREAD_RUNNING;
    if (next == prev) return;
    if (prev == cpu->idle) place_busy(cpu->id);
    int before = rq->running;
    __atomic_store_n(&rq->running, next == cpu->idle ? -1 : next->priority, __ATOMIC_RELAXED);
    uint64_t now = clock_now();
    prev->runtime += now - prev->since;
    next->since = now;
    if (cpu_count() > 1) part_locked(rq, prev, before);
    trace(TRACE_SWITCH, (uint64_t)prev->tid, (uint64_t)next->tid);
    space_load(next->space);
    cpu->thread = next;
    context_switch(&prev->context, &next->context);
}

/* Fetch who waits elsewhere and outranks what this CPU does. Interrupts are off. */
static bool pull(int above) {
    struct thread *t = place_pull(cpu_this()->id, above);
    if (t) runqueue_arrive(t);
    return t;
}

/* Release the queue on the far side of a switch, which may be another CPU's than on the near one. Bury who died there,
 * send on who leaves, and fetch who has been waiting elsewhere for a CPU that does no more than this one. */
static void finish_switch(uint64_t saved) NOT_ANALYSED {
    struct runqueue *rq = runqueue_this();
    struct thread *dead = rq->dead, *leaving = rq->leaving;
    int running = rq->lowered ? rq->running : PRIORITY_MAX;
    rq->dead = rq->leaving = NULL;
    rq->lowered = false;
    spin_unlock(&rq->lock);
    if (__builtin_expect(leaving != NULL, 0)) runqueue_arrive(leaving);
    if (__builtin_expect(running < PRIORITY_MAX, 0)) pull(running);
    if (__builtin_expect(dead != NULL, 0)) thread_reclaim(dead);
    irq_restore(saved);
    yield_point(); /* what came due while interrupts were off */
}

bool sched_idle(void) {
    place_idle(cpu_this()->id);
    while (!cpu_resched() && pull(-1)) {}
    return cpu_resched();
}

void sched_begin(void) {
    finish_switch(0);
    irq_enable();
    yield_point();
}

/* The caller lets others run: its equals too if it yields or its slice is over. Or it goes to another CPU, if it may not
 * run here any more. */
static void give_way(bool yields) {
    uint64_t saved = irq_save();
    struct runqueue *rq = runqueue_this();
    spin_lock(&rq->lock);
    struct thread *t = current();
    t->switches[1]++;
    if (t == cpu_this()->idle) {
        /* it is on no queue */
    } else if (!place_may_run(t, rq->cpu->id)) {
        t->state = THREAD_MOVING;
    } else if (yields || rq->slice_over) {
        runqueue_push_locked(rq, t);
    } else {
        runqueue_push_first_locked(rq, t); /* it has not had its turn (POSIX, SCHED_FIFO) */
    }
    rq->slice_over = false;
    switch_locked(rq);
    finish_switch(saved);
}

void sched_yield(void) {
    /* A racy look is enough: whoever comes later would not have been seen by a careful one either. */
    if (__atomic_load_n(&runqueue_this()->ready, __ATOMIC_RELAXED)) give_way(true);
}

/* Interrupts are off, preemption is not. */
static void tell_others(void) {
    struct cpu *cpu = cpu_this();
    uint64_t others = cpu->to_tell;
    cpu->to_tell = 0;
    cpu->tells = false;
    for (; others; others &= others - 1) ipi_reschedule((unsigned)__builtin_ctzl(others));
}

void sched_preempt(void) {
    uint64_t flags = irq_save();
    const struct cpu *cpu = cpu_this();
    if (cpu->tells && cpu->preempt_off == 0) tell_others();
    bool due = (flags & 0x200) && cpu_resched() && cpu->preempt_off == 0;
    irq_restore(flags);
    if (due) give_way(false);
}

/*
 * Interrupts are off and stay off: the way out of the interrupt puts the flag back. So whatever becomes due here during a
 * switch is seen by the loop alone; and each turn may be on another CPU.
 */
void sched_irq_exit(void) {
    struct runqueue *rq = runqueue_this();
    if (cpu_this()->tells) tell_others();
    if (__atomic_load_n(&rq->ready, __ATOMIC_RELAXED) && rq->tick == NO_DEADLINE) { /* another CPU put a thread here */
        spin_lock(&rq->lock);
        timer_slice_locked(rq);
        spin_unlock(&rq->lock);
    }
    while (cpu_resched() && cpu_may_sleep()) give_way(false);
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
    if (interruptible && (__atomic_load_n(&t->attention, __ATOMIC_RELAXED) & ~ATTENTION_MEMORY) && interrupts(t)) {
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
    struct thread *moving = NULL;
    struct runqueue *rq = runqueue_lock_of(t, &saved);
    spin_assert(&rq->lock);
    if (t->state == THREAD_SLEEPING && (!interrupted || (t->interruptible && interrupts(t)))) {
        if (t->deadline != NO_DEADLINE) timer_remove_locked(rq, t);
        moving = runqueue_place_locked(rq, t);
    } else if (interrupted && t->state == THREAD_RUNNING && rq->cpu != cpu_this()) {
        runqueue_tell_locked(rq); /* it runs elsewhere: it is to come by the kernel */
    }
    runqueue_release(rq, saved, moving);
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

/* The running thread of some CPU is worth another level. Who was about to follow it may now have to wait. */
static struct thread *set_running_locked(struct runqueue *rq, struct thread *t, int priority) REQUIRES(&rq->lock) {
    const struct thread *was = runqueue_due_locked(rq);
    bool lowered = priority < t->priority;
    __atomic_store_n(&t->priority, priority, __ATOMIC_RELAXED);
    __atomic_store_n(&rq->running, priority, __ATOMIC_RELAXED);
    if (lowered && cpu_count() > 1 && place_outranked(rq->cpu->id, priority)) rq->lowered = true;
    struct thread *now = runqueue_due_locked(rq);
    if ((now && !was) || rq->lowered) runqueue_notice_locked(rq);
    return was && !now ? runqueue_leave_locked(rq, (struct thread *)was) : NULL;
}

void sched_set_priority(struct thread *t, int priority) {
    uint64_t saved;
    struct thread *moving = NULL;
    struct runqueue *rq = runqueue_lock_of(t, &saved);
    spin_assert(&rq->lock);
    if (t->state == THREAD_RUNNING) {
        moving = set_running_locked(rq, t, priority);
    } else {
        bool ready = t->state == THREAD_READY;
        if (ready) runqueue_take_locked(rq, t);
        __atomic_store_n(&t->priority, priority, __ATOMIC_RELAXED);
        if (ready) moving = runqueue_ready_locked(rq, t);
    }
    runqueue_release(rq, saved, moving);
}

void sched_set_affinity(struct thread *t, uint64_t mask) {
    uint64_t saved;
    struct thread *moving = NULL;
    struct runqueue *rq = runqueue_lock_of(t, &saved);
    spin_assert(&rq->lock);
    t->affinity = mask;
    bool wrong = !place_may_run(t, t->cpu);
    if (t->state == THREAD_READY && wrong) {
        runqueue_take_locked(rq, t);
        moving = runqueue_send_locked(t, place_choose(t));
    } else if (t->state == THREAD_READY && t != runqueue_due_locked(rq)) {
        moving = runqueue_leave_locked(rq, t); /* perhaps it may now, where it could not */
    } else if (t->state == THREAD_RUNNING && wrong) {
        runqueue_notice_locked(rq); /* it goes when it gives way */
    }
    runqueue_release(rq, saved, moving);
}

/* ---- coming and going ---- */

void sched_start(struct thread *t) {
    uint64_t saved;
    struct runqueue *rq = runqueue_lock_of(t, &saved);
    spin_assert(&rq->lock);
    runqueue_release(rq, saved, runqueue_place_locked(rq, t));
}

_Noreturn void sched_exit(void) {
    pi_quit_pagers(current());
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
        const struct runqueue *rq = &runqueues[i];
        n += __atomic_load_n(&rq->ready, __ATOMIC_RELAXED) + (__atomic_load_n(&rq->running, __ATOMIC_RELAXED) >= 0);
    }
    return n;
}
