/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Condition variables: a counter of signals to sleep on.
 *
 *     wait:    waiters++, s = sequence, give the mutex away, sleep while sequence == s,
 *              waiters--, take the mutex again
 *     signal:  if anybody waits: sequence++, wake one       broadcast: ... wake all
 *
 * A waiter that has not fallen asleep yet when the signal comes finds another sequence: nothing is
 * lost, and the worst is that one more than needed wakes up, which POSIX allows. A waiter would
 * miss a signal only if exactly 2^32 of them came between its reading and its sleeping.
 * A waiter leaves (waiters--) before it takes the mutex, so pthread_cond_destroy may wait for the
 * last of them to be gone even while holding the mutex.
 *
 * A thread is cancelled only while it sleeps, and then has not used up a signal.
 * Missing on purpose: moving sleepers to the mutex (requeue) instead of waking all in a broadcast.
 */
#include "libc/internal/cancel.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>

#define CLOCK_OF_ATTRIBUTE REALTIME
#define LEAVING 0x40000000 /* in __waiters: destroy waits for it to fall to this */

static void leave(pthread_cond_t *c, unsigned how) {
    if (__atomic_sub_fetch(&c->__waiters, 1, __ATOMIC_SEQ_CST) == LEAVING)
        __futex_wake(&c->__waiters, 1, how);
}

static int wait_until(pthread_cond_t *c, pthread_mutex_t *m, unsigned how,
                      const struct timespec *deadline) {
    if (deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec > 999999999)) return EINVAL;
    pthread_testcancel();
    __atomic_add_fetch(&c->__waiters, 1, __ATOMIC_SEQ_CST);
    int sequence = load(&c->__sequence);
    int error = pthread_mutex_unlock(m);
    if (error) {
        leave(c, how);
        return error;
    }
    int ended;
    do ended = __futex_wait(&c->__sequence, sequence, how | POINT_, deadline);
    while (ended == EINTR);
    leave(c, how & SHARED);
    error = pthread_mutex_lock(m);
    if (ended == CANCELLED) __cancel_act();
    if (error) return error;
    return ended == ETIMEDOUT ? ETIMEDOUT : 0;
}

static unsigned shared(const pthread_cond_t *c) {
    return (unsigned)c->__how & SHARED;
}

int pthread_cond_wait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m) {
    return wait_until(c, m, shared(c), NULL);
}

/* __how has the bit set for a clock that is not CLOCK_REALTIME, so that all zeros is the default. */
int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
                           const struct timespec *restrict deadline) {
    return wait_until(c, m, (unsigned)c->__how ^ CLOCK_OF_ATTRIBUTE, deadline);
}

int pthread_cond_clockwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m, clockid_t clock,
                           const struct timespec *restrict deadline) {
    int flag = __clock_flag(clock);

    return flag < 0 ? EINVAL : wait_until(c, m, shared(c) | (unsigned)flag, deadline);
}

static int tell(pthread_cond_t *c, int how_many) {
    if ((load(&c->__waiters) & ~LEAVING) == 0) return 0;
    __atomic_add_fetch(&c->__sequence, 1, __ATOMIC_SEQ_CST);
    __futex_wake(&c->__sequence, how_many, shared(c));
    return 0;
}

int pthread_cond_signal(pthread_cond_t *c) {
    return tell(c, 1);
}

int pthread_cond_broadcast(pthread_cond_t *c) {
    return tell(c, INT_MAX);
}

int pthread_cond_init(pthread_cond_t *restrict c, const pthread_condattr_t *restrict a) {
    *c = (pthread_cond_t){.__how = a ? a->__how ^ (int)CLOCK_OF_ATTRIBUTE : 0};
    return 0;
}

/* Threads that a broadcast has woken may still be about to leave. */
int pthread_cond_destroy(pthread_cond_t *c) {
    int left = __atomic_or_fetch(&c->__waiters, LEAVING, __ATOMIC_SEQ_CST);

    for (; left != LEAVING; left = load(&c->__waiters))
        __futex_wait(&c->__waiters, left, shared(c), NULL);
    return 0;
}
