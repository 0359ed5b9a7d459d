/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a mutex holds (pthread_mutex_t in <sys/types.h>), for mutex.c, robust.c and attributes.
 *
 * __word is what Linux's kernel understands: owner's thread id | WAITERS | OWNER_DIED, for every
 * kind. __kind is the sum of the type (two bits) and the flags below; it is also what a
 * pthread_mutexattr_t holds. __count is a recursive mutex's further locks. __health is a robust
 * mutex's state, changed by its owner alone.
 */
#pragma once

#include "libc/internal/thread.h"

#include <pthread.h>

#define MUTEX_TYPE    3
#define MUTEX_ROBUST  4
#define MUTEX_PI      8
#define MUTEX_PSHARED 16
#define MUTEX_DEAD    0x7fff /* destroyed */

enum mutex_health { WELL, INCONSISTENT, LOST };

/* A robust mutex is entered into its owner's list: begin before the word is touched, add when it is
 * ours, remove before it is given away, end behind that. */
void __robust_begin(pthread_mutex_t *);
void __robust_add(pthread_mutex_t *);
void __robust_remove(pthread_mutex_t *);
void __robust_finish(void);

/* Give a robust mutex away as a thread does that ends without having unlocked it. */
void __mutex_die(pthread_mutex_t *);

static inline unsigned mutex_how(const pthread_mutex_t *m) {
    return m->__kind & (MUTEX_PSHARED | MUTEX_ROBUST) ? SHARED : PRIVATE;
}
