/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Scheduling policies and affinity, as programs set them (POSIX, Process Scheduling; Linux for affinity).
 *
 *      SCHED_FIFO, SCHED_RR    priorities 1 to 99, above everything else; RR takes turns among equals
 *      SCHED_OTHER             time-shared, priority 0; SCHED_BATCH and SCHED_IDLE are other names for it
 *
 * Who may: uid 0 anything. Others lower themselves as they like, and ask for real-time priorities up to
 * their RLIMIT_RTPRIO, for threads of their own uid.
 *
 * LOCKING  process_lock, under which a thread that was found stays; then inheritance and the run queue's.
 * MISSING  SCHED_DEADLINE; nice values: there is one level below the real-time ones.
 */
#include <asm/errno.h>
#include <linux/sched.h>
#include <linux/time_types.h>

#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/runqueue.h"
#include "kernel/sched.h"
#include "kernel/sys_sched.h"
#include "gen/syscalls.h"

static bool is_real_time(int policy) {
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(int policy) {
    return is_real_time(policy) || policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static bool is_priority(int policy, int priority) {
    return is_real_time(policy) ? priority >= 1 && priority <= PRIORITY_MAX : priority == PRIORITY_OTHER;
}

/* The thread that a call names; 0: the caller. process_lock held. */
static struct thread *named_locked(int tid) REQUIRES(&process_lock) {
    return tid ? thread_by_tid_locked(tid) : current();
}

/* The caller over this thread. */
static bool is_mine(const struct thread *t) {
    const struct cred *me = &current_process()->cred, *its = &t->process->cred;
    return me->euid == 0 || me->euid == its->euid || me->euid == its->uid;
}

static int may_set_locked(const struct thread *t, int policy, int priority) REQUIRES(&process_lock) {
    if (current_process()->cred.euid == 0) return 0;
    if (!is_mine(t)) return -EPERM;
    bool lowers = policy == t->policy && priority <= t->base_priority;
    if (!is_real_time(policy) || lowers) return 0;
    return (uint64_t)priority <= t->process->limits.of[RLIMIT_RTPRIO].soft ? 0 : -EPERM;
}

/* policy -1: as it is. */
static int set_policy(int tid, int policy, int priority) {
    spin_lock(&process_lock);
    struct thread *t = named_locked(tid);
    int error = t ? 0 : -ESRCH;
    if (t && policy < 0) policy = t->policy;
    if (t && !is_priority(policy, priority)) error = -EINVAL;
    if (!error) error = may_set_locked(t, policy, priority);
    if (!error) {
        __atomic_store_n(&t->policy, policy, __ATOMIC_RELAXED);
        pi_set_base(t, priority);
    }
    spin_unlock(&process_lock);
    return error;
}

static int read_priority(uint64_t user, int *priority) {
    return !user ? -EINVAL : copyin(priority, user, sizeof *priority) ? -EFAULT : 0;
}

long sys_sched_setscheduler(uint64_t pid, uint64_t policy, uint64_t param) {
    int priority;
    if ((int)pid < 0 || !is_policy((int)policy)) return -EINVAL;
    int error = read_priority(param, &priority);
    return error ? error : set_policy((int)pid, (int)policy, priority);
}

long sys_sched_setparam(uint64_t pid, uint64_t param) {
    int priority;
    if ((int)pid < 0) return -EINVAL;
    int error = read_priority(param, &priority);
    return error ? error : set_policy((int)pid, -1, priority);
}

/* A look at a thread: its policy and its own priority. */
static int look(uint64_t tid, int *policy, int *priority) {
    if ((int)tid < 0) return -EINVAL;
    spin_lock(&process_lock);
    const struct thread *t = named_locked((int)tid);
    if (t) {
        *policy = t->policy;
        *priority = t->base_priority;
    }
    spin_unlock(&process_lock);
    return t ? 0 : -ESRCH;
}

long sys_sched_getscheduler(uint64_t pid) {
    int policy, priority, error = look(pid, &policy, &priority);
    return error ? error : policy;
}

long sys_sched_getparam(uint64_t pid, uint64_t param) {
    int policy, priority;
    if (!param) return -EINVAL;
    int error = look(pid, &policy, &priority);
    if (error) return error;
    return copyout(param, &priority, sizeof priority) ? -EFAULT : 0;
}

long sys_sched_get_priority_max(uint64_t policy) {
    if (!is_policy((int)policy)) return -EINVAL;
    return is_real_time((int)policy) ? PRIORITY_MAX : 0;
}

long sys_sched_get_priority_min(uint64_t policy) {
    if (!is_policy((int)policy)) return -EINVAL;
    return is_real_time((int)policy) ? 1 : 0;
}

long sys_sched_rr_get_interval(uint64_t pid, uint64_t out) {
    int policy, priority, error = look(pid, &policy, &priority);
    if (error) return error;
    const struct __kernel_timespec slice = {.tv_nsec = policy == SCHED_FIFO ? 0 : (long long)SLICE_NS};
    return copyout(out, &slice, sizeof slice) ? -EFAULT : 0;
}

/* ---- affinity ---- */

long sys_sched_setaffinity(uint64_t pid, uint64_t size, uint64_t user) {
    uint64_t mask = 0;
    if ((int)pid < 0) return -EINVAL;
    if (copyin(&mask, user, size < sizeof mask ? size : sizeof mask)) return -EFAULT;
    spin_lock(&process_lock);
    struct thread *t = named_locked((int)pid);
    int error = !t ? -ESRCH : !is_mine(t) ? -EPERM : !(mask & cpu_online_mask()) ? -EINVAL : 0;
    if (!error) sched_set_affinity(t, mask & cpu_online_mask());
    spin_unlock(&process_lock);
    return error;
}

/* Like Linux's call, answers the number of bytes written. */
long sys_sched_getaffinity(uint64_t pid, uint64_t size, uint64_t user) {
    uint64_t mask = 0;
    if (size < sizeof mask || size % sizeof mask || (int)pid < 0) return -EINVAL;
    spin_lock(&process_lock);
    const struct thread *t = named_locked((int)pid);
    if (t) mask = t->affinity & cpu_online_mask();
    spin_unlock(&process_lock);
    if (!t) return -ESRCH;
    return copyout(user, &mask, sizeof mask) ? -EFAULT : (long)sizeof mask;
}

/* Where the caller ran a moment ago. One node; the third argument is history. */
long sys_getcpu(uint64_t cpu, uint64_t node, uint64_t cache) {
    const uint32_t here = cpu_this()->id, zero = 0;
    (void)cache;
    if (cpu && copyout(cpu, &here, sizeof here)) return -EFAULT;
    if (node && copyout(node, &zero, sizeof zero)) return -EFAULT;
    return 0;
}

void sched_inherit(struct thread *child, const struct thread *parent) {
    child->policy = __atomic_load_n(&parent->policy, __ATOMIC_RELAXED); /* others may set the parent's meanwhile */
    child->priority = child->base_priority = __atomic_load_n(&parent->base_priority, __ATOMIC_RELAXED);
    child->affinity = __atomic_load_n(&parent->affinity, __ATOMIC_RELAXED);
}
