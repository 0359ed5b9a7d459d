/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/resource.h>: limits and what was used (POSIX, Linux's prlimit). RLIMIT_MEMLOCK is what
 * bounds locks; ru_minflt and ru_majflt count page faults.
 */
#pragma once

#define rusage __kernel_rusage /* that one's times are not struct timeval */
#include <linux/resource.h>
#undef rusage
#include <sys/time.h>
#include <sys/types.h>

#define RLIM_SAVED_CUR RLIM_INFINITY
#define RLIM_SAVED_MAX RLIM_INFINITY

typedef unsigned long rlim_t;

struct rusage {
    struct timeval ru_utime, ru_stime;
    long ru_maxrss; /* KiB */
    long ru_ixrss, ru_idrss, ru_isrss;
    long ru_minflt; /* faults served without waiting for a device */
    long ru_majflt; /* faults that waited */
    long ru_nswap, ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals;
    long ru_nvcsw, ru_nivcsw;
};

int getrlimit(int resource, struct rlimit *);
int setrlimit(int resource, const struct rlimit *);
int prlimit(pid_t, int resource, const struct rlimit *set, struct rlimit *old);
int getrusage(int who, struct rusage *);
