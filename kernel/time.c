/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Clocks and sleeping, as programs see them.
 *
 * One counter runs everything: monotonic nanoseconds since boot. The wall clock is that plus an offset
 * that was read at boot and never changes, so an absolute sleep on it is one on the monotonic clock too.
 *
 * MISSING  setting the clock; sleeping on CPU-time clocks.
 */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "arch/clock.h"
#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "kernel/usage.h"
#include "gen/syscalls.h"

#define NS_PER_SEC 1000000000ul
#define SECONDS_MAX ((long)(INT64_MAX / NS_PER_SEC)) /* later than that is never */

static struct __kernel_timespec to_timespec(uint64_t ns) {
    return (struct __kernel_timespec){.tv_sec = (long long)(ns / NS_PER_SEC), .tv_nsec = (long long)(ns % NS_PER_SEC)};
}

int timespec_copyin(uint64_t user, uint64_t *ns) {
    struct __kernel_timespec ts;
    if (copyin(&ts, user, sizeof ts)) return -EFAULT;
    if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (long)NS_PER_SEC) return -EINVAL;
    *ns = ts.tv_sec > SECONDS_MAX - 1 ? INT64_MAX : (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
    return 0;
}

/* A call that is made again after a signal that nobody was to see goes on with the time that it had left. */
uint64_t deadline_after(uint64_t ns) {
    struct thread *me = current();
    uint64_t now = clock_now(), call = me->resume_call;
    me->resume_call = 0;
    if (call && call == context_frame(&me->context)->error) return me->resume_deadline;
    me->resume_deadline = ns >= (uint64_t)INT64_MAX - now ? NO_DEADLINE : now + ns;
    return me->resume_deadline;
}

static uint64_t process_time(void) {
    struct usage u;
    usage_self(current_process(), &u);
    return u.runtime;
}

static int read_clock(int clock, uint64_t *ns) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: *ns = clock_now() + clock_wall_offset(); return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: *ns = clock_now(); return 0;
    case CLOCK_PROCESS_CPUTIME_ID: *ns = process_time(); return 0;
    case CLOCK_THREAD_CPUTIME_ID: *ns = sched_runtime(current()); return 0;
    default: return -EINVAL;
    }
}

long sys_clock_gettime(uint64_t clock, uint64_t out) {
    uint64_t ns;
    int error = read_clock((int)clock, &ns);
    if (error) return error;
    struct __kernel_timespec ts = to_timespec(ns);
    return copyout(out, &ts, sizeof ts);
}

long sys_clock_getres(uint64_t clock, uint64_t out) {
    const struct __kernel_timespec one_ns = {.tv_nsec = 1};
    uint64_t ns;
    int error = read_clock((int)clock, &ns);
    if (error || !out) return error;
    return copyout(out, &one_ns, sizeof one_ns);
}

long sys_gettimeofday(uint64_t tv, uint64_t tz) {
    uint64_t us = (clock_now() + clock_wall_offset()) / 1000;
    const struct __kernel_old_timeval now = {.tv_sec = (long)(us / 1000000), .tv_usec = (long)(us % 1000000)};
    const struct timezone utc = {0};
    if (tv && copyout(tv, &now, sizeof now)) return -EFAULT;
    return tz ? copyout(tz, &utc, sizeof utc) : 0;
}

long sys_time(uint64_t out) {
    long now = (long)((clock_now() + clock_wall_offset()) / NS_PER_SEC);
    if (out && copyout(out, &now, sizeof now)) return -EFAULT;
    return now;
}

/* ---- sleeping ---- */

/* What was left of a relative sleep when a signal ended it. */
static long interrupted(uint64_t deadline, uint64_t rem) {
    uint64_t now = clock_now();
    struct __kernel_timespec left = to_timespec(deadline > now ? deadline - now : 0);
    if (rem && copyout(rem, &left, sizeof left)) return -EFAULT;
    return -EINTR;
}

long sys_clock_nanosleep(uint64_t clock, uint64_t flags, uint64_t req, uint64_t rem) {
    uint64_t ns, deadline;
    bool wall = (int)clock == CLOCK_REALTIME || (int)clock == CLOCK_TAI;
    if (!wall && (int)clock != CLOCK_MONOTONIC && (int)clock != CLOCK_BOOTTIME) return -EINVAL;
    int error = timespec_copyin(req, &ns);
    if (error) return error;
    bool absolute = flags & TIMER_ABSTIME;
    if (!absolute) deadline = deadline_after(ns);
    else if (wall) deadline = ns > clock_wall_offset() ? ns - clock_wall_offset() : 0;
    else deadline = ns;
    if (deadline <= clock_now()) return 0;
    error = sched_sleep_until(deadline);
    return error == -EINTR && !absolute ? interrupted(deadline, rem) : error;
}

long sys_nanosleep(uint64_t req, uint64_t rem) {
    return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, req, rem);
}
