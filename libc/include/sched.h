/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sched.h>: giving way, policies and priorities, and which processors may run a thread (POSIX,
 * Linux). A pid of 0 is the calling thread; others are threads' ids too.
 */
#pragma once

#include <linux/sched.h>
#include <linux/sched/types.h> /* struct sched_param */
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#define SCHED_OTHER SCHED_NORMAL
#define CPU_SETSIZE 1024

typedef struct {
    unsigned long bits[CPU_SETSIZE / 64];
} cpu_set_t;

#define CPU_ZERO(s)     ((void)(*(s) = (cpu_set_t){{0}}))
#define CPU_SET(c, s)   ((void)((s)->bits[(c) / 64] |= 1UL << (c) % 64))
#define CPU_CLR(c, s)   ((void)((s)->bits[(c) / 64] &= ~(1UL << (c) % 64)))
#define CPU_ISSET(c, s) ((int)((s)->bits[(c) / 64] >> (c) % 64 & 1))
#define CPU_COUNT(s)    __cpu_count(s)
#define CPU_EQUAL(a, b) __cpu_equal(a, b)

#define __CPU_OP(to, a, op, b)                        \
    do                                                \
        for (int i_ = 0; i_ < CPU_SETSIZE / 64; i_++) \
            (to)->bits[i_] = (a)->bits[i_] op (b)->bits[i_]; \
    while (0)
#define CPU_AND(to, a, b) __CPU_OP(to, a, &, b)
#define CPU_OR(to, a, b)  __CPU_OP(to, a, |, b)
#define CPU_XOR(to, a, b) __CPU_OP(to, a, ^, b)

int __cpu_count(const cpu_set_t *);
int __cpu_equal(const cpu_set_t *, const cpu_set_t *);
int sched_yield(void);
int sched_setscheduler(pid_t, int policy, const struct sched_param *);
int sched_getscheduler(pid_t);
int sched_setparam(pid_t, const struct sched_param *);
int sched_getparam(pid_t, struct sched_param *);
int sched_get_priority_min(int policy);
int sched_get_priority_max(int policy);
int sched_rr_get_interval(pid_t, struct timespec *);
int sched_setaffinity(pid_t, size_t, const cpu_set_t *);
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
int sched_getcpu(void);
