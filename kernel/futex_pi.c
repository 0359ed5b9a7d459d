/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Futexes that have an owner: FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI (Linux's protocol for the word:
 * the owner's tid, FUTEX_WAITERS, FUTEX_OWNER_DIED).
 *
 *      unlock, somebody waits     the word gets the tid of the waiter of the highest priority, who wakes as the owner
 *      the owner dies             such a waiter wakes and takes over by itself, for the word is perhaps mapped nowhere
 *                                 in the dead one's memory; the others wait for it from then on
 *
 * Every waiter knows the thread that it waits for, and is counted there. A thread that ends, with the count not zero,
 * looks through all buckets; whoever comes later does not find it any more, since it is in no table. Its robust
 * futexes have been marked before, so that between the two nobody is told that there is no such owner.
 *
 * The owner runs at the priority of its most urgent waiter (kernel/pi.h).
 *
 * LOCKING     futex.h; process_lock inside a bucket's lock, to find an owner by its tid; pi_lock inside both.
 * INVARIANTS  all waiters of a key have the same owner, except while that one's successor takes over: then the
 *             successor.
 * MISSING     FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI (ENOSYS).
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "arch/uaccess.h"
#include "kernel/futex.h"
#include "kernel/process.h"
#include "kernel/sched.h"

#define AGAIN 1 /* the word changed, or was not there: from the beginning */

/* What one attempt goes by. */
struct attempt {
    uint64_t address;
    struct futex_waiter *w;
    int dead_tid; /* take over from this one, which died; 0: nobody */
    bool try;
};

static uint32_t tid_of(uint32_t word) {
    return word & FUTEX_TID_MASK;
}

/* ---- the queue. Bucket's lock held ---- */

/* The waiter of the highest priority, the first of those; *n: how many there are. */
static struct futex_waiter *top_locked(const struct futex_key *k, unsigned *n) {
    struct futex_bucket *b = futex_bucket(k);
    struct futex_waiter *w, *top = NULL;
    *n = 0;
    TAILQ_FOREACH(w, &b->queue, link) {
        if (!w->pi || !futex_same(&w->key, k)) continue;
        if (!top || thread_urgency(w->thread) > thread_urgency(top->thread)) top = w;
        ++*n;
    }
    return top;
}

/* w waits for `owner`, which is counted already and inherits from it. */
static void attach_locked(struct futex_waiter *w, struct thread *owner) {
    w->owner = owner;
    pi_attach(&w->inherit, w->thread, owner);
}

/* Off the queue, for whatever reason. */
static void forget_owner(struct futex_waiter *w) {
    pi_detach(&w->inherit, w->thread);
    __atomic_sub_fetch(&w->owner->pi_waiters, 1, __ATOMIC_SEQ_CST);
}

/* The queue of this key waits for another thread now, which inherits from all of it. */
static void new_owner_locked(const struct futex_key *k, struct thread *owner) {
    struct futex_waiter *w;
    TAILQ_FOREACH(w, &futex_bucket(k)->queue, link) {
        if (!w->pi || !futex_same(&w->key, k)) continue;
        __atomic_add_fetch(&owner->pi_waiters, 1, __ATOMIC_SEQ_CST);
        forget_owner(w);
        attach_locked(w, owner);
    }
}

/* The owner is dead or gives up: the top waiter has to take over, and is who the others wait for. */
static void succeed_locked(struct futex_waiter *top, int dead_tid) {
    struct thread *successor = top->thread;
    const struct futex_key k = top->key;
    struct futex_bucket *b = futex_bucket(&k);
    spin_assert(&b->lock);
    forget_owner(top);
    TAILQ_REMOVE(&b->queue, top, link);
    new_owner_locked(&k, successor);
    TAILQ_INSERT_HEAD(&b->queue, top, link);
    top->dead_owner = true;
    top->dead_tid = dead_tid;
    futex_wake_locked(b, top);
}

/* ---- locking ---- */

/* Whom to wait for: whoever the others wait for, else the thread that the word names; counted. NULL: there is none. */
static struct thread *find_owner_locked(const struct futex_waiter *top, uint32_t word) {
    struct thread *t;
    spin_lock(&process_lock);
    t = top ? top->owner : thread_by_tid_locked((int)tid_of(word));
    if (t) __atomic_add_fetch(&t->pi_waiters, 1, __ATOMIC_SEQ_CST);
    spin_unlock(&process_lock);
    return t;
}

/* Free, or the dead one's whose place this is: the word is mine. */
static int take_locked(const struct attempt *a, uint32_t word, unsigned waiters) {
    uint32_t mine = (uint32_t)a->w->thread->tid | (word & FUTEX_OWNER_DIED) | (waiters ? FUTEX_WAITERS : 0);
    if (a->dead_tid) mine |= FUTEX_OWNER_DIED;
    if (user_swap(a->address, &word, mine) != 0) return AGAIN;
    new_owner_locked(&a->w->key, a->w->thread);
    return 0;
}

static int queue_locked(const struct attempt *a, uint32_t word, struct futex_waiter *top) {
    if (!(word & FUTEX_WAITERS) && user_swap(a->address, &word, word | FUTEX_WAITERS) != 0) return AGAIN;
    struct thread *owner = find_owner_locked(a->dead_tid ? NULL : top, word);
    if (!owner) return -ESRCH;
    if (a->dead_tid) new_owner_locked(&a->w->key, owner); /* somebody was faster: the others do not wait for me */
    attach_locked(a->w, owner);
    return -EINPROGRESS;
}

/* 0: it is mine. -EINPROGRESS: wait, the owner is noted. AGAIN, or an error. */
static int look_locked(const struct attempt *a) {
    uint32_t word, me = (uint32_t)a->w->thread->tid;
    unsigned waiters;
    if (copyin(&word, a->address, sizeof word)) return AGAIN;
    struct futex_waiter *top = top_locked(&a->w->key, &waiters);
    if (tid_of(word) == me) return -EDEADLK;
    if (tid_of(word) == 0 || (a->dead_tid && tid_of(word) == (uint32_t)a->dead_tid)) return take_locked(a, word, waiters);
    return a->try ? -EAGAIN : queue_locked(a, word, top);
}

/* The successor could not take over: the next one's turn. */
static void pass_on(const struct attempt *a) {
    struct futex_bucket *b = futex_bucket(&a->w->key);
    unsigned n;
    spin_lock(&b->lock);
    struct futex_waiter *top = top_locked(&a->w->key, &n);
    if (top && top->owner == a->w->thread) succeed_locked(top, a->dead_tid);
    spin_unlock(&b->lock);
}

static int lock(struct attempt *a, uint64_t deadline) {
    struct futex_waiter *w = a->w;
    for (;;) {
        struct futex_bucket *b = futex_bucket(&w->key);
        spin_lock(&b->lock);
        int error = look_locked(a);
        if (error == -EINPROGRESS) {
            a->dead_tid = 0;
            w->woken = w->dead_owner = false;
            error = futex_sleep(w, b, deadline, forget_owner);
            if (error || !w->dead_owner) return error; /* woken by unlock: the word says me already */
            a->dead_tid = w->dead_tid;
            continue;
        }
        spin_unlock(&b->lock);
        if (error == AGAIN && (error = futex_touch(a->address, true)) == 0) continue;
        if (error && a->dead_tid) pass_on(a);
        return error;
    }
}

long futex_lock_pi(uint64_t address, bool private, uint64_t deadline, bool try) {
    struct futex_waiter w;
    futex_waiter_init(&w);
    w.pi = true;
    struct attempt a = {.address = address, .w = &w, .try = try};
    int error = futex_get_key(address, private, &w.key);
    if (error) return error;
    error = lock(&a, deadline);
    futex_put_key(&w.key);
    return error;
}

/* ---- unlocking ---- */

/* 0, AGAIN or -EPERM. Bucket's lock held. */
static int hand_over_locked(uint64_t address, const struct futex_key *k) {
    struct thread *me = current();
    uint32_t word;
    unsigned n;
    if (copyin(&word, address, sizeof word)) return AGAIN;
    if (tid_of(word) != (uint32_t)me->tid) return -EPERM;
    struct futex_waiter *top = top_locked(k, &n);
    uint32_t next = top ? (uint32_t)top->thread->tid | (n > 1 ? FUTEX_WAITERS : 0) : 0;
    if (user_swap(address, &word, next) != 0) return AGAIN;
    if (!top) return 0;
    struct thread *successor = top->thread;
    struct futex_bucket *b = futex_bucket(k);
    spin_assert(&b->lock);
    forget_owner(top);
    futex_wake_locked(b, top);
    new_owner_locked(k, successor);
    return 0;
}

long futex_unlock_pi(uint64_t address, bool private) {
    struct futex_key k;
    int error = futex_get_key(address, private, &k);
    if (error) return error;
    do {
        struct futex_bucket *b = futex_bucket(&k);
        spin_lock(&b->lock);
        error = hand_over_locked(address, &k);
        spin_unlock(&b->lock);
    } while (error == AGAIN && (error = futex_touch(address, true)) == 0);
    futex_put_key(&k);
    return error;
}

/* ---- dying ---- */

static void leave_bucket(struct futex_bucket *b, struct thread *t) {
    struct futex_waiter *w, *top;
    unsigned n;
    spin_lock(&b->lock);
    do {
        TAILQ_FOREACH(w, &b->queue, link) if (w->pi && w->owner == t) break;
        top = w ? top_locked(&w->key, &n) : NULL;
        if (top) succeed_locked(top, t->tid);
    } while (top);
    spin_unlock(&b->lock);
}

void futex_pi_exit(struct thread *t) {
    if (!__atomic_load_n(&t->pi_waiters, __ATOMIC_SEQ_CST)) return;
    for (unsigned i = 0; i < FUTEX_BUCKETS; i++) leave_bucket(&futex_buckets[i], t);
}
