/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/time.h>: microseconds (POSIX), and BSD's arithmetic on them.
 */
#pragma once

#include <linux/time.h>
#include <sys/types.h>

int gettimeofday(struct timeval *restrict, void *restrict zone); /* zone: NULL */
int setitimer(int which, const struct itimerval *restrict, struct itimerval *restrict old);
int getitimer(int which, struct itimerval *);

#define timerclear(t)      ((t)->tv_sec = (t)->tv_usec = 0)
#define timerisset(t)      ((t)->tv_sec || (t)->tv_usec)
#define timercmp(a, b, op) \
    ((a)->tv_sec == (b)->tv_sec ? (a)->tv_usec op(b)->tv_usec : (a)->tv_sec op(b)->tv_sec)
#define timeradd(a, b, r)                               \
    do {                                                \
        (r)->tv_sec = (a)->tv_sec + (b)->tv_sec;        \
        (r)->tv_usec = (a)->tv_usec + (b)->tv_usec;     \
        if ((r)->tv_usec >= 1000000) {                  \
            (r)->tv_sec++;                              \
            (r)->tv_usec -= 1000000;                    \
        }                                               \
    } while (0)
#define timersub(a, b, r)                               \
    do {                                                \
        (r)->tv_sec = (a)->tv_sec - (b)->tv_sec;        \
        (r)->tv_usec = (a)->tv_usec - (b)->tv_usec;     \
        if ((r)->tv_usec < 0) {                         \
            (r)->tv_sec--;                              \
            (r)->tv_usec += 1000000;                    \
        }                                               \
    } while (0)
