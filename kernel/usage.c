/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a process has used: getrusage, times, and the accounts that wait4 hands on.
 *
 * CPU time is counted at switches, to the nanosecond, for both rings together: it is all reported as user
 * time, since telling the rings apart would cost every system call two readings of the clock.
 *
 * Faults are the space's own counters (contract I7); usage_keep_space carries them over when a space goes.
 *
 * The largest resident size is the largest seen: when somebody asks, at exec and at exit.
 *
 * LOCKING  process_lock for the accounts; a space's counters are asked for without it.
 */
#include <asm/errno.h>
#include <linux/resource.h>
#include <linux/times.h>

#include "arch/clock.h"
#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/usage.h"
#include "gen/syscalls.h"

void usage_add(struct usage *to, const struct usage *u) {
    to->runtime += u->runtime;
    to->minor_faults += u->minor_faults;
    to->major_faults += u->major_faults;
    to->voluntary += u->voluntary;
    to->involuntary += u->involuntary;
    if (to->max_resident < u->max_resident) to->max_resident = u->max_resident;
}

/* A borrowed space's counts are its owner's. */
static struct usage of_space(const struct process *p) {
    struct space_stats s;
    if (p->borrows) return (struct usage){0};
    space_get_stats(p->space, &s);
    return (struct usage){.minor_faults = s.minor_faults, .major_faults = s.major_faults, .max_resident = s.resident};
}

/* Its own faults are for RUSAGE_THREAD; in the process's sum they are among the space's. */
static struct usage of_thread(const struct thread *t) {
    return (struct usage){.runtime = sched_runtime(t), .voluntary = t->switches[0], .involuntary = t->switches[1]};
}

/* What the process has not been told of yet. */
static struct usage news_locked(const struct thread *t) REQUIRES(&process_lock) {
    struct usage u = of_thread(t);
    u.runtime -= t->accounted.runtime;
    u.voluntary -= t->accounted.switches[0];
    u.involuntary -= t->accounted.switches[1];
    return u;
}

void usage_keep_space(struct process *p) {
    struct usage u = of_space(p);
    spin_lock(&process_lock);
    usage_add(&p->ended_threads, &u);
    spin_unlock(&process_lock);
}

void usage_keep_thread_locked(struct process *p, struct thread *t) {
    struct usage u = news_locked(t);
    usage_add(&p->ended_threads, &u);
    t->accounted.runtime += u.runtime;
    t->accounted.switches[0] += u.voluntary;
    t->accounted.switches[1] += u.involuntary;
}

void usage_look_locked(const struct process *p, struct usage *out) {
    const struct thread *t;
    *out = p->ended_threads;
    LIST_FOREACH(t, &p->threads, of_process) {
        struct usage u = news_locked(t);
        usage_add(out, &u);
    }
}

void usage_self(struct process *p, struct usage *out) {
    struct usage space = of_space(p);
    spin_lock(&process_lock);
    usage_look_locked(p, out);
    spin_unlock(&process_lock);
    usage_add(out, &space);
}

int usage_copyout(uint64_t user, const struct usage *u) {
    const struct rusage r = {
        .ru_utime = {(long)(u->runtime / 1000000000), (long)(u->runtime / 1000 % 1000000)},
        .ru_maxrss = (long)(u->max_resident * (PAGE_SIZE / 1024)),
        .ru_minflt = (long)u->minor_faults,
        .ru_majflt = (long)u->major_faults,
        .ru_nvcsw = (long)u->voluntary,
        .ru_nivcsw = (long)u->involuntary,
    };
    return copyout(user, &r, sizeof r);
}

static struct usage of_children(struct process *p) {
    spin_lock(&process_lock);
    struct usage u = p->children_usage;
    spin_unlock(&process_lock);
    return u;
}

/* The resident set is the process's: a thread has none of its own. */
static struct usage of_running_thread(const struct process *p) {
    struct usage u = of_thread(current());
    u.minor_faults = current()->minor_faults;
    u.max_resident = of_space(p).max_resident;
    return u;
}

long sys_getrusage(uint64_t who, uint64_t out) {
    struct process *p = current_process();
    struct usage u;
    switch ((int)who) {
    case RUSAGE_SELF: usage_self(p, &u); break;
    case RUSAGE_CHILDREN: u = of_children(p); break;
    case RUSAGE_THREAD: u = of_running_thread(p); break;
    default: return -EINVAL;
    }
    return usage_copyout(out, &u);
}

long sys_times(uint64_t out) {
    struct usage self, children = of_children(current_process());
    usage_self(current_process(), &self);
    const struct tms t = {
        .tms_utime = (long)(self.runtime / NS_PER_TICK),
        .tms_cutime = (long)(children.runtime / NS_PER_TICK),
    };
    if (out && copyout(out, &t, sizeof t)) return -EFAULT;
    return (long)(clock_now() / NS_PER_TICK);
}
