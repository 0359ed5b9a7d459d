/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The locks of kernel/sync.h over the scheduler.
 *
 * Who finds a sleeping lock taken waits awake for a moment if its holder is at work on another CPU, and then
 * asleep. Unlocking wakes the next waiter: the most urgent, among equals the first that came. To a real-time
 * thread the lock is handed over at once, so that no lesser one overtakes it. Any other has to take the lock
 * when it is there, and may be overtaken once; then it is handed the lock too. Handing over always would be
 * simpler, but once two threads that use a lock often had met, each would find it with the other, who is just
 * being woken, and go to sleep: every time from then on (a convoy: Blasgen and others, 1979).
 *
 * Readers of an rwlock go in as long as the most urgent waiter is a reader: a writer waits for those that were
 * there before it, and for more urgent ones. Each reader is on a list of the lock's, so that all inherit from who waits.
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

struct thread *sync_self(void) {
    return current();
}

static uint64_t waits, spins;

uint64_t sync_contended(void) {
    return __atomic_load_n(&waits, __ATOMIC_RELAXED);
}

uint64_t sync_spins(void) {
    return __atomic_load_n(&spins, __ATOMIC_RELAXED);
}

static void count_spins(uint64_t n) {
    __atomic_add_fetch(&spins, n, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void spin_for(struct spinlock *l, const struct cpu *cpu) {
    uint64_t turns = 0;
    do {
        if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) == cpu) panic("spinlock %s taken twice", l->name);
        for (; __atomic_load_n(&l->held, __ATOMIC_RELAXED); turns++) __builtin_ia32_pause();
    } while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE));
    count_spins(turns);
}

static inline void acquire(struct spinlock *l) {
    struct cpu *cpu = cpu_this();
    if (__builtin_expect(__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE), 0)) spin_for(l, cpu);
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
    return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == cpu_this(); /* which nobody but this CPU makes so, or not so */
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

/* ---- waiting for a sleeping lock ---- */

#define SPIN_LOOKS  100 /* together about what falling asleep and being woken costs */
#define SPIN_PAUSES 8

/* The most urgent waiter, the first among equals. */
static struct thread *most_urgent(const struct waitlist *l) {
    struct thread *best = l->head;
    int most = best ? thread_urgency(best) : -1;
    for (struct thread *t = best; t; t = t->wait_next)
        if (thread_urgency(t) > most) most = thread_urgency(t), best = t;
    return best;
}

static int top_of(const struct waitlist *l) {
    const struct thread *t = most_urgent(l);
    return t ? thread_urgency(t) : -1;
}

/* A lock is handed to who is real-time, and to who has been woken for it before and came too late. */
static bool has_claim(const struct thread *t) {
    return t->wait_claims || thread_urgency(t) > PRIORITY_OTHER;
}

/* How long one thread has been waiting for one lock. */
struct patience {
    unsigned looks;
    bool slept;
};

/* Is the lock likely to be free before we were asleep? Real-time threads queue at once: there, order counts. */
static bool worth_spinning(const struct patience *p, const struct thread *owner) {
    if (p->looks >= SPIN_LOOKS || thread_urgency(current()) > PRIORITY_OTHER) return false;
    return owner ? __atomic_load_n(&owner->state, __ATOMIC_RELAXED) == THREAD_RUNNING : cpu_count() > 1;
}

/* Who holds this lock shared, as far as not known yet, inherits from now on from those who wait. Its guard is held. */
static void name_readers(struct rwlock *l) {
    struct rw_share *s;
    LIST_FOREACH(s, &l->shares, link)
        if (!s->pi.owner) pi_share(&l->pi, &s->pi, s->thread, top_of(&l->waiters));
}

/* Wait for a change: true, the lock has been handed to us; false, look again. The guard is held, and let go meanwhile.
 * owner: who holds it; NULL: readers of `shared`. */
static bool bide(struct patience *p, struct spinlock *guard, struct waitlist *l, struct pi *pi, struct thread *owner,
                 struct rwlock *shared) REQUIRES(guard) {
    if (worth_spinning(p, owner)) {
        p->looks++;
        spin_unlock(guard);
        for (int i = 0; i < SPIN_PAUSES; i++) __builtin_ia32_pause();
        count_spins(SPIN_PAUSES);
        spin_lock(guard);
        return false;
    }
    struct thread *t = current();
    t->wait_claims = p->slept;
    t->wait_granted = false;
    __atomic_add_fetch(&waits, 1, __ATOMIC_RELAXED);
    if (!owner) name_readers(shared);
    pi_wait(pi, owner);
    sched_sleep(l, guard, NO_DEADLINE, false);
    *p = (struct patience){.slept = true};
    return t->wait_granted;
}

/* It waits no more: the lock is its own (granted), or it may try. */
static void wake_waiter(struct waitlist *l, struct pi *pi, struct thread *t, bool granted) {
    waitlist_remove(l, t);
    t->wait_granted = granted;
    pi_pass(pi, t, granted && !t->wait_shared ? top_of(l) : -1);
    sched_wake(t); /* it goes no further than the guard, which is ours */
}

/* ---- mutex ---- */

void mutex_init(struct mutex *m, const char *name) {
    *m = (struct mutex){.name = name};
    spin_init(&m->guard, "guard");
}

static void mutex_taken(struct mutex *m) REQUIRES(&m->guard) {
    m->owner = current();
    if (__builtin_expect(m->waiters.head != NULL, 0)) pi_pass(&m->pi, m->owner, top_of(&m->waiters));
}

static void mutex_wait(struct mutex *m) REQUIRES(&m->guard) {
    struct patience p = {0};
    if (m->owner == current()) panic("mutex %s taken twice", m->name);
    current()->wait_shared = false;
    while (m->owner)
        if (bide(&p, &m->guard, &m->waiters, &m->pi, m->owner, NULL)) return;
    mutex_taken(m);
}

static void lock_mutex(struct mutex *m, unsigned how) {
    might_sleep();
    lockdep_take(m->name, LOCK_SLEEP, how);
    spin_lock(&m->guard);
    if (m->owner) mutex_wait(m);
    else mutex_taken(m);
    spin_unlock(&m->guard);
}

void mutex_lock(struct mutex *m) {
    lock_mutex(m, 0);
}

bool mutex_trylock(struct mutex *m) {
    spin_lock(&m->guard);
    bool taken = !m->owner;
    if (taken) mutex_taken(m);
    spin_unlock(&m->guard);
    if (taken) lockdep_take(m->name, LOCK_SLEEP, LOCK_TRY);
    return taken;
}

static void mutex_pass(struct mutex *m) REQUIRES(&m->guard) {
    struct thread *next = most_urgent(&m->waiters);
    bool granted = has_claim(next);
    if (granted) m->owner = next;
    wake_waiter(&m->waiters, &m->pi, next, granted);
}

void mutex_unlock(struct mutex *m) {
    lockdep_release(m->name, LOCK_SLEEP);
    spin_lock(&m->guard);
    ASSERT(m->owner == current());
    m->owner = NULL;
    if (__builtin_expect(m->waiters.head != NULL, 0)) mutex_pass(m);
    spin_unlock(&m->guard);
}

bool mutex_held(const struct mutex *m) {
    return __atomic_load_n(&m->owner, __ATOMIC_RELAXED) == current();
}

/* ---- rwlock ---- */

void rw_init(struct rwlock *l, const char *name) {
    *l = (struct rwlock){.name = name};
    spin_init(&l->guard, "guard");
}

/* Must a newcomer wait? A reader does so for writers that wait, but not for lesser ones. */
static inline bool rw_busy(const struct rwlock *l, bool shared) REQUIRES(&l->guard) {
    if (l->writer || !l->readers) return l->writer;
    return !shared || (l->waiters.head && thread_urgency(current()) <= top_of(&l->waiters));
}

/* What says that t holds this lock shared; NULL: what is free to say that of another. */
static inline struct rw_share *share_of(struct thread *t, const struct rwlock *l) {
    struct rw_share *s = t->shares;
    while (s->lock != l) {
        s++;
        ASSERT(s < t->shares + RW_SHARES);
    }
    return s;
}

static inline void reader_in(struct rwlock *l, struct thread *t) REQUIRES(&l->guard) {
    struct rw_share *s = share_of(t, NULL);
    s->lock = l;
    s->thread = t;
    LIST_INSERT_HEAD(&l->shares, s, link);
    l->readers++;
}

static inline void reader_out(struct rwlock *l) REQUIRES(&l->guard) {
    struct rw_share *s = share_of(current(), l);
    s->lock = NULL;
    LIST_REMOVE(s, link);
    l->readers--;
    if (__builtin_expect(s->pi.owner != NULL, 0)) pi_unshare(&s->pi);
}

/* Wait until it is ours or free for us: true, it is ours already. */
static bool rw_wait(struct rwlock *l, bool shared) REQUIRES(&l->guard) {
    struct patience p = {0};
    if (l->writer == current()) panic("rwlock %s taken twice", l->name);
    current()->wait_shared = shared;
    while (rw_busy(l, shared))
        if (bide(&p, &l->guard, &l->waiters, &l->pi, l->writer, l)) return true;
    return false;
}

/*
 * The lock has been let go: let in whoever may be in now, the most urgent first; a writer, or readers up to the next
 * writer.
 */
static void rw_pass_locked(struct rwlock *l) REQUIRES(&l->guard) {
    struct thread *t;
    bool readers = l->readers;
    while (!l->writer && (t = most_urgent(&l->waiters)) && (t->wait_shared || !readers)) {
        bool granted = has_claim(t);
        if (granted && t->wait_shared) reader_in(l, t);
        else if (granted) l->writer = t;
        wake_waiter(&l->waiters, &l->pi, t, granted);
        if (!t->wait_shared) return;
        readers = true;
    }
    if (l->waiters.head) name_readers(l);
}

void rw_lock_shared(struct rwlock *l) {
    might_sleep();
    lockdep_take(l->name, LOCK_SLEEP, 0);
    spin_lock(&l->guard);
    if (!rw_busy(l, true) || !rw_wait(l, true)) {
        reader_in(l, current());
        if (__builtin_expect(l->waiters.head != NULL, 0)) name_readers(l);
    }
    spin_unlock(&l->guard);
}

bool rw_trylock_shared(struct rwlock *l) {
    spin_lock(&l->guard);
    bool taken = !l->writer && !l->waiters.head;
    if (taken) reader_in(l, current());
    spin_unlock(&l->guard);
    if (taken) lockdep_take(l->name, LOCK_SLEEP, LOCK_TRY);
    return taken;
}

void rw_unlock_shared(struct rwlock *l) {
    lockdep_release(l->name, LOCK_SLEEP);
    spin_lock(&l->guard);
    reader_out(l);
    if (l->waiters.head && l->readers == 0) rw_pass_locked(l);
    spin_unlock(&l->guard);
}

static void lock_exclusive(struct rwlock *l, unsigned how) {
    might_sleep();
    lockdep_take(l->name, LOCK_SLEEP, how);
    spin_lock(&l->guard);
    if (!rw_busy(l, false) || !rw_wait(l, false)) {
        l->writer = current();
        if (__builtin_expect(l->waiters.head != NULL, 0)) pi_pass(&l->pi, l->writer, top_of(&l->waiters));
    }
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
    return __atomic_load_n(&l->writer, __ATOMIC_RELAXED) == current();
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

int cond_wait_killable(struct cond *c, struct mutex *m) {
    struct thread *t = current();
    t->kill_only = true;
    int error = cond_wait_until(c, m, NO_DEADLINE, !t->ending);
    t->kill_only = false;
    return error;
}

void cond_signal(struct cond *c) {
    spin_lock(&c->guard);
    sched_wake_first(&c->waiters);
    spin_unlock(&c->guard);
}

void cond_broadcast(struct cond *c) {
    spin_lock(&c->guard);
    waitlist_wake_all(&c->waiters);
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

int waitlist_sleep(struct waitlist *list, struct spinlock *l, bool killable) {
    struct thread *t = current();
    t->kill_only = killable;
    int error = sched_sleep(list, l, NO_DEADLINE, killable && !t->ending);
    t->kill_only = false;
    return error;
}

void waitlist_wake_all(struct waitlist *list) {
    while (list->head) sched_wake_first(list);
}

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
    waitlist_wake_all(&q->waiters);
}
