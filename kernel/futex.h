/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sleeping on words of memory: what the futex*.c files share, and what thread exit asks of them.
 *
 *      bucket[hash(key)] -> waiter -> waiter     first come, first woken; a waiter stands on its sleeper's stack
 *
 * A word is known by its key: the object that it lies in and where in it, if the memory is shared; else the
 * space and the address.
 *
 * LOCKING  letters on the fields:
 *   B  bucket.lock, a spinlock: the queue and the words of its keys as far as the kernel goes. User memory is read and
 *      changed under it as far as it is there; if it is not: let go, futex_touch, start again.
 *   G  waiter.guard, a spinlock, the guard of its sleep. A waker holds it until it is done with the waiter.
 *   Order: B (two of them by address), then G or process_lock.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/pi.h"
#include "kernel/sync.h"

struct object;
struct thread;

void futex_init(void);
/* The running thread ends, or becomes another program: what it promised to mark and to wake in its memory. In two steps,
 * before and after its tid means nothing any more. May sleep; no signal cuts it short. */
void futex_thread_ends(struct thread *);
void futex_thread_gone(struct thread *);

/* ---- inside ---- */

struct futex_key {
    const void *what;          /* the object or the space */
    uint64_t where;            /* offset or address */
    struct object *object;     /* a reference, or NULL */
};

struct futex_waiter {
    TAILQ_ENTRY(futex_waiter) link; /* B */
    struct futex_bucket *bucket;    /* B, and read atomically: where it is queued; NULL: nowhere any more */
    struct futex_key key;           /* B: requeueing changes it */
    uint32_t bitset;                /* - */
    struct spinlock guard;
    struct waitlist sleeper;        /* G */
    bool woken;                     /* G */
    bool pi;                        /* -: below is used */
    bool dead_owner;                /* G: woken because the owner died, without the futex */
    struct thread *thread;          /* - */
    struct thread *owner;           /* B: of the futex; it counts the waiter in pi_waiters, so it cannot go unseen */
    struct pi inherit;              /* what the owner has of the waiter's priority */
    int dead_tid;                   /* G: whose it was */
};

struct futex_bucket {
    struct spinlock lock;
    TAILQ_HEAD(, futex_waiter) queue; /* B */
};

#define FUTEX_BUCKETS 256u
extern struct futex_bucket futex_buckets[FUTEX_BUCKETS];

/* 0 and a key to be put; -EINVAL: not aligned; -EFAULT: not a program's, or (shared) not mapped. May sleep. */
int futex_get_key(uint64_t address, bool private, struct futex_key *);
void futex_put_key(struct futex_key *);
bool futex_same(const struct futex_key *, const struct futex_key *);
struct futex_bucket *futex_bucket(const struct futex_key *);
/* Bring in the word's page, to be written if so wanted: 0, -EFAULT, or -EINTR when the thread is to end. No lock held. */
int futex_touch(uint64_t address, bool write);

void futex_waiter_init(struct futex_waiter *);
/* Queue w in its key's bucket, whose lock is held and let go; sleep. 0: woken. -ETIMEDOUT, -EINTR: not woken, and off the queue;
 * then leave was called, with the bucket's lock held (NULL: nothing to call). */
int futex_sleep(struct futex_waiter *, struct futex_bucket *b, uint64_t deadline, void (*leave)(struct futex_waiter *))
    RELEASE(&b->lock);
/* Off the queue and awake. Bucket's lock held. */
void futex_wake_locked(struct futex_bucket *b, struct futex_waiter *) REQUIRES(&b->lock);
/* FUTEX_WAIT: 0, -EAGAIN, -ETIMEDOUT, -EINTR, or what is wrong with the address. */
long futex_wait(uint64_t address, bool private, uint32_t expected, uint32_t bitset, uint64_t deadline);
/* FUTEX_WAKE: how many, or -errno. */
long futex_wake(uint64_t address, bool private, uint32_t most, uint32_t bitset);

/* ---- futex_requeue.c ---- */
long futex_requeue(uint64_t from, uint64_t to, bool private, int wake, int move, const uint32_t *expected);
long futex_wake_op(uint64_t address, uint64_t other, bool private, uint32_t wake, uint32_t wake_other, uint32_t op);

/* ---- futex_pi.c ---- */
long futex_lock_pi(uint64_t address, bool private, uint64_t deadline, bool try);
long futex_unlock_pi(uint64_t address, bool private);
/* t ends: what it owns goes to those who wait. */
void futex_pi_exit(struct thread *t);
