/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * alarm, setitimer and getitimer: the one timer that each process has, which sends SIGALRM. It is kept by exec and
 * not inherited by fork.
 *
 * LOCKING  ktimer_lock (K).
 * MISSING  ITIMER_VIRTUAL and ITIMER_PROF: EINVAL.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/time.h>
#include <stddef.h>

#include "arch/clock.h"
#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/ptimer.h"
#include "gen/syscalls.h"

#define NS_PER_SEC  1000000000ul
#define NS_PER_USEC 1000ul
#define SECONDS_MAX (INT64_MAX / 1000000000l - 1)

void itimer_expired(struct ktimer *k) {
    struct process *p = (struct process *)((char *)k - offsetof(struct process, timers.real));
    const struct sigdata d = {.signo = SIGALRM, .code = SI_KERNEL};
    struct alarm *a = &p->timers.real_alarm;
    spin_lock(&process_lock);
    bool sent = signal_post_locked(p, NULL, &d, NULL) == 0;
    spin_unlock(&process_lock);
    a->fired = sent && a->interval;
    if (a->fired) return;
    alarm_skip(a, clock_now());
    ktimer_set_locked(k, a->expiry);
}

void itimer_taken_locked(struct process *p) {
    struct alarm *a = &p->timers.real_alarm;
    if (!a->fired) return;
    alarm_go_on(a, clock_now());
    ktimer_set_locked(&p->timers.real, a->expiry);
}

/* Set it, and tell what it was: value left and interval. */
static void exchange(uint64_t value, uint64_t interval, uint64_t was[2]) {
    struct ptimers *t = &current_process()->timers;
    ktimer_lock();
    uint64_t now = clock_now();
    was[0] = alarm_left(&t->real_alarm, now);
    was[1] = t->real_alarm.interval;
    t->real_alarm = (struct alarm){.interval = interval, .expiry = value ? now + value : NO_DEADLINE};
    ktimer_set_locked(&t->real, t->real_alarm.expiry);
    ktimer_unlock();
}

/* Rounded to the nearest second, but never to none. */
long sys_alarm(uint64_t seconds) {
    uint64_t was[2];
    exchange((uint64_t)(uint32_t)seconds * NS_PER_SEC, 0, was);
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
    if ((int)which != ITIMER_REAL) return -EINVAL;
    if (from_timeval(&v.it_value, &value) || from_timeval(&v.it_interval, &interval)) return -EINVAL;
    exchange(value, interval, was);
    return old ? report(old, was) : 0;
}

long sys_getitimer(uint64_t which, uint64_t out) {
    struct ptimers *t = &current_process()->timers;
    if ((int)which != ITIMER_REAL) return -EINVAL;
    ktimer_lock();
    const uint64_t now[2] = {alarm_left(&t->real_alarm, clock_now()), t->real_alarm.interval};
    ktimer_unlock();
    return report(out, now);
}
