/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Waiting on a word, and the slow half of libc's own lock (libc/internal/futex.h).
 *
 * Without a deadline the plain FUTEX_WAIT is used; with one FUTEX_WAIT_BITSET, whose time is
 * absolute.
 */
#include "libc/internal/futex.h"

#include "libc/internal/syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

static unsigned long operation(unsigned how, const struct timespec *deadline) {
    unsigned op = deadline ? FUTEX_WAIT_BITSET : FUTEX_WAIT;

    if (!(how & SHARED)) op |= FUTEX_PRIVATE_FLAG;
    if (deadline && (how & REALTIME)) op |= FUTEX_CLOCK_REALTIME;
    return op;
}

int __futex_wait(int *word, int value, unsigned how, const struct timespec *deadline) {
    if (deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec > 999999999)) return EINVAL;
    if (deadline && deadline->tv_sec < 0) return ETIMEDOUT;
    long (*call)(long, unsigned long, unsigned long, unsigned long, unsigned long, unsigned long,
                 unsigned long) = how & POINT_ ? __cancel_try : __raw_call;

    return (int)-call(SYS_futex, ARG_(word), operation(how, deadline), (unsigned)value,
                      ARG_(deadline), 0, FUTEX_BITSET_MATCH_ANY);
}

void __futex_wake(int *word, int count, unsigned how) {
    raw(futex, word, FUTEX_WAKE | (how & SHARED ? 0 : FUTEX_PRIVATE_FLAG), count, 0, 0, 0);
}

int __clock_flag(clockid_t clock) {
    if (clock == CLOCK_REALTIME) return (int)REALTIME;
    return clock == CLOCK_MONOTONIC ? 0 : -1;
}

void __lock_slow(struct lock *l) {
    while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE)) __futex_wait(&l->word, 2, PRIVATE, NULL);
}
