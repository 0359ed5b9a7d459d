/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * alarm, setitimer and getitimer: three timers that each process has, kept by exec and not inherited by fork.
 *
 *      ITIMER_REAL      the monotonic clock                SIGALRM
 *      ITIMER_VIRTUAL   the process's CPU time             SIGVTALRM
 *      ITIMER_PROF      the same, as rings are not told    SIGPROF
 *                       apart (kernel/usage.c)
 *
 * CPU time is looked at when it may have come so far at the earliest, were all CPUs at work for the process, and then
 * again: a few times for a long span, and every 10 ms at the end of it. So a switch of threads knows nothing of these
 * timers, nobody pays for them who has set none, and one may be late by those 10 ms. A periodic one of this kind goes on by
 * itself, whether or not anybody takes the signal.
 *
 * LOCKING  ktimer_lock (K).
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/time.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/ptimer.h"
#include "kernel/usage.h"
#include "gen/syscalls.h"

#define NS_PER_SEC  1000000000ul
#define NS_PER_USEC 1000ul
#define SECONDS_MAX (INT64_MAX / 1000000000l - 1)
#define LOOK_NS     10000000ul /* CPU time is looked at no more often */

/* ---- clocks ---- */

static uint64_t now_of(const struct itimer *it) {
    struct usage u;
    if (it->which == ITIMER_REAL) return clock_now();
    spin_lock(&process_lock);
    usage_look_locked(it->process, &u);
    spin_unlock(&process_lock);
    return u.runtime;
}

/* When to look, now that its own clock shows this. */
static uint64_t when(const struct itimer *it, uint64_t now) {
    uint64_t expiry = it->alarm.expiry;
    if (it->which == ITIMER_REAL || expiry == NO_DEADLINE) return expiry;
    uint64_t soonest = expiry > now ? (expiry - now) / cpu_count() : 0;
    return clock_now() + (soonest > LOOK_NS ? soonest : LOOK_NS);
}

/* ---- expiry ---- */

static bool send(struct itimer *it) {
    static const int signal[ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
    const struct sigdata d = {.signo = signal[it->which], .code = SI_KERNEL};
    spin_lock(&process_lock);
    bool sent = signal_post_locked(it->process, NULL, &d, NULL) == 0;
    spin_unlock(&process_lock);
    return sent;
}

static void real_expired(struct itimer *it) {
    struct alarm *a = &it->alarm;
    a->fired = send(it) && a->interval;
    if (!a->fired) alarm_skip(a, clock_now());
}

static void expired(struct ktimer *k) {
    struct itimer *it = (struct itimer *)((char *)k - offsetof(struct itimer, timer));
    uint64_t now = now_of(it);
    if (it->which == ITIMER_REAL) real_expired(it);
    else if (now >= it->alarm.expiry) send(it), alarm_go_on(&it->alarm, now);
    if (!it->alarm.fired) ktimer_set_locked(k, when(it, now));
}

void itimer_taken_locked(struct process *p) {
    struct itimer *it = &p->timers.itimer[ITIMER_REAL];
    if (!it->alarm.fired) return;
    alarm_go_on(&it->alarm, clock_now());
    ktimer_set_locked(&it->timer, it->alarm.expiry);
}

void itimers_init(struct process *p) {
    for (int i = 0; i < ITIMERS; i++)
        p->timers.itimer[i] = (struct itimer){{.expired = expired}, {.expiry = NO_DEADLINE}, p, i};
}

void itimers_end_locked(struct process *p) {
    for (int i = 0; i < ITIMERS; i++) ktimer_set_locked(&p->timers.itimer[i].timer, NO_DEADLINE);
}

/* ---- setting and reading ---- */

/* Set it, and tell what it was: value left and interval. */
static void exchange(int which, uint64_t value, uint64_t interval, uint64_t was[2]) {
    struct itimer *it = &current_process()->timers.itimer[which];
    ktimer_lock();
    uint64_t now = now_of(it);
    was[0] = alarm_left(&it->alarm, now);
    was[1] = it->alarm.interval;
    it->alarm = (struct alarm){.interval = interval, .expiry = value ? now + value : NO_DEADLINE};
    ktimer_set_locked(&it->timer, when(it, now));
    ktimer_unlock();
}

/* Rounded to the nearest second, but never to none. */
long sys_alarm(uint64_t seconds) {
    uint64_t was[2];
    exchange(ITIMER_REAL, (uint64_t)(uint32_t)seconds * NS_PER_SEC, 0, was);
    uint64_t left = (was[0] + NS_PER_SEC / 2) / NS_PER_SEC;
    return was[0] && !left ? 1 : (long)left;
}

static struct timeval to_timeval(uint64_t ns) {
    uint64_t us = (ns + NS_PER_USEC - 1) / NS_PER_USEC;
    return (struct timeval){.tv_sec = (long)(us / 1000000), .tv_usec = (long)(us % 1000000)};
}

static int report(uint64_t user, const uint64_t was[2]) {
    const struct itimerval v = {.it_value = to_timeval(was[0]), .it_interval = to_timeval(was[1])};
    return copyout(user, &v, sizeof v);
}

static int from_timeval(const struct timeval *tv, uint64_t *ns) {
    if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000) return -EINVAL;
    uint64_t seconds = tv->tv_sec > SECONDS_MAX / 2 ? (uint64_t)SECONDS_MAX / 2 : (uint64_t)tv->tv_sec;
    *ns = seconds * NS_PER_SEC + (uint64_t)tv->tv_usec * NS_PER_USEC;
    return 0;
}

/* Linux: nothing to set is a way to switch it off. */
long sys_setitimer(uint64_t which, uint64_t new, uint64_t old) {
    struct itimerval v = {0};
    uint64_t value, interval, was[2];
    if (new && copyin(&v, new, sizeof v)) return -EFAULT;
    if ((uint32_t)which >= ITIMERS) return -EINVAL;
    if (from_timeval(&v.it_value, &value) || from_timeval(&v.it_interval, &interval)) return -EINVAL;
    exchange((int)which, value, interval, was);
    return old ? report(old, was) : 0;
}

long sys_getitimer(uint64_t which, uint64_t out) {
    if ((uint32_t)which >= ITIMERS) return -EINVAL;
    const struct itimer *it = &current_process()->timers.itimer[(int)which];
    ktimer_lock();
    const uint64_t now[2] = {alarm_left(&it->alarm, now_of(it)), it->alarm.interval};
    ktimer_unlock();
    return report(out, now);
}
