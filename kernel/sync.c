/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The locks of kernel/sync.h over the scheduler.
 *
 * A sleeping lock is handed over: whoever unlocks gives it to the next waiter before that thread even runs.
 * So nobody overtakes, and no wake-up can be lost. Next is the most urgent, among equals the first that
 * came. Readers of an rwlock go in as long as the most urgent waiter is a reader: a writer waits for those
 * that were there before it, and for more urgent ones.
 *
 * LOCKING  a sleeping lock's guard is a spinlock around its few words; cond.guard before mutex.guard.
 *          Each call tells kernel/lockdep.c, which is nothing in ordinary kernels; the guards are a class of their own.
 */
#include "kernel/sync.h"

#include "kernel/assert.h"
#include "kernel/lockdep.h"
#include "kernel/preempt.h"
#include "kernel/sched.h"
#include "kernel/waitq.h"

#ifdef __clang__
#pragma clang diagnostic ignored "-Wthread-safety-analysis" /* of locks out of words clang knows nothing */
#endif

/* ---- spinlocks ---- */

void spin_init(struct spinlock *l, const char *name) {
    *l = (struct spinlock){.name = name};
}

static inline void acquire(struct spinlock *l) {
    struct cpu *cpu = cpu_this();
    while (__builtin_expect(__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE), 0)) {
        if (l->owner == cpu) panic("spinlock %s taken twice", l->name);
        while (__atomic_load_n(&l->held, __ATOMIC_RELAXED)) __builtin_ia32_pause();
    }
    l->owner = cpu;
}

static inline void release(struct spinlock *l) {
    DEBUG_ASSERT(l->owner == cpu_this());
    l->owner = NULL;
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

void spin_lock(struct spinlock *l) {
    preempt_disable();
    lockdep_take(l->name, LOCK_SPIN, 0);
    acquire(l);
}

bool spin_trylock(struct spinlock *l) {
    preempt_disable();
    if (!__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE)) {
        l->owner = cpu_this();
        lockdep_take(l->name, LOCK_SPIN, LOCK_TRY);
        return true;
    }
    preempt_enable();
    return false;
}

void spin_unlock(struct spinlock *l) {
    lockdep_release(l->name, LOCK_SPIN);
    release(l);
    preempt_enable();
}

bool spin_held(const struct spinlock *l) {
    return l->held && l->owner == cpu_this();
}

uint64_t spin_lock_irq(struct spinlock *l) {
    uint64_t saved = irq_save();
    preempt_disable();
    lockdep_take(l->name, LOCK_SPIN, 0);
    acquire(l);
    return saved;
}

void spin_unlock_irq(struct spinlock *l, uint64_t saved) {
    lockdep_release(l->name, LOCK_SPIN);
    release(l);
    irq_restore(saved);
    preempt_enable();
}

/* ---- mutex ---- */

void mutex_init(struct mutex *m, const char *name) {
    *m = (struct mutex){.name = name};
    spin_init(&m->guard, "guard");
}

/* ---- waiters ---- */

static uint64_t waits;

uint64_t sync_contended(void) {
    return __atomic_load_n(&waits, __ATOMIC_RELAXED);
}

/* The most urgent waiter, the first among equals. */
static struct thread *most_urgent(const struct waitlist *l) {
    struct thread *best = l->head;
    for (struct thread *t = best; t; t = t->wait_next)
        if (t->priority > best->priority) best = t;
    return best;
}

static int top_of(const struct waitlist *l) {
    const struct thread *t = most_urgent(l);
    return t ? t->priority : -1;
}

static void sleep_for(struct waitlist *l, struct spinlock *guard, struct pi *pi, struct thread *owner) {
    __atomic_add_fetch(&waits, 1, __ATOMIC_RELAXED);
    pi_wait(pi, owner);
    sched_sleep(l, guard, NO_DEADLINE, false);
}

static void lock_mutex(struct mutex *m, unsigned how) {
    might_sleep();
    lockdep_take(m->name, LOCK_SLEEP, how);
    spin_lock(&m->guard);
    if (!m->owner) {
        m->owner = current();
    } else {
        if (m->owner == current()) panic("mutex %s taken twice", m->name);
        sleep_for(&m->waiters, &m->guard, &m->pi, m->owner);
        ASSERT(m->owner == current());
    }
    spin_unlock(&m->guard);
}

void mutex_lock(struct mutex *m) {
    lock_mutex(m, 0);
}

bool mutex_trylock(struct mutex *m) {
    spin_lock(&m->guard);
    bool taken = !m->owner;
    if (taken) m->owner = current();
    spin_unlock(&m->guard);
    if (taken) lockdep_take(m->name, LOCK_SLEEP, LOCK_TRY);
    return taken;
}

/* It is next's from now on. Asleep until it has been passed the inheritance too: it cannot unlock before. */
static void mutex_pass(struct mutex *m, struct thread *next) {
    waitlist_remove(&m->waiters, next);
    pi_pass(&m->pi, next, top_of(&m->waiters));
    sched_wake(next);
}

void mutex_unlock(struct mutex *m) {
    lockdep_release(m->name, LOCK_SLEEP);
    spin_lock(&m->guard);
    ASSERT(m->owner == current());
    m->owner = most_urgent(&m->waiters);
    if (__builtin_expect(m->owner != NULL, 0)) mutex_pass(m, m->owner);
    spin_unlock(&m->guard);
}

bool mutex_held(const struct mutex *m) {
    return m->owner == current();
}

/* ---- rwlock ---- */

void rw_init(struct rwlock *l, const char *name) {
    *l = (struct rwlock){.name = name};
    spin_init(&l->guard, "guard");
}

static void rw_sleep(struct rwlock *l, bool shared) {
    current()->wait_shared = shared;
    sleep_for(&l->waiters, &l->guard, &l->pi, l->writer);
}

/* The lock has been let go: let in whoever may be in now, the most urgent first. */
static void rw_pass_locked(struct rwlock *l) REQUIRES(&l->guard) {
    struct thread *t;
    while (!l->writer && (t = most_urgent(&l->waiters)) && (t->wait_shared || !l->readers)) {
        if (t->wait_shared) l->readers++;
        else l->writer = t;
        waitlist_remove(&l->waiters, t);
        pi_pass(&l->pi, t, l->writer ? top_of(&l->waiters) : -1);
        sched_wake(t);
    }
}

void rw_lock_shared(struct rwlock *l) {
    might_sleep();
    lockdep_take(l->name, LOCK_SLEEP, 0);
    spin_lock(&l->guard);
    if (l->writer == current()) panic("rwlock %s: its writer reads", l->name);
    if (l->writer || l->waiters.head) rw_sleep(l, true);
    else l->readers++;
    spin_unlock(&l->guard);
}

void rw_unlock_shared(struct rwlock *l) {
    lockdep_release(l->name, LOCK_SLEEP);
    spin_lock(&l->guard);
    ASSERT(l->readers > 0);
    if (--l->readers == 0) rw_pass_locked(l);
    spin_unlock(&l->guard);
}

static void lock_exclusive(struct rwlock *l, unsigned how) {
    might_sleep();
    lockdep_take(l->name, LOCK_SLEEP, how);
    spin_lock(&l->guard);
    if (l->writer == current()) panic("rwlock %s taken twice", l->name);
    if (l->writer || l->readers) rw_sleep(l, false);
    else l->writer = current();
    spin_unlock(&l->guard);
}

void rw_lock(struct rwlock *l) {
    lock_exclusive(l, 0);
}

/* The writer lets go. If it inherited, that ends; rw_pass_locked gives the next one its share. */
static void rw_let_go_locked(struct rwlock *l) REQUIRES(&l->guard) {
    ASSERT(l->writer == current());
    l->writer = NULL;
    if (__builtin_expect(l->waiters.head != NULL, 0)) pi_pass(&l->pi, NULL, -1);
}

void rw_unlock(struct rwlock *l) {
    lockdep_release(l->name, LOCK_SLEEP);
    spin_lock(&l->guard);
    rw_let_go_locked(l);
    rw_pass_locked(l);
    spin_unlock(&l->guard);
}

bool rw_held(const struct rwlock *l) {
    return l->writer == current();
}

/* ---- cond ---- */

void cond_init(struct cond *c, const char *name) {
    *c = (struct cond){.name = name};
    spin_init(&c->guard, "cond");
}

int cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline, bool interruptible) {
    might_sleep();
    spin_lock(&c->guard);
    mutex_unlock(m);
    int error = sched_sleep(&c->waiters, &c->guard, deadline, interruptible);
    spin_unlock(&c->guard);
    mutex_lock(m);
    return error;
}

void cond_wait(struct cond *c, struct mutex *m) {
    cond_wait_until(c, m, NO_DEADLINE, false);
}

void cond_signal(struct cond *c) {
    spin_lock(&c->guard);
    sched_wake_first(&c->waiters);
    spin_unlock(&c->guard);
}

void cond_broadcast(struct cond *c) {
    spin_lock(&c->guard);
    while (sched_wake_first(&c->waiters)) {}
    spin_unlock(&c->guard);
}

/* ---- what the lock-order checker has to be told ---- */

#ifdef LOCKDEP
void spin_lock_nested(struct spinlock *l) {
    preempt_disable();
    lockdep_take(l->name, LOCK_SPIN, LOCK_NESTED);
    acquire(l);
}

void mutex_lock_nested(struct mutex *m) {
    lock_mutex(m, LOCK_NESTED);
}

void rw_lock_nested(struct rwlock *l) {
    lock_exclusive(l, LOCK_NESTED);
}

void lock_may_wait(const char *name) {
    might_sleep();
    lockdep_take(name, LOCK_SLEEP, 0);
    lockdep_release(name, LOCK_SLEEP);
}
#endif

/* ---- wait queues ---- */

void waitq_init(struct waitq *q, const char *name) {
    *q = (struct waitq){0};
    spin_init(&q->lock, name);
}

uint64_t waitq_lock(struct waitq *q) {
    return spin_lock_irq(&q->lock);
}

void waitq_unlock(struct waitq *q, uint64_t saved) {
    spin_unlock_irq(&q->lock, saved);
}

int waitq_sleep(struct waitq *q, uint64_t deadline, bool interruptible) {
    return sched_sleep(&q->waiters, &q->lock, deadline, interruptible);
}

void waitq_wake_one(struct waitq *q) {
    sched_wake_first(&q->waiters);
}

void waitq_wake_all(struct waitq *q) {
    while (sched_wake_first(&q->waiters)) {}
}
