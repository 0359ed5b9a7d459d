/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * kernel/sync.h over one thread: nothing ever waits, so whatever would wait is a deadlock and ends the
 * test. What remains of the locks is their rules, and those are checked on every call:
 *
 *   - a lock is not taken twice, and is given back by who holds it
 *   - nothing that may sleep happens under a spinlock
 *   - two kinds of lock (kinds are named at initialisation) are always taken in the same order, directly
 *     or through others: the order is learnt from the run itself, as lockdep does
 *
 * A test may play the other threads (sync_other_thread): it is called where this one would sleep, with an
 * identity of its own, so that it deadlocks on what this one still holds.
 *
 * MISSING  order among locks of one kind: fork holds two spaces, and parent before child cannot be told here.
 */
#include "tests/host/support.h"

#include <string.h>

#define MAX_KINDS 64
#define MAX_HELD 64

struct thread {
    int unused;
};

static struct thread threads[2];
static struct thread *self = &threads[0];
static unsigned spins; /* spinlocks held */

struct thread *sync_self(void) {
    return self;
}

/* There are no priorities here. */
void pi_attach(struct pi *p, struct thread *t, struct thread *owner) {
    p->waiter = t;
    p->owner = owner;
}

void pi_detach(struct pi *p, struct thread *t) {
    if (p->waiter != t || !p->owner) host_die("a loan is ended that was not made");
    p->owner = NULL;
}

void (*sync_other_thread)(void);
unsigned sync_waits;

/* ---- order ---- */

static const char *kinds[MAX_KINDS];
static int nkinds;
static uint64_t before[MAX_KINDS]; /* bit b of before[a]: a has been held when b was taken */
static struct {
    const void *lock;
    int kind;
} held[MAX_HELD];
static int nheld;

static int kind_of(const char *name) {
    if (!name) host_die("a lock is used before it is initialised");
    for (int i = 0; i < nkinds; i++)
        if (strcmp(kinds[i], name) == 0) return i;
    if (nkinds == MAX_KINDS) host_die("more than %d kinds of lock", MAX_KINDS);
    kinds[nkinds] = name;
    return nkinds++;
}

/* Is there a path of `before` from a to b? */
static bool leads_to(int a, int b, uint64_t seen) {
    if (before[a] >> b & 1) return true;
    for (int i = 0; i < nkinds; i++)
        if ((before[a] >> i & 1) && !(seen >> i & 1) && leads_to(i, b, seen | 1ul << i)) return true;
    return false;
}

/* A trylock that succeeds cannot deadlock, so it teaches nothing about order. */
static void note_taken(const void *lock, const char *name, bool tried) {
    int kind = kind_of(name);
    for (int i = 0; i < nheld && !tried; i++) {
        int other = held[i].kind;
        if (other == kind) continue;
        if (!(before[other] >> kind & 1) && leads_to(kind, other, 0))
            host_die("lock order: \"%s\" is taken under \"%s\", but was held before it elsewhere", name, kinds[other]);
        before[other] |= 1ul << kind;
    }
    if (nheld == MAX_HELD) host_die("more than %d locks held", MAX_HELD);
    held[nheld].lock = lock;
    held[nheld++].kind = kind;
}

static void note_given_back(const void *lock, const char *name) {
    for (int i = nheld - 1; i >= 0; i--) {
        if (held[i].lock != lock) continue;
        memmove(&held[i], &held[i + 1], (size_t)(--nheld - i) * sizeof(held[0]));
        return;
    }
    host_die("lock \"%s\" is released and was not held", name ? name : "?");
}

void sync_check_idle(void) {
    if (nheld) host_die("lock \"%s\" is still held (%d in all)", kinds[held[nheld - 1].kind], nheld);
}

void might_sleep(void) {
    if (!spins) return;
    host_die("may sleep, and lock \"%s\" is held with %u spinlocks in all", kinds[held[nheld - 1].kind], spins);
}

void yield_point(void) {
    might_sleep();
}

/* ---- spinlocks ---- */

void spin_init(struct spinlock *l, const char *name) {
    *l = (struct spinlock){.name = name};
}

void spin_lock(struct spinlock *l) {
    if (l->held) host_die("deadlock: spinlock \"%s\" is already held", l->name);
    note_taken(l, l->name, false);
    l->held = 1;
    l->owner = self;
    spins++;
}

void spin_unlock(struct spinlock *l) {
    if (!spin_held(l)) host_die("spinlock \"%s\" is released and was not held", l->name);
    note_given_back(l, l->name);
    l->held = 0;
    l->owner = NULL;
    spins--;
}

bool spin_held(const struct spinlock *l) {
    return l->held && l->owner == self;
}

uint64_t spin_lock_irq(struct spinlock *l) {
    spin_lock(l);
    return 0x200;
}

void spin_unlock_irq(struct spinlock *l, uint64_t saved) {
    if (saved != 0x200) host_die("spin_unlock_irq(\"%s\") with %#lx, which spin_lock_irq did not return", l->name, saved);
    spin_unlock(l);
}

/* ---- mutexes ---- */

void mutex_init(struct mutex *m, const char *name) {
    *m = (struct mutex){.name = name};
}

void mutex_lock(struct mutex *m) {
    might_sleep();
    if (m->owner) host_die("deadlock: mutex \"%s\" is held by %s", m->name, m->owner == self ? "this thread" : "another thread");
    note_taken(m, m->name, false);
    m->owner = self;
}

bool mutex_trylock(struct mutex *m) {
    if (m->owner) return false;
    note_taken(m, m->name, true);
    m->owner = self;
    return true;
}

void mutex_unlock(struct mutex *m) {
    if (!mutex_held(m)) host_die("mutex \"%s\" is released by a thread that does not hold it", m->name);
    note_given_back(m, m->name);
    m->owner = NULL;
}

bool mutex_held(const struct mutex *m) {
    return m->owner == self;
}

/* ---- shared and exclusive ---- */

void rw_init(struct rwlock *l, const char *name) {
    *l = (struct rwlock){.name = name};
}

void rw_lock_shared(struct rwlock *l) {
    might_sleep();
    if (l->writer) host_die("deadlock: rwlock \"%s\" is held exclusively", l->name);
    if (l->readers) host_die("rwlock \"%s\" is taken shared twice: a writer between the two would deadlock", l->name);
    note_taken(l, l->name, false);
    l->readers++;
}

bool rw_trylock_shared(struct rwlock *l) {
    if (l->writer || l->readers) return false;
    note_taken(l, l->name, true);
    l->readers++;
    return true;
}

void rw_unlock_shared(struct rwlock *l) {
    if (!l->readers) host_die("rwlock \"%s\" is released and was not held shared", l->name);
    note_given_back(l, l->name);
    l->readers--;
}

void rw_lock(struct rwlock *l) {
    might_sleep();
    if (l->writer || l->readers) host_die("deadlock: rwlock \"%s\" is already held", l->name);
    note_taken(l, l->name, false);
    l->writer = self;
}

void rw_unlock(struct rwlock *l) {
    if (!rw_held(l)) host_die("rwlock \"%s\" is released and was not held", l->name);
    note_given_back(l, l->name);
    l->writer = NULL;
}

bool rw_held(const struct rwlock *l) {
    return l->writer == self;
}

/* ---- conditions ---- */

void cond_init(struct cond *c, const char *name) {
    *c = (struct cond){.name = name};
}

static unsigned depth; /* the other thread may wait as well */

void sync_as_other(void) {
    depth++;
    self = &threads[1];
}

void sync_as_self(void) {
    if (--depth == 0) self = &threads[0];
}

static void let_others_run(void) {
    sync_as_other();
    sync_other_thread();
    sync_as_self();
}

void cond_wait(struct cond *c, struct mutex *m) {
    if (!mutex_held(m)) host_die("cond_wait on \"%s\" without its mutex", c->name);
    sync_waits++;
    mutex_unlock(m);
    might_sleep();
    if (!sync_other_thread) host_die("deadlock: waits for \"%s\", and there is no other thread", c->name);
    let_others_run();
    mutex_lock(m);
}

int cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_ns, bool interruptible) {
    (void)deadline_ns;
    (void)interruptible;
    cond_wait(c, m);
    return 0;
}

int cond_wait_killable(struct cond *c, struct mutex *m) {
    cond_wait(c, m);
    return 0;
}

int waitlist_sleep(struct waitlist *list, struct spinlock *l, bool killable) {
    (void)list;
    (void)killable;
    if (!spin_held(l)) host_die("a sleep without its lock \"%s\"", l->name);
    sync_waits++;
    spin_unlock(l);
    might_sleep();
    if (!sync_other_thread) host_die("deadlock: sleeps under \"%s\", and there is no other thread", l->name);
    let_others_run();
    spin_lock(l);
    return 0;
}

void waitlist_wake_all(struct waitlist *list) {
    (void)list;
}

void pi_wait_pagers(struct pi *p) {
    (void)p;
}

void pi_leave_pagers(struct pi *p) {
    (void)p;
}

void cond_signal(struct cond *c) {
    if (!c->name) host_die("cond_signal on a condition that is not initialised");
}

void cond_broadcast(struct cond *c) {
    cond_signal(c);
}
