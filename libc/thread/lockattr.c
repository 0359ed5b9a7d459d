/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Attributes of mutexes, condition variables, read-write locks and barriers. Each holds just what
 * the object itself will hold: a mutex's kind, or how to wait (SHARED, REALTIME).
 */
#include "libc/internal/mutex.h"

#include <errno.h>
#include <pthread.h>

static int set_flag(int *where, int flag, int value, int on) {
    if (value != 0 && value != on) return EINVAL;
    *where = (*where & ~flag) | (value ? flag : 0);
    return 0;
}

/* --- Mutexes --------------------------------------------------------------------------------- */

int pthread_mutexattr_init(pthread_mutexattr_t *a) {
    a->__kind = 0;
    return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *a) {
    a->__kind = 0;
    return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *a, int type) {
    if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK) return EINVAL;
    a->__kind = (a->__kind & ~MUTEX_TYPE) | type;
    return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *restrict a, int *restrict to) {
    *to = a->__kind & MUTEX_TYPE;
    return 0;
}

int pthread_mutexattr_setrobust(pthread_mutexattr_t *a, int value) {
    return set_flag(&a->__kind, MUTEX_ROBUST, value, PTHREAD_MUTEX_ROBUST);
}

int pthread_mutexattr_getrobust(const pthread_mutexattr_t *restrict a, int *restrict to) {
    *to = a->__kind & MUTEX_ROBUST ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED;
    return 0;
}

int pthread_mutexattr_setprotocol(pthread_mutexattr_t *a, int value) {
    if (value == PTHREAD_PRIO_PROTECT) return ENOTSUP;
    return set_flag(&a->__kind, MUTEX_PI, value, PTHREAD_PRIO_INHERIT);
}

int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *restrict a, int *restrict to) {
    *to = a->__kind & MUTEX_PI ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE;
    return 0;
}

int pthread_mutexattr_setpshared(pthread_mutexattr_t *a, int value) {
    return set_flag(&a->__kind, MUTEX_PSHARED, value, PTHREAD_PROCESS_SHARED);
}

int pthread_mutexattr_getpshared(const pthread_mutexattr_t *restrict a, int *restrict to) {
    *to = a->__kind & MUTEX_PSHARED ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
    return 0;
}

/* --- Condition variables --------------------------------------------------------------------- */

int pthread_condattr_init(pthread_condattr_t *a) {
    a->__how = (int)REALTIME;
    return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *a) {
    a->__how = 0;
    return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *a, clockid_t clock) {
    if (__clock_flag(clock) < 0) return EINVAL;
    a->__how = (a->__how & ~(int)REALTIME) | __clock_flag(clock);
    return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *restrict a, clockid_t *restrict to) {
    *to = a->__how & (int)REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    return 0;
}

/* --- Shared between processes ---------------------------------------------------------------- */

#define SHARED_OR_NOT(name)                                                                     \
    int pthread_##name##attr_setpshared(pthread_##name##attr_t *a, int value) {                 \
        return set_flag(&a->__how, (int)SHARED, value, PTHREAD_PROCESS_SHARED);                 \
    }                                                                                           \
    int pthread_##name##attr_getpshared(const pthread_##name##attr_t *restrict a,               \
                                        int *restrict to) {                                     \
        *to = a->__how & (int)SHARED ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;        \
        return 0;                                                                               \
    }

#define EMPTY_AT_FIRST(name)                                         \
    int pthread_##name##attr_init(pthread_##name##attr_t *a) {       \
        a->__how = 0;                                                \
        return 0;                                                    \
    }                                                                \
    int pthread_##name##attr_destroy(pthread_##name##attr_t *a) {    \
        a->__how = 0;                                                \
        return 0;                                                    \
    }

SHARED_OR_NOT(cond)
SHARED_OR_NOT(rwlock)
SHARED_OR_NOT(barrier)
EMPTY_AT_FIRST(rwlock)
EMPTY_AT_FIRST(barrier)
