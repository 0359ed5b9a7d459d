/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The locks of the kernel. This is the whole of what mm/ knows about threads.
 *
 *   spinlock   short sections that never sleep; preemption is off while held. Not for data that an
 *              interrupt handler touches: those take spin_lock_irq, which also disables interrupts.
 *   mutex      sleeping, one owner; the most urgent waiter is next, the first among equals (time-shared ones
 *              may be overtaken once). The owner inherits its priority meanwhile (kernel/pi.h).
 *   rwlock     sleeping, shared or exclusive; writers do not starve, but more urgent readers go before them. Who holds it,
 *              in either way, inherits like a mutex's owner.
 *   cond       a condition to sleep on, its predicate guarded by a mutex.
 *   waitlist   the same, guarded by a spinlock, which the waker holds as well.
 *
 * All are initialised at run time, and named, so that a panic or the lock-order checker can say which.
 * A thread may not sleep (mutex, rwlock, cond) while it holds a spinlock: asserted. Kernels made with DEBUG=1 check
 * the order of locks, which is kernel/lockorder.inc's, by their names (kernel/lockdep.c).
 *
 * kernel/sync.c implements this over the scheduler; tests/host/sync.c over nothing (one thread), where
 * a lock that would wait is a deadlock and aborts the test.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/annotate.h"
#include "kernel/assert.h"
#include "kernel/pi.h"

struct thread;

/* The running thread. */
struct thread *sync_self(void);

/* A list of sleeping threads, guarded by a spinlock. All zeroes: empty. What is in it is private to the implementations. */
struct waitlist {
    struct thread *head, *tail;
};

struct CAPABILITY("spinlock") spinlock {
    uint32_t held; /* 0 or 1 */
    const char *name;
    void *owner; /* struct cpu that holds it; for assertions */
};

struct CAPABILITY("mutex") mutex {
    struct spinlock guard;
    struct thread *owner;
    struct waitlist waiters;
    struct pi pi;
    const char *name;
};

/* A thread holds a lock shared: kept in struct thread, so that whoever has to wait can name the holders. */
#define RW_SHARES 3 /* at once, by one thread, at most */
struct rw_share {
    struct rwlock *lock; /* NULL: unused */
    struct thread *thread;
    LIST_ENTRY(rw_share) link;
    struct pi pi; /* all zero: it holds nobody up */
};

struct CAPABILITY("rwlock") rwlock {
    struct spinlock guard;
    int readers;
    LIST_HEAD(, rw_share) shares; /* one for each reader */
    struct thread *writer;
    struct waitlist waiters;
    struct pi pi;
    const char *name;
};

struct cond {
    struct spinlock guard;
    struct waitlist waiters;
    const char *name;
};

void spin_init(struct spinlock *, const char *name);
void spin_lock(struct spinlock *l) ACQUIRE(l);
bool spin_trylock(struct spinlock *l) TRY_ACQUIRE(l);
void spin_unlock(struct spinlock *l) RELEASE(l);
bool spin_held(const struct spinlock *);           /* by this CPU */
uint64_t spin_lock_irq(struct spinlock *l) ACQUIRE(l); /* returns what spin_unlock_irq wants back */
void spin_unlock_irq(struct spinlock *l, uint64_t saved) RELEASE(l);

void mutex_init(struct mutex *, const char *name);
void mutex_lock(struct mutex *m) ACQUIRE(m);       /* may sleep */
bool mutex_trylock(struct mutex *m) TRY_ACQUIRE(m);
void mutex_unlock(struct mutex *m) RELEASE(m);
bool mutex_held(const struct mutex *);             /* by this thread */

void rw_init(struct rwlock *, const char *name);
void rw_lock_shared(struct rwlock *l) ACQUIRE_SHARED(l); /* may sleep */
bool rw_trylock_shared(struct rwlock *l) TRY_ACQUIRE_SHARED(l);
void rw_unlock_shared(struct rwlock *l) RELEASE_SHARED(l);
void rw_lock(struct rwlock *l) ACQUIRE(l);         /* exclusive; may sleep */
void rw_unlock(struct rwlock *l) RELEASE(l);
bool rw_held(const struct rwlock *);               /* exclusive, by this thread */

/*
 * cond_wait releases m, sleeps, takes m again. cond_wait_until also returns when the monotonic clock
 * passes deadline (-ETIMEDOUT), or, if interruptible, when the thread is being killed or has a signal to
 * act on (-EINTR). 0: it was woken; check the predicate again. NO_DEADLINE never passes.
 */
#define NO_DEADLINE UINT64_MAX
void cond_init(struct cond *, const char *name);
void cond_wait(struct cond *, struct mutex *m) REQUIRES(m);
int cond_wait_until(struct cond *, struct mutex *m, uint64_t deadline_ns, bool interruptible) REQUIRES(m);
/* As cond_wait; but -EINTR when the thread is being killed. Once it is on its way out, nothing interrupts it any more. */
int cond_wait_killable(struct cond *, struct mutex *m) REQUIRES(m);
void cond_signal(struct cond *);
void cond_broadcast(struct cond *);

/*
 * Lock held, and no other spinlock; it is released while asleep. Check the predicate again. Killable: -EINTR when the thread
 * is being killed, unless it is on its way out already. Who sets off what wakes it may do so under the lock: nothing runs in
 * between, so that a more urgent thread is switched to once and not before the sleeper sleeps.
 */
int waitlist_sleep(struct waitlist *, struct spinlock *l, bool killable) REQUIRES(l);
void waitlist_wake_all(struct waitlist *); /* lock held */

/* For clang, which does not see that another function took it (on a condition, or by another name); asserted too. */
static inline void spin_assert(const struct spinlock *l) ASSERTS(l) {
    ASSERT(spin_held(l));
}

static inline void rw_assert(const struct rwlock *l) ASSERTS(l) {
    ASSERT(rw_held(l));
}

/* Times that a thread had to sleep for a mutex or an rwlock, since boot. */
uint64_t sync_contended(void);
/* Turns of the loops in which CPUs waited for a lock awake (a spinlock, or a sleeping one soon to be free). */
uint64_t sync_spins(void);

/*
 * For a lock whose like (of the same name) the caller holds already. It has an order among them, which a comment
 * there states. lock_may_wait is for a way to wait that is made of other locks: it is checked as a lock of that
 * name would be that is taken and released.
 */
#ifdef LOCKDEP
void spin_lock_nested(struct spinlock *l) ACQUIRE(l);
void mutex_lock_nested(struct mutex *m) ACQUIRE(m);
void rw_lock_nested(struct rwlock *l) ACQUIRE(l);
void lock_may_wait(const char *name);
#else
static inline void spin_lock_nested(struct spinlock *l) ACQUIRE(l) {
    spin_lock(l);
}

static inline void mutex_lock_nested(struct mutex *m) ACQUIRE(m) {
    mutex_lock(m);
}

static inline void rw_lock_nested(struct rwlock *l) ACQUIRE(l) {
    rw_lock(l);
}

static inline void lock_may_wait(const char *name) {
    (void)name;
}
#endif

/* A point where the thread may be preempted: nothing happens unless another is due. */
void yield_point(void);
/* Asserts that the caller may sleep: no spinlock held, not in an interrupt. */
void might_sleep(void);
