/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * timer_create and its kin (POSIX; Linux's structures). The picture is in kernel/ptimer.h.
 *
 * A timer brings its own queue entry, so that expiry cannot fail; RLIMIT_SIGPENDING counts it from creation on.
 *
 * LOCKING     ktimer_lock (K) for everything, process_lock inside it for the entry.
 * INVARIANTS  fired, of a timer that tells: the entry waits in a queue, or a thread has just taken or dropped it and is
 *             about to call signal_taken or signal_dropped. A timer that tells nobody (SIGEV_NONE) is fired for good.
 * MISSING     timers on CPU-time clocks: EINVAL.
 */
#include "kernel/ptimer.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "abi/aio.h"
#include "arch/clock.h"
#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/time.h"
#include "gen/syscalls.h"

#define CONTAINER(p, type, field) ((type *)((char *)(p) - offsetof(type, field)))
#define NS_PER_SEC 1000000000ul
#define OVERRUN_MAX 0x7fffffff /* DELAYTIMER_MAX */

struct ptimer {
    LIST_ENTRY(ptimer) link; /* K */
    struct ktimer timer;     /* K */
    struct alarm alarm;      /* K */
    struct process *process; /* constant, as the rest but overrun */
    int id;
    bool wall;               /* CLOCK_REALTIME */
    int notify, tid;
    int signo;
    uint64_t value;
    int overrun;             /* K: of the last signal taken */
    struct sigentry entry;   /* P */
};

/* ---- when ---- */

static uint64_t periods(const struct alarm *a, uint64_t now) {
    return a->interval && now >= a->expiry ? (now - a->expiry) / a->interval : 0;
}

uint64_t alarm_left(const struct alarm *a, uint64_t now) {
    if (a->expiry == NO_DEADLINE) return 0;
    if (a->expiry > now) return a->expiry - now;
    return a->interval ? a->expiry + (periods(a, now) + 1) * a->interval - now : !a->fired;
}

uint64_t alarm_go_on(struct alarm *a, uint64_t now) {
    uint64_t n = periods(a, now);
    a->fired = false;
    a->expiry = a->interval ? a->expiry + (n + 1) * a->interval : NO_DEADLINE;
    return n;
}

void alarm_skip(struct alarm *a, uint64_t now) {
    alarm_go_on(a, now);
    if (a->expiry < now + ALARM_IGNORED_NS) alarm_go_on(a, now + ALARM_IGNORED_NS);
}

/* ---- expiry ---- */

static void expired(struct ktimer *k) {
    struct ptimer *pt = CONTAINER(k, struct ptimer, timer);
    const struct sigdata d = {.signo = pt->signo, .code = SI_TIMER, .timer = {.id = pt->id, .value = pt->value}};
    struct thread *t;
    spin_lock(&process_lock);
    bool sent = signal_receiver_locked(pt->process, pt->tid, &t) && signal_post_locked(pt->process, t, &d, &pt->entry) == 0;
    pt->alarm.fired = sent;
    spin_unlock(&process_lock);
    if (sent) return;
    alarm_skip(&pt->alarm, clock_now());
    ktimer_set_locked(k, pt->alarm.expiry);
}

static struct ptimer *find_locked(struct process *p, int id) {
    struct ptimer *pt;
    LIST_FOREACH(pt, &p->timers.list, link) if (pt->id == id) return pt;
    return NULL;
}

static bool waits(const struct ptimer *pt) {
    spin_lock(&process_lock);
    bool on = pt->entry.on != NULL;
    spin_unlock(&process_lock);
    return on;
}

/* If its signal waits no more: count what was missed, and start anew. */
static void settle_locked(struct ptimer *pt) {
    if (pt->notify == SIGEV_NONE || !pt->alarm.fired || waits(pt)) return;
    uint64_t n = alarm_go_on(&pt->alarm, clock_now());
    pt->overrun = n > OVERRUN_MAX ? OVERRUN_MAX : (int)n;
    ktimer_set_locked(&pt->timer, pt->alarm.expiry);
}

/* What says that a timer sent it may be forged (rt_sigqueueinfo): it is believed no more than a signal that was dropped. */
void signal_taken(struct sigdata *d) {
    struct process *p = current_process();
    if (d->code != SI_TIMER && d->signo != SIGALRM) return;
    ktimer_lock();
    struct ptimer *pt = d->code == SI_TIMER ? find_locked(p, d->timer.id) : NULL;
    if (pt) {
        settle_locked(pt);
        d->timer.overrun = pt->overrun;
    } else {
        itimer_taken_locked(p);
    }
    ktimer_unlock();
}

void signal_dropped(void) {
    struct process *p = current_process();
    struct ptimer *pt;
    ktimer_lock();
    LIST_FOREACH(pt, &p->timers.list, link) settle_locked(pt);
    spin_lock(&process_lock);
    bool alarm = p->signals.pending.set & SIGBIT(SIGALRM);
    spin_unlock(&process_lock);
    if (!alarm) itimer_taken_locked(p);
    ktimer_unlock();
}

/* ---- making and unmaking ---- */

void ptimers_init(struct process *p) {
    LIST_INIT(&p->timers.list);
    p->timers.last_id = 0;
    itimers_init(p);
}

static int decode(struct ptimer *pt, uint64_t clock, uint64_t sevp) {
    struct hf_sigevent ev = {.sigev_signo = SIGALRM, .sigev_notify = SIGEV_SIGNAL, .sigev_value = (unsigned long)-1};
    if (sevp && copyin(&ev, sevp, sizeof ev)) return -EFAULT;
    if ((int)clock != CLOCK_REALTIME && (int)clock != CLOCK_MONOTONIC && (int)clock != CLOCK_BOOTTIME) return -EINVAL;
    pt->wall = (int)clock == CLOCK_REALTIME;
    pt->notify = ev.sigev_notify;
    pt->signo = ev.sigev_signo;
    pt->value = ev.sigev_value;
    __builtin_memcpy(&pt->tid, ev.pad, sizeof pt->tid);
    return pt->notify == SIGEV_NONE || signal_event_ok(pt->notify, pt->signo, &pt->tid) ? 0 : -EINVAL;
}

/* An entry's place: false when the process has its fill. */
static bool charge(struct process *p) {
    spin_lock(&process_lock);
    bool room = p->signals.queued < p->limits.of[RLIMIT_SIGPENDING].soft;
    p->signals.queued += room;
    spin_unlock(&process_lock);
    return room;
}

static void destroy_locked(struct ptimer *pt) EXCLUDES(&process_lock) {
    ktimer_set_locked(&pt->timer, NO_DEADLINE);
    spin_lock(&process_lock);
    sigentry_withdraw_locked(&pt->entry);
    pt->process->signals.queued--;
    spin_unlock(&process_lock);
    LIST_REMOVE(pt, link);
    heap_free(pt);
}

/* Ids go up, and around past those that live. */
static void enter_locked(struct ptimers *t, struct ptimer *pt, bool value_is_id) {
    do {
        t->last_id = t->last_id == INT32_MAX ? 0 : t->last_id + 1;
    } while (find_locked(pt->process, t->last_id));
    pt->id = t->last_id;
    if (value_is_id) pt->value = (uint64_t)pt->id;
    LIST_INSERT_HEAD(&t->list, pt, link);
}

static long create(struct ptimer *pt, bool value_is_id, uint64_t out) {
    struct process *p = pt->process;
    pt->timer.expired = expired;
    pt->alarm.expiry = NO_DEADLINE;
    if (!charge(p)) {
        heap_free(pt);
        return -EAGAIN;
    }
    ktimer_lock();
    enter_locked(&p->timers, pt, value_is_id);
    int id = pt->id;
    ktimer_unlock();
    if (!copyout(out, &id, sizeof id)) return 0;
    return sys_timer_delete((uint64_t)id) ? -EINVAL : -EFAULT; /* another thread guessed it: gone either way */
}

long sys_timer_create(uint64_t clock, uint64_t sevp, uint64_t out) {
    struct ptimer *pt = heap_alloc_zero(sizeof *pt);
    if (!pt) return -EAGAIN;
    pt->process = current_process();
    int error = decode(pt, clock, sevp);
    if (!error) return create(pt, !sevp, out);
    heap_free(pt);
    return error;
}

long sys_timer_delete(uint64_t id) {
    ktimer_lock();
    struct ptimer *pt = find_locked(current_process(), (int)id);
    if (pt) destroy_locked(pt);
    ktimer_unlock();
    return pt ? 0 : -EINVAL;
}

void ptimers_exec(struct process *p) {
    struct ptimer *pt;
    ktimer_lock();
    while ((pt = LIST_FIRST(&p->timers.list))) destroy_locked(pt);
    ktimer_unlock();
}

void ptimers_exit(struct process *p) {
    ptimers_exec(p);
    ktimer_lock();
    itimers_end_locked(p);
    ktimer_unlock();
}

/* ---- setting and reading ---- */

static struct __kernel_timespec to_timespec(uint64_t ns) {
    return (struct __kernel_timespec){.tv_sec = (long long)(ns / NS_PER_SEC), .tv_nsec = (long long)(ns % NS_PER_SEC)};
}

static struct __kernel_itimerspec read_locked(const struct ptimer *pt) {
    return (struct __kernel_itimerspec){
        .it_interval = to_timespec(pt->alarm.interval),
        .it_value = to_timespec(alarm_left(&pt->alarm, clock_now())),
    };
}

/* The new first expiry of a value that is not 0. An absolute one on the wall clock is one on the other. */
static uint64_t first_expiry(const struct ptimer *pt, uint64_t value, bool absolute) {
    if (!absolute) return value >= INT64_MAX - clock_now() ? NO_DEADLINE - 1 : clock_now() + value;
    if (!pt->wall) return value;
    return value > clock_wall_offset() ? value - clock_wall_offset() : 0;
}

/* A signal of the time before is of no interest any more. */
static void set_locked(struct ptimer *pt, uint64_t value, uint64_t interval, bool absolute) {
    spin_lock(&process_lock);
    sigentry_withdraw_locked(&pt->entry);
    spin_unlock(&process_lock);
    pt->overrun = 0;
    pt->alarm = (struct alarm){.interval = interval, .expiry = value ? first_expiry(pt, value, absolute) : NO_DEADLINE};
    pt->alarm.fired = pt->notify == SIGEV_NONE; /* nothing will tell: it is only read */
    ktimer_set_locked(&pt->timer, pt->alarm.fired ? NO_DEADLINE : pt->alarm.expiry);
}

long sys_timer_settime(uint64_t id, uint64_t flags, uint64_t new, uint64_t old) {
    struct __kernel_itimerspec was = {0};
    uint64_t value, interval;
    if (!new) return -EINVAL;
    int error = timespec_copyin(new, &interval);
    if (!error) error = timespec_copyin(new + sizeof(struct __kernel_timespec), &value);
    if (error) return error;
    ktimer_lock();
    struct ptimer *pt = find_locked(current_process(), (int)id);
    if (pt) {
        was = read_locked(pt);
        set_locked(pt, value, interval, flags & TIMER_ABSTIME);
    }
    ktimer_unlock();
    if (!pt) return -EINVAL;
    return old && copyout(old, &was, sizeof was) ? -EFAULT : 0;
}

long sys_timer_gettime(uint64_t id, uint64_t out) {
    struct __kernel_itimerspec now = {0};
    ktimer_lock();
    struct ptimer *pt = find_locked(current_process(), (int)id);
    if (pt) now = read_locked(pt);
    ktimer_unlock();
    return pt ? copyout(out, &now, sizeof now) : -EINVAL;
}

long sys_timer_getoverrun(uint64_t id) {
    ktimer_lock();
    struct ptimer *pt = find_locked(current_process(), (int)id);
    int n = pt ? pt->overrun : -EINVAL;
    ktimer_unlock();
    return n;
}
