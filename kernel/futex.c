/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * futex: sleeping on a word of memory, and waking (after H. Franke et al., 2002; Linux's numbers). See futex.h.
 *
 * The word is compared under its bucket's lock, and the waiter queued under the same; who wakes, changes the word
 * first. So either the sleeper sees the change, or the waker sees the sleeper.
 *
 * Waking and sleeping meet at the waiter, not at the bucket, because requeueing moves a waiter to another bucket
 * while its thread sleeps. A waiter that leaves by itself (a timeout, a signal) looks which bucket it is in, takes
 * that lock and looks again; off the queue, it still passes its guard once, behind which the waker may be.
 *
 * LOCKING  futex.h.
 */
#include "kernel/futex.h"

#include <asm/errno.h>

#include "arch/uaccess.h"
#include "kernel/assert.h"
#include "kernel/process.h"
#include "kernel/sched.h"

struct futex_bucket futex_buckets[FUTEX_BUCKETS];

void futex_init(void) {
    for (unsigned i = 0; i < FUTEX_BUCKETS; i++) {
        spin_init(&futex_buckets[i].lock, "futex bucket");
        TAILQ_INIT(&futex_buckets[i].queue);
    }
}

/* ---- keys ---- */

struct futex_bucket *futex_bucket(const struct futex_key *k) {
    uint64_t h = (k->where >> 2 ^ (uint64_t)k->what >> 6) * 0x9e3779b97f4a7c15ul;
    return &futex_buckets[h >> 56];
}
_Static_assert(FUTEX_BUCKETS == 1u << (64 - 56), "the hash's upper bits are the bucket's number");

/* A futex that may be shared lies in private memory as often as not: then it is the same as a private one. */
int futex_get_key(uint64_t address, bool private, struct futex_key *k) {
    struct space *space = current()->space;
    uint32_t word;
    uint64_t offset;
    if (address & 3) return -EINVAL;
    if (!user_range_ok(address, 4)) return -EFAULT;
    *k = (struct futex_key){space, address, NULL};
    if (private) return 0;
    if (copyin(&word, address, sizeof word)) return -EFAULT; /* it may be a stack that has to grow */
    int error = space_shared_at(space, address, &k->object, &offset);
    if (!error && k->object) k->what = k->object, k->where = offset;
    return error;
}

void futex_put_key(struct futex_key *k) {
    if (k->object) object_drop(k->object);
    k->object = NULL;
}

bool futex_same(const struct futex_key *a, const struct futex_key *b) {
    return a->what == b->what && a->where == b->where;
}

int futex_touch(uint64_t address, bool write) {
    uint32_t word;
    if (thread_should_stop()) return -EINTR;
    if (copyin(&word, address, sizeof word)) return -EFAULT;
    if (write && user_swap(address, &word, word) < 0) return -EFAULT;
    return 0;
}

/* ---- sleeping ---- */

void futex_waiter_init(struct futex_waiter *w) {
    *w = (struct futex_waiter){.thread = current()};
    spin_init(&w->guard, "futex waiter");
}

/* After a timeout or a signal: true if w was still queued, and is not any more. */
static bool leave_queue(struct futex_waiter *w, void (*leave)(struct futex_waiter *)) {
    struct futex_bucket *b;
    while ((b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE))) {
        spin_lock(&b->lock);
        bool here = w->bucket == b;
        if (here) {
            TAILQ_REMOVE(&b->queue, w, link);
            w->bucket = NULL;
            if (leave) leave(w);
        }
        spin_unlock(&b->lock);
        if (here) return true;
    }
    spin_lock(&w->guard); /* the waker is done with w when this is had */
    spin_unlock(&w->guard);
    return false;
}

int futex_sleep(struct futex_waiter *w, struct futex_bucket *b, uint64_t deadline, void (*leave)(struct futex_waiter *)) {
    int error = 0;
    TAILQ_INSERT_TAIL(&b->queue, w, link);
    __atomic_store_n(&w->bucket, b, __ATOMIC_RELEASE);
    spin_lock(&w->guard);
    spin_unlock(&b->lock);
    if (!w->woken) error = sched_sleep(&w->sleeper, &w->guard, deadline, true);
    spin_unlock(&w->guard);
    return error && leave_queue(w, leave) ? error : 0;
}

static int wait_on(struct futex_waiter *w, uint64_t address, uint32_t expected, uint64_t deadline) {
    uint32_t value;
    for (;;) {
        struct futex_bucket *b = futex_bucket(&w->key);
        spin_lock(&b->lock);
        int error = copyin(&value, address, sizeof value);
        if (!error && value == expected) return futex_sleep(w, b, deadline, NULL);
        spin_unlock(&b->lock);
        if (!error) return -EAGAIN;
        error = futex_touch(address, false);
        if (error) return error;
    }
}

long futex_wait(uint64_t address, bool private, uint32_t expected, uint32_t bitset, uint64_t deadline) {
    struct futex_waiter w;
    if (!bitset) return -EINVAL;
    futex_waiter_init(&w);
    w.bitset = bitset;
    int error = futex_get_key(address, private, &w.key);
    if (error) return error;
    error = wait_on(&w, address, expected, deadline);
    futex_put_key(&w.key);
    return error;
}

/* ---- waking ---- */

void futex_wake_locked(struct futex_bucket *b, struct futex_waiter *w) {
    TAILQ_REMOVE(&b->queue, w, link);
    spin_lock(&w->guard);
    w->woken = true;
    sched_wake_first(&w->sleeper);
    __atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE);
    spin_unlock(&w->guard);
}

static long wake_key(const struct futex_key *k, uint32_t most, uint32_t bitset) {
    struct futex_bucket *b = futex_bucket(k);
    struct futex_waiter *w, *next;
    long woken = 0;
    spin_lock(&b->lock);
    for (w = TAILQ_FIRST(&b->queue); w && woken < most; w = next) {
        next = TAILQ_NEXT(w, link);
        if (!futex_same(&w->key, k) || w->pi || !(w->bitset & bitset)) continue;
        futex_wake_locked(b, w);
        woken++;
    }
    spin_unlock(&b->lock);
    return woken;
}

long futex_wake(uint64_t address, bool private, uint32_t most, uint32_t bitset) {
    struct futex_key k;
    if (!bitset) return -EINVAL;
    int error = futex_get_key(address, private, &k);
    if (error) return error;
    long woken = wake_key(&k, most, bitset);
    futex_put_key(&k);
    return woken;
}
