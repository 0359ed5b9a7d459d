/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Waiting on a word of memory (Linux futex), and libc's own lock made of it.
 *
 * The lock's word: 0 free, 1 taken, 2 taken and somebody may sleep (U. Drepper, "Futexes Are
 * Tricky", 2011). Not recursive, without an owner, private to the process. libc holds its locks for
 * short and never across a cancellation point; fork takes those that the child will need
 * (libc/thread/fork.c has their order).
 */
#pragma once

#include <stdbool.h>
#include <time.h>

#define PRIVATE  0u
#define SHARED   1u /* the word may be in memory of several processes, or the kernel wakes it */
#define REALTIME 2u /* the deadline is CLOCK_REALTIME's; otherwise CLOCK_MONOTONIC's */
#define POINT_   4u /* a cancellation point, which answers CANCELLED and leaves the rest to the caller */

/* No error number: Linux's end at 4095. */
#define CANCELLED 4096

/*
 * Sleeps while *word == value. Answers 0 (woken, perhaps for nothing), EAGAIN (another value),
 * EINTR, ETIMEDOUT, EINVAL (a deadline that is none) or CANCELLED. deadline: absolute, or NULL.
 */
int __futex_wait(int *word, int value, unsigned how, const struct timespec *deadline);

void __futex_wake(int *word, int count, unsigned how);

/* For calls that take a clock: its flag, or -1 when it is not one to wait by. */
int __clock_flag(clockid_t);

struct lock {
    int word;
};

void __lock_slow(struct lock *);

static inline void lock(struct lock *l) {
    int free = 0;

    if (!__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        __lock_slow(l);
}

static inline void unlock(struct lock *l) {
    if (__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2) __futex_wake(&l->word, 1, PRIVATE);
}

static inline int load(const int *word) {
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* If *word is *old, make it new; otherwise put what it is into *old. */
static inline bool swap(int *word, int *old, int new) {
    return __atomic_compare_exchange_n(word, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
