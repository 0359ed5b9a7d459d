/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Barriers: the last to arrive begins a new round, which is what the others sleep for.
 *
 * `inside` counts the calls that may still look at the barrier, so that it can be destroyed as soon
 * as one of them has returned.
 */
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>

static void take(pthread_barrier_t *b, unsigned how) {
    while (__atomic_exchange_n(&b->__lock, 2, __ATOMIC_SEQ_CST))
        __futex_wait(&b->__lock, 2, how, NULL);
}

static void give(pthread_barrier_t *b, unsigned how) {
    __atomic_store_n(&b->__lock, 0, __ATOMIC_SEQ_CST);
    __futex_wake(&b->__lock, 1, how);
}

int pthread_barrier_wait(pthread_barrier_t *b) {
    unsigned how = (unsigned)b->__how;

    __atomic_add_fetch(&b->__inside, 1, __ATOMIC_SEQ_CST);
    take(b, how);
    int round = load(&b->__round);
    bool last = (unsigned)++b->__arrived == b->__total;
    if (last) {
        b->__arrived = 0;
        __atomic_store_n(&b->__round, (int)((unsigned)round + 1), __ATOMIC_SEQ_CST);
    }
    give(b, how);
    if (last) __futex_wake(&b->__round, INT_MAX, how);
    else
        while (load(&b->__round) == round) __futex_wait(&b->__round, round, how, NULL);
    if (__atomic_sub_fetch(&b->__inside, 1, __ATOMIC_SEQ_CST) == 0)
        __futex_wake(&b->__inside, 1, how);
    return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

int pthread_barrier_init(pthread_barrier_t *restrict b, const pthread_barrierattr_t *restrict a,
                         unsigned count) {
    if (count == 0 || count > INT_MAX) return EINVAL;
    *b = (pthread_barrier_t){.__total = count, .__how = a ? a->__how : 0};
    return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *b) {
    if (__atomic_load_n(&b->__arrived, __ATOMIC_SEQ_CST)) return EBUSY;
    for (int left; (left = load(&b->__inside));)
        __futex_wait(&b->__inside, left, (unsigned)b->__how, NULL);
    return 0;
}
