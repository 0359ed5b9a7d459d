/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Which CPU a thread runs on.
 *
 *      becomes ready    where it was, if that CPU is idle; else any idle one; else, for a real-time thread, the
 *                       CPU that does the least important work; else where it was
 *      has to wait      an idle CPU; a real-time thread: one that does less important work. Else where it is
 *      CPU does less    than before: it pulls who waits elsewhere and outranks what it does; an idle one, whoever waits
 *      slice ends       one thread over from a queue that is longer by two; where a real-time thread runs, one over
 *                       to a CPU where threads take turns
 *
 * So at all times the n highest real-time threads run on n CPUs, as affinity allows, and no CPU is idle while a thread
 * waits that may run there. Nobody looks again later, for there is no tick; what makes it sure is an order:
 *
 *      who puts a thread on a queue, or raises it           who does less than before
 *        the queue's `occupied`                               its `running`, its bit in idle_cpus
 *        full barrier                                         full barrier
 *        looks at the others' running and idle_cpus           looks at the others' occupied
 *
 * Of a store and a load of the other's word on each side, with a barrier between, at least one load sees the other's store. An
 * idle CPU's bit belongs to who takes it away: so of several threads that wake at once each finds an idle CPU of its own. Who
 * has taken it sees that the CPU leaves its halt; on its way to the next one it sets the bit and looks again.
 *
 * Not taken away from a queue is its next thread (runqueue_due_locked): that CPU has been told and is coming.
 *
 * LOCKING  what is said of others here is hints, but for take_from, which holds that queue's lock, and no other.
 * MISSING  a running real-time thread does not move to make room for one that may run nowhere else.
 */
#include "kernel/assert.h"
#include "kernel/runqueue.h"

static uint64_t idle_cpus; /* atomic: CPUs about to halt, or halted, that nobody has given anything */

bool place_may_run(const struct thread *t, unsigned cpu) {
    return t->affinity & 1ul << cpu;
}

/* What a CPU does, or will as soon as it looks: -1: nothing. */
static int urgency(unsigned cpu) {
    const struct runqueue *rq = &runqueues[cpu];
    if (!rq->cpu) return PRIORITY_MAX + 1; /* not up yet */
    int running = __atomic_load_n(&rq->running, __ATOMIC_RELAXED), waits = runqueue_highest(rq);
    return running > waits ? running : waits;
}

/* An idle CPU of the set, `best` if that is one: it is the caller's. -1: none. */
static int claim_idle(uint64_t set, unsigned best) {
    uint64_t idle;
    while ((idle = __atomic_load_n(&idle_cpus, __ATOMIC_RELAXED) & set)) {
        unsigned cpu = idle & 1ul << best ? best : (unsigned)__builtin_ctzl(idle);
        if (__atomic_fetch_and(&idle_cpus, ~(1ul << cpu), __ATOMIC_SEQ_CST) & 1ul << cpu) return (int)cpu;
    }
    return -1;
}

/* The CPU of the set that does the least important work, if less than `most`; among equals `best`. -1: none. */
static int least_busy(uint64_t set, int most, unsigned best) {
    int found = -1;
    if (set & 1ul << best && urgency(best) < most) most = urgency(best), found = (int)best;
    for (unsigned i = 0; i < cpu_count(); i++) {
        int its = set & 1ul << i ? urgency(i) : most;
        if (its < most) most = its, found = (int)i;
    }
    return found;
}

unsigned place_choose(const struct thread *t) {
    int cpu = claim_idle(t->affinity, t->cpu);
    bool may_stay = place_may_run(t, t->cpu);
    if (cpu < 0 && (t->priority > PRIORITY_OTHER || !may_stay)) cpu = least_busy(t->affinity, PRIORITY_MAX + 1, t->cpu);
    ASSERT(cpu >= 0 || may_stay);
    return cpu < 0 ? t->cpu : (unsigned)cpu;
}

int place_elsewhere(const struct thread *t) {
    uint64_t others = t->affinity & ~(1ul << t->cpu);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    int cpu = claim_idle(others, t->cpu);
    return cpu < 0 && t->priority > PRIORITY_OTHER ? least_busy(others, t->priority, t->cpu) : cpu;
}

void place_idle(unsigned cpu) {
    __atomic_fetch_or(&idle_cpus, 1ul << cpu, __ATOMIC_SEQ_CST);
}

void place_busy(unsigned cpu) {
    __atomic_fetch_and(&idle_cpus, ~(1ul << cpu), __ATOMIC_RELAXED);
}

/* ---- taking ---- */

/* The first thread of a level that may run on cpu, but for the one that is the next where it is. */
static struct thread *first_for(const struct runqueue *rq, int level, unsigned cpu) REQUIRES(&rq->lock) {
    const struct thread *due = runqueue_due_locked(rq);
    struct thread *t = rq->level[level].head;
    while (t && (t == due || !place_may_run(t, cpu))) t = t->run_next;
    return t;
}

/* From another queue its best thread for this CPU on levels `most` to `least`: MOVING here. NULL: none. Interrupts are off. */
static struct thread *take_from(struct runqueue *from, unsigned cpu, int most, int least) {
    struct thread *t = NULL;
    spin_lock(&from->lock);
    for (int level = most; level >= least && !t; level--) t = first_for(from, level, cpu);
    if (t) {
        runqueue_take_locked(from, t);
        runqueue_send_locked(t, cpu);
    }
    spin_unlock(&from->lock);
    return t;
}

/*
 * Does anybody wait there above this level, but for the one that is the next? Not locked: whoever makes a thread wait looks for
 * a CPU for it after the last of his stores, with a fence between; so if any of these loads is too early for one of them, he
 * sees what this CPU has stored before its own fence.
 */
static bool has_waiting(unsigned cpu, int above) {
    const struct runqueue *rq = &runqueues[cpu];
    int top = runqueue_highest(rq);
    bool due = top > __atomic_load_n(&rq->running, __ATOMIC_RELAXED);
    return top > above && __atomic_load_n(&rq->ready, __ATOMIC_RELAXED) > due;
}

bool place_outranked(unsigned cpu, int above) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < cpu_count(); i++)
        if (i != cpu && has_waiting(i, above)) return true;
    return false;
}

struct thread *place_pull(unsigned cpu, int above) {
    struct thread *t = NULL;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < cpu_count() && !t; i++)
        if (i != cpu && has_waiting(i, above)) t = take_from(&runqueues[i], cpu, PRIORITY_MAX, above + 1);
    return t;
}

/* ---- the ends of slices ---- */

struct thread *place_balance(unsigned cpu) {
    struct thread *t = NULL;
    unsigned ready = __atomic_load_n(&runqueues[cpu].ready, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < cpu_count() && !t; i++) {
        if (__atomic_load_n(&runqueues[i].ready, __ATOMIC_RELAXED) < ready + 2) continue;
        t = take_from(&runqueues[i], cpu, PRIORITY_OTHER, PRIORITY_OTHER);
    }
    return t;
}

/* The CPU of the set where fewest wait for their turn. -1: none where they take turns. */
static int fewest_wait(uint64_t set) {
    unsigned fewest = UINT32_MAX;
    int found = -1;
    for (unsigned i = 0; i < cpu_count(); i++) {
        unsigned ready = __atomic_load_n(&runqueues[i].ready, __ATOMIC_RELAXED);
        if (!(set & 1ul << i) || urgency(i) > PRIORITY_OTHER || ready >= fewest) continue;
        fewest = ready;
        found = (int)i;
    }
    return found;
}

struct thread *place_evade_locked(struct runqueue *rq) {
    for (struct thread *t = rq->level[PRIORITY_OTHER].head; t; t = t->run_next) {
        int cpu = fewest_wait(t->affinity & ~(1ul << rq->cpu->id));
        if (cpu < 0) continue;
        runqueue_take_locked(rq, t);
        return runqueue_send_locked(t, (unsigned)cpu);
    }
    return NULL;
}
