/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * futex: sleeping on a word of memory (after H. Franke et al., 2002; Linux's numbers).
 *
 *      bucket[hash(key)] -> waiter -> waiter     one list a bucket; a waiter stands on its sleeper's stack
 *
 * A private futex is known by (space, address). A shared one is known by the frame that the word lies in,
 * which is pinned as long as anyone sleeps on it, so that the frame cannot become another word's meanwhile.
 *
 * The word is read under the bucket's lock after the waiter has been queued; who wakes, changes the word
 * first. So either the sleeper sees the change, or the waker sees the sleeper.
 *
 * LOCKING  bucket.lock (mutex: the word may have to be faulted in). One bucket at a time.
 * MISSING  priority inheritance, robust lists, requeueing, FUTEX_WAKE_OP: ENOSYS.
 */
#include "kernel/futex.h"

#include <asm/errno.h>
#include <linux/futex.h>

#include "arch/clock.h"
#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/time.h"
#include "gen/syscalls.h"

#define BUCKETS 64u

struct key {
    const void *space; /* NULL: shared */
    uint64_t word;     /* address, or physical address */
};

struct waiter {
    struct key key;
    uint32_t bitset;
    bool woken;
    struct cond cond;
    struct waiter *next;
};

struct bucket {
    struct mutex lock;
    struct waiter *first, **last; /* first come, first woken */
};

static struct bucket buckets[BUCKETS];

void futex_init(void) {
    for (unsigned i = 0; i < BUCKETS; i++) {
        mutex_init(&buckets[i].lock, "futex");
        buckets[i].last = &buckets[i].first;
    }
}

static struct bucket *bucket_of(const struct key *k) {
    uint64_t h = (k->word >> 2 ^ (uint64_t)k->space >> 6) * 0x9e3779b97f4a7c15ul;
    return &buckets[h >> 58];
}

/* What the word is known by; a shared one's frame stays pinned in *pin until put_key. */
static int get_key(uint64_t address, bool private, struct key *k, struct pinned *pin) {
    struct space *space = current()->space;
    *pin = (struct pinned){0};
    if (address & 3) return -EINVAL;
    if (!user_range_ok(address, 4)) return -EFAULT;
    *k = (struct key){space, address};
    if (private) return 0;
    /* For writing first: a private page must be the process's own copy before its frame means anything. */
    int error = space_pin(space, page_floor(address), PAGE_SIZE, true, pin);
    if (error == -EFAULT) error = space_pin(space, page_floor(address), PAGE_SIZE, false, pin);
    if (error) return error;
    *k = (struct key){NULL, ((uint64_t)pin->frames[0] << PAGE_SHIFT) + (address & PAGE_MASK)};
    return 0;
}

static void put_key(struct pinned *pin) {
    if (pin->n) pinned_release(pin);
}

static bool same(const struct key *a, const struct key *b) {
    return a->space == b->space && a->word == b->word;
}

static void append(struct bucket *b, struct waiter *w) {
    w->next = NULL;
    *b->last = w;
    b->last = &w->next;
}

static void take_out(struct bucket *b, struct waiter **at) {
    struct waiter *w = *at;
    *at = w->next;
    if (b->last == &w->next) b->last = at;
}

static void leave(struct waiter *w) {
    struct bucket *b = bucket_of(&w->key);
    for (struct waiter **at = &b->first; *at; at = &(*at)->next) {
        if (*at != w) continue;
        take_out(b, at);
        return;
    }
}

static int wait_on(struct waiter *w, uint64_t address, uint32_t expected, uint64_t deadline) {
    struct bucket *b = bucket_of(&w->key);
    uint32_t value;
    int error = 0;
    mutex_lock(&b->lock);
    append(b, w);
    if (copyin(&value, address, sizeof value)) error = -EFAULT;
    else if (value != expected) error = -EAGAIN;
    while (!w->woken && !error) error = cond_wait_until(&w->cond, &b->lock, deadline, true);
    if (w->woken) error = 0;
    else leave(w);
    mutex_unlock(&b->lock);
    return error;
}

static int futex_wait(uint64_t address, bool private, uint32_t expected, uint32_t bitset, uint64_t deadline) {
    struct waiter w = {.bitset = bitset};
    struct pinned pin;
    if (!bitset) return -EINVAL;
    int error = get_key(address, private, &w.key, &pin);
    if (error) return error;
    cond_init(&w.cond, "futex waiter");
    error = wait_on(&w, address, expected, deadline);
    put_key(&pin);
    return error;
}

static long futex_wake(uint64_t address, bool private, uint32_t most, uint32_t bitset) {
    struct key k;
    struct pinned pin;
    long woken = 0;
    if (!bitset) return -EINVAL;
    int error = get_key(address, private, &k, &pin);
    if (error) return error;
    struct bucket *b = bucket_of(&k);
    mutex_lock(&b->lock);
    for (struct waiter **at = &b->first; *at && woken < most;) {
        struct waiter *w = *at;
        if (!same(&w->key, &k) || !(w->bitset & bitset)) {
            at = &w->next;
            continue;
        }
        take_out(b, at);
        w->woken = true;
        cond_signal(&w->cond);
        woken++;
    }
    mutex_unlock(&b->lock);
    put_key(&pin);
    return woken;
}

/* Whoever joins a thread waits for this. A process that goes as a whole leaves nobody who could. */
void futex_thread_exit(struct thread *t) {
    const struct process *p = t->process;
    const uint32_t zero = 0;
    uint64_t tid = t->clear_tid;
    t->clear_tid = 0;
    if (!tid || (p->nthreads == 1 && !p->borrows)) return;
    if (copyout(tid, &zero, sizeof zero) == 0) (void)futex_wake(tid, false, 1, FUTEX_BITSET_MATCH_ANY);
}

/* FUTEX_WAIT's time is relative and monotonic; FUTEX_WAIT_BITSET's is absolute, on the clock that a flag names. */
static int read_deadline(uint64_t user, int command, bool wall, uint64_t *deadline) {
    uint64_t ns;
    *deadline = NO_DEADLINE;
    if (!user) return 0;
    int error = timespec_copyin(user, &ns);
    if (error) return error;
    if (command == FUTEX_WAIT) *deadline = deadline_after(ns);
    else if (wall) *deadline = ns > clock_wall_offset() ? ns - clock_wall_offset() : 0;
    else *deadline = ns;
    return 0;
}

long sys_futex(uint64_t address, uint64_t op, uint64_t value, uint64_t timeout, uint64_t address2, uint64_t value3) {
    bool private = op & FUTEX_PRIVATE_FLAG, wall = op & FUTEX_CLOCK_REALTIME;
    int command = (int)op & FUTEX_CMD_MASK;
    uint32_t bitset = (uint32_t)value3;
    uint64_t deadline;
    (void)address2;
    switch (command) {
    case FUTEX_WAIT: bitset = FUTEX_BITSET_MATCH_ANY; /* fall through */
    case FUTEX_WAIT_BITSET: {
        int error = read_deadline(timeout, command, wall, &deadline);
        return error ? error : futex_wait(address, private, (uint32_t)value, bitset, deadline);
    }
    case FUTEX_WAKE: bitset = FUTEX_BITSET_MATCH_ANY; /* fall through */
    case FUTEX_WAKE_BITSET: return futex_wake(address, private, (uint32_t)value, bitset);
    default: return -ENOSYS;
    }
}
