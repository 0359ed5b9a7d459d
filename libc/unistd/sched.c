/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Policies, priorities and processors: the kernel's calls. As on Linux they speak of a thread (0:
 * the caller), where POSIX speaks of a process.
 */
#include "libc/internal/syscall.h"

#include <sched.h>
#include <time.h>

int sched_yield(void) {
    return (int)sys(sched_yield);
}

int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param) {
    return (int)sys_nr(sched_setscheduler, pid, policy, param);
}

int sched_getscheduler(pid_t pid) {
    return (int)sys_nr(sched_getscheduler, pid);
}

int sched_setparam(pid_t pid, const struct sched_param *param) {
    return (int)sys_nr(sched_setparam, pid, param);
}

int sched_getparam(pid_t pid, struct sched_param *param) {
    return (int)sys_nr(sched_getparam, pid, param);
}

int sched_get_priority_min(int policy) {
    return (int)sys_nr(sched_get_priority_min, policy);
}

int sched_get_priority_max(int policy) {
    return (int)sys_nr(sched_get_priority_max, policy);
}

int sched_rr_get_interval(pid_t pid, struct timespec *to) {
    return (int)sys_nr(sched_rr_get_interval, pid, to);
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) {
    return (int)sys_nr(sched_setaffinity, pid, size, set);
}

/* The kernel answers how many bytes it knows; the rest of the set is empty. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
    long known = sys(sched_getaffinity, pid, size, set);

    if (known < 0) return -1;
    for (size_t i = (size_t)known; i < size; i++) ((unsigned char *)set)[i] = 0;
    return 0;
}

int sched_getcpu(void) {
    unsigned cpu;

    return sys_nr(getcpu, &cpu, 0, 0) < 0 ? -1 : (int)cpu;
}

int __cpu_count(const cpu_set_t *set) {
    int count = 0;

    for (size_t i = 0; i < CPU_SETSIZE; i++) count += CPU_ISSET(i, set);
    return count;
}

int __cpu_equal(const cpu_set_t *a, const cpu_set_t *b) {
    for (size_t i = 0; i < CPU_SETSIZE / 64; i++)
        if (a->bits[i] != b->bits[i]) return 0;
    return 1;
}
