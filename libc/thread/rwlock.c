/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Read-write locks in one word: how many read, or that one writes, and whether anybody sleeps.
 *
 *     0 free | 1..MOST readers | WRITER          + WAITERS
 *
 * Readers go first: a thread that reads already may always read again, and a writer may have to
 * wait long. Whoever makes the lock free wakes all sleepers, who try again.
 */
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>

#define WRITER  0x3fffffff
#define MOST    (WRITER - 1)
#define WAITERS 0x40000000

static int holders(int word) {
    return word & WRITER;
}

static bool take(pthread_rwlock_t *l, bool write, int *error) {
    int word = load(&l->__word);

    *error = EBUSY;
    for (;;) {
        int now = holders(word);
        if (now == WRITER || (write && now)) return false;
        if (!write && now == MOST) *error = EAGAIN;
        if (*error == EAGAIN) return false;
        int wanted = (write ? WRITER : now + 1) | (word & WAITERS);
        if (swap(&l->__word, &word, wanted)) break;
    }
    if (write) __atomic_store_n(&l->__writer, this_thread()->tid, __ATOMIC_RELAXED);
    return true;
}

static int take_until(pthread_rwlock_t *l, bool write, unsigned clock,
                      const struct timespec *deadline) {
    unsigned how = (unsigned)l->__how | clock;
    int error;

    while (!take(l, write, &error)) {
        if (error == EAGAIN) return EAGAIN;
        if (__atomic_load_n(&l->__writer, __ATOMIC_RELAXED) == this_thread()->tid) return EDEADLK;
        int word = load(&l->__word);
        if (holders(word) != WRITER && !(write && holders(word))) continue;
        int waiting = word | WAITERS;
        if (word != waiting && !swap(&l->__word, &word, waiting)) continue;
        error = __futex_wait(&l->__word, waiting, how, deadline);
        if (error == ETIMEDOUT || error == EINVAL) return error;
    }
    return 0;
}

int pthread_rwlock_unlock(pthread_rwlock_t *l) {
    unsigned how = (unsigned)l->__how;
    int word = load(&l->__word), left;

    if (holders(word) == 0) return EPERM;
    if (holders(word) == WRITER) __atomic_store_n(&l->__writer, 0, __ATOMIC_RELAXED);
    do {
        left = holders(word) == WRITER ? 0 : holders(word) - 1;
        if (left) left |= word & WAITERS;
    } while (!swap(&l->__word, &word, left));
    if (left == 0 && (word & WAITERS)) __futex_wake(&l->__word, INT_MAX, how);
    return 0;
}

static int by_clock(pthread_rwlock_t *l, bool write, clockid_t clock,
                    const struct timespec *deadline) {
    int flag = __clock_flag(clock);

    return flag < 0 ? EINVAL : take_until(l, write, (unsigned)flag, deadline);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *l) {
    return take_until(l, false, 0, NULL);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *l) {
    return take_until(l, true, 0, NULL);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *l) {
    int error;

    return take(l, false, &error) ? 0 : error;
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *l) {
    int error;

    return take(l, true, &error) ? 0 : error;
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict l,
                               const struct timespec *restrict deadline) {
    return take_until(l, false, REALTIME, deadline);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict l,
                               const struct timespec *restrict deadline) {
    return take_until(l, true, REALTIME, deadline);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict l, clockid_t clock,
                               const struct timespec *restrict deadline) {
    return by_clock(l, false, clock, deadline);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict l, clockid_t clock,
                               const struct timespec *restrict deadline) {
    return by_clock(l, true, clock, deadline);
}

int pthread_rwlock_init(pthread_rwlock_t *restrict l, const pthread_rwlockattr_t *restrict a) {
    *l = (pthread_rwlock_t){.__how = a ? a->__how : 0};
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *l) {
    return holders(load(&l->__word)) ? EBUSY : 0;
}
