/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Waiting for signals: taking one without a handler (sigtimedwait), and sleeping until a handler has run
 * (sigsuspend, pause).
 *
 * LOCKING  process_lock is also the guard of those that sleep here: between the look and the sleep nobody can
 *          send.
 */
#include <asm/errno.h>
#include <linux/time_types.h>

#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "gen/syscalls.h"

#define SET_SIZE 8

/* ---- sigtimedwait ---- */

/* 1 and *d; -ETIMEDOUT; -EINTR: a signal of another kind wants its handler, not one that another thread took first. */
static int wait_locked(struct thread *me, uint64_t set, uint64_t deadline, struct sigdata *d) REQUIRES(&process_lock) {
    struct waitlist list = {0};
    int result = 0;
    bool taken;
    while (!(taken = signal_take_locked(me, set, d)) && result != -ETIMEDOUT && !(result && (me->attention & ~ATTENTION_MEMORY))) {
        me->sigwait = set;
        result = sched_sleep(&list, &process_lock, deadline, true);
        me->sigwait = 0;
        signal_recheck_locked(me);
    }
    signal_recheck_locked(me);
    signal_offer_locked(me->process, set, me); /* whoever woke us may have meant one that we leave */
    return taken ? 1 : result;
}

static int read_deadline(uint64_t user, uint64_t *deadline) {
    uint64_t ns;
    *deadline = NO_DEADLINE;
    if (!user) return 0;
    int error = timespec_copyin(user, &ns);
    if (!error) *deadline = deadline_after(ns);
    return error;
}

static long report(uint64_t info, struct sigdata *d) {
    uint8_t all[128] = {0};
    signal_taken(d);
    __builtin_memcpy(all, d, sizeof *d);
    return info && copyout(info, all, sizeof all) ? -EFAULT : d->signo;
}

long sys_rt_sigtimedwait(uint64_t user, uint64_t info, uint64_t timeout, uint64_t size) {
    struct sigdata d;
    uint64_t set, deadline;
    if (size != SET_SIZE) return -EINVAL;
    if (copyin(&set, user, sizeof set)) return -EFAULT;
    int result = read_deadline(timeout, &deadline);
    if (result) return result;
    spin_lock(&process_lock);
    result = wait_locked(current(), set & ~UNBLOCKABLE, deadline, &d);
    spin_unlock(&process_lock);
    if (result > 0) return report(info, &d);
    return result == -ETIMEDOUT ? -EAGAIN : result;
}

/* ---- until a handler has run ---- */

long sys_pause(void) {
    return sched_sleep_until(NO_DEADLINE);
}

/* The old mask comes back when the handler returns, or, if none runs, before the call is made again. */
long sys_rt_sigsuspend(uint64_t user, uint64_t size) {
    struct thread *me = current();
    uint64_t mask;
    if (size != SET_SIZE) return -EINVAL;
    if (copyin(&mask, user, sizeof mask)) return -EFAULT;
    spin_lock(&process_lock);
    me->sigsaved = me->sigmask;
    me->sigsuspended = true;
    signal_set_mask_locked(mask & ~UNBLOCKABLE);
    spin_unlock(&process_lock);
    return sched_sleep_until(NO_DEADLINE);
}
