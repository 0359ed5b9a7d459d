/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Which CPU a thread runs on.
 *
 *      wakes up      where it slept, if that CPU is idle; else any idle one; else, for a real-time thread, the
 *                    CPU that does the least important work; else where it slept
 *      CPU picks     its own best, unless another queue holds a real-time thread that outranks it; with
 *                    nothing of its own, whatever waits elsewhere
 *      slice ends    one thread over from a queue that is longer by two
 *
 * So at all times the n highest real-time threads run on n CPUs, as affinity allows: one that wakes pushes
 * itself to the least important CPU, and a CPU that comes free pulls the best that waits.
 *
 * Other queues are looked at without their locks and then tried, never waited for: two CPUs that look at each
 * other cannot deadlock, and a missed chance is seen again at the next switch.
 *
 * LOCKING  this CPU's queue held where the name says so; another's by spin_trylock alone.
 */
#include "kernel/assert.h"
#include "kernel/runqueue.h"

static bool may_run(const struct thread *t, unsigned cpu) {
    return t->affinity & 1ul << cpu;
}

static int running_priority(unsigned cpu) {
    const struct cpu *c = runqueues[cpu].cpu;
    const struct thread *t = c ? c->thread : NULL;
    if (!c) return PRIORITY_MAX + 1;
    return !t || t == c->idle ? -1 : t->priority;
}

/* The CPU that does the least important work, among those that t may use. */
static unsigned least_busy(const struct thread *t) {
    unsigned best = t->cpu;
    int least = may_run(t, best) ? running_priority(best) : PRIORITY_MAX + 2;
    for (unsigned i = 0; i < cpu_count(); i++) {
        if (!may_run(t, i) || running_priority(i) >= least) continue;
        best = i;
        least = running_priority(i);
    }
    return best;
}

unsigned place_choose(const struct thread *t) {
    if (cpu_count() == 1) return 0;
    uint64_t idle = __atomic_load_n(&idle_cpus, __ATOMIC_RELAXED) & t->affinity;
    if (idle & 1ul << t->cpu) return t->cpu;
    if (idle) return (unsigned)__builtin_ctzl(idle);
    if (t->priority > PRIORITY_OTHER || !may_run(t, t->cpu)) return least_busy(t);
    return t->cpu;
}

bool place_stays(const struct runqueue *rq, const struct thread *t) {
    return cpu_count() == 1 || place_choose(t) == rq->cpu->id;
}

/* The first thread of a level that may run on cpu. */
static struct thread *first_for(const struct runqueue *rq, int level, unsigned cpu) {
    struct thread *t = rq->level[level].head;
    while (t && !may_run(t, cpu)) t = t->run_next;
    return t;
}

/* Take from another queue its best thread for this CPU, if it stands above `best`. */
static struct thread *take_from(struct runqueue *from, struct runqueue *to, int best) {
    struct thread *t = NULL;
    if (!spin_trylock(&from->lock)) return NULL;
    for (int level = runqueue_highest(from); level > best && !t; level--) t = first_for(from, level, to->cpu->id);
    if (t) {
        runqueue_take_locked(from, t);
        t->cpu = to->cpu->id;
    }
    spin_unlock(&from->lock);
    return t;
}

struct thread *place_pull_locked(struct runqueue *rq, int best) {
    struct thread *t = NULL;
    for (unsigned i = 0; i < cpu_count() && !t; i++) {
        struct runqueue *from = &runqueues[i];
        int level = from == rq || !from->cpu ? -1 : runqueue_highest(from);
        if (level > best && (level > PRIORITY_OTHER || best < 0)) t = take_from(from, rq, best);
    }
    return t;
}

void place_balance_locked(struct runqueue *rq) {
    for (unsigned i = 0; i < cpu_count(); i++) {
        struct runqueue *from = &runqueues[i];
        if (from == rq || !from->cpu || __atomic_load_n(&from->ready, __ATOMIC_RELAXED) < rq->ready + 2) continue;
        struct thread *t = take_from(from, rq, PRIORITY_OTHER - 1);
        if (t) runqueue_push_locked(rq, t);
        return;
    }
}
