/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sched.h>: giving way, and which processors may run a thread (POSIX, Linux).
 */
#pragma once

#include <linux/sched.h>
#include <stddef.h>
#include <sys/types.h>

#define CPU_SETSIZE 1024

typedef struct {
    unsigned long bits[CPU_SETSIZE / 64];
} cpu_set_t;

#define CPU_ZERO(s)     ((void)(*(s) = (cpu_set_t){{0}}))
#define CPU_SET(c, s)   ((void)((s)->bits[(c) / 64] |= 1UL << (c) % 64))
#define CPU_CLR(c, s)   ((void)((s)->bits[(c) / 64] &= ~(1UL << (c) % 64)))
#define CPU_ISSET(c, s) ((int)((s)->bits[(c) / 64] >> (c) % 64 & 1))
#define CPU_COUNT(s)    __cpu_count(s)

int __cpu_count(const cpu_set_t *);
int sched_yield(void);
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
