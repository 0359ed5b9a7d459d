/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <semaphore.h>: unnamed counting semaphores (POSIX). Named ones would need files that can be made,
 * which this system has not.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>
#include <time.h>

typedef struct {
    _Alignas(8) unsigned long __state; /* low half: the value; high half: how many wait */
    int __how, __reserved;
} sem_t;

int sem_init(sem_t *, int pshared, unsigned value);
int sem_destroy(sem_t *);
int sem_wait(sem_t *); /* a cancellation point; EINTR after a handler */
int sem_trywait(sem_t *);
int sem_timedwait(sem_t *restrict, const struct timespec *restrict); /* CLOCK_REALTIME */
int sem_clockwait(sem_t *restrict, clockid_t, const struct timespec *restrict);
int sem_post(sem_t *); /* may be called from a handler */
int sem_getvalue(sem_t *restrict, int *restrict);
