/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Unnamed semaphores: value and number of waiters in one 64-bit word.
 *
 *     __state:  | waiters (32) | value (32) |        the value's half is the futex
 *
 * A post must not look at the semaphore once it has given its unit, for whoever got it may destroy
 * the semaphore: so one atomic addition both gives the unit and answers whether anybody sleeps.
 */
#include "libc/internal/cancel.h"
#include "libc/internal/futex.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#define WAITER (1UL << 32)

static int *value_of(sem_t *s) {
    return (int *)(void *)&s->__state; /* little-endian: the low half comes first */
}

static int fail(int error) {
    errno = error;
    return -1;
}

int sem_init(sem_t *s, int pshared, unsigned value) {
    if (value > SEM_VALUE_MAX) return fail(EINVAL);
    *s = (sem_t){.__state = value, .__how = pshared ? (int)SHARED : 0};
    return 0;
}

int sem_destroy(sem_t *s) {
    return __atomic_load_n(&s->__state, __ATOMIC_SEQ_CST) >= WAITER ? fail(EBUSY) : 0;
}

static bool take(sem_t *s, unsigned long less) {
    unsigned long now = __atomic_load_n(&s->__state, __ATOMIC_SEQ_CST);

    while ((unsigned)now)
        if (__atomic_compare_exchange_n(&s->__state, &now, now - 1 - less, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static int wait_until(sem_t *s, unsigned clock, const struct timespec *deadline) {
    unsigned how = (unsigned)s->__how | clock | POINT_;
    int error = 0;

    pthread_testcancel();
    if (take(s, 0)) return 0;
    __atomic_add_fetch(&s->__state, WAITER, __ATOMIC_SEQ_CST);
    while (!take(s, WAITER)) {
        error = __futex_wait(value_of(s), 0, how, deadline);
        if (error == 0 || error == EAGAIN) continue;
        __atomic_sub_fetch(&s->__state, WAITER, __ATOMIC_SEQ_CST);
        if (error == CANCELLED) __cancel_act();
        return fail(error);
    }
    return 0;
}

int sem_wait(sem_t *s) {
    return wait_until(s, 0, NULL);
}

int sem_trywait(sem_t *s) {
    return take(s, 0) ? 0 : fail(EAGAIN);
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict deadline) {
    return wait_until(s, REALTIME, deadline);
}

int sem_clockwait(sem_t *restrict s, clockid_t clock, const struct timespec *restrict deadline) {
    int flag = __clock_flag(clock);

    return flag < 0 ? fail(EINVAL) : wait_until(s, (unsigned)flag, deadline);
}

int sem_post(sem_t *s) {
    unsigned how = (unsigned)s->__how;
    unsigned long now = __atomic_load_n(&s->__state, __ATOMIC_SEQ_CST);

    do
        if ((unsigned)now == SEM_VALUE_MAX) return fail(EOVERFLOW);
    while (!__atomic_compare_exchange_n(&s->__state, &now, now + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
    if (now >= WAITER) __futex_wake(value_of(s), 1, how);
    return 0;
}

int sem_getvalue(sem_t *restrict s, int *restrict to) {
    *to = (int)(unsigned)__atomic_load_n(&s->__state, __ATOMIC_SEQ_CST);
    return 0;
}
