/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * getrlimit, setrlimit, prlimit64 (contract B1): Linux's rules and defaults.
 *
 * Soft never above hard; a hard limit is lowered by anyone and raised by uid 0. A limit lowered below what
 * is in use takes nothing away. On 64 bits the three calls share one structure and one meaning.
 *
 * LOCKING  process_lock for the values; the space is told afterwards, without it.
 */
#include "kernel/limits.h"

#include <asm/errno.h>

#include "arch/uaccess.h"
#include "kernel/process.h"
#include "gen/syscalls.h"

_Static_assert(sizeof(struct limit) == sizeof(struct rlimit64) && sizeof(struct limit) == sizeof(struct rlimit),
               "copied to and from ring 3 as it is");

#define INF RLIM64_INFINITY

/* Linux's (asm-generic/resource.h, include/asm-generic/resource.h of the kernel); NPROC and SIGPENDING depend on RAM there. */
static const struct limits defaults = {.of = {
    [RLIMIT_CPU] = {INF, INF},
    [RLIMIT_FSIZE] = {INF, INF},
    [RLIMIT_DATA] = {INF, INF},
    [RLIMIT_STACK] = {8ul << 20, INF},
    [RLIMIT_CORE] = {0, INF},
    [RLIMIT_RSS] = {INF, INF},
    [RLIMIT_NPROC] = {4096, 4096},
    [RLIMIT_NOFILE] = {1024, 4096},
    [RLIMIT_MEMLOCK] = {8ul << 20, 8ul << 20},
    [RLIMIT_AS] = {INF, INF},
    [RLIMIT_LOCKS] = {INF, INF},
    [RLIMIT_SIGPENDING] = {4096, 4096},
    [RLIMIT_MSGQUEUE] = {819200, 819200},
    [RLIMIT_NICE] = {0, 0},
    [RLIMIT_RTPRIO] = {0, 0},
    [RLIMIT_RTTIME] = {INF, INF},
}};

void limits_init(struct limits *l) {
    *l = defaults;
}

uint64_t limit_soft(int resource) {
    return current_process()->limits.of[resource].soft;
}

/* Linux's rule for another process's limits: all of its identities are the caller's own. */
static bool may_touch(const struct process *p) {
    const struct cred *me = &current_process()->cred, *it = &p->cred;
    if (p == current_process() || me->euid == 0) return true;
    return me->uid == it->uid && me->uid == it->euid && me->uid == it->suid && me->gid == it->gid &&
           me->gid == it->egid && me->gid == it->sgid;
}

static int find_locked(int pid, struct process **found) REQUIRES(&process_lock) {
    struct process *p = pid ? process_find_locked(pid) : current_process();
    if (!p || p->state != PROCESS_ALIVE) return -ESRCH;
    if (!may_touch(p)) return -EPERM;
    *found = p;
    return 0;
}

static int get_limit(int pid, unsigned resource, struct limit *out) {
    struct process *p;
    spin_lock(&process_lock);
    int error = find_locked(pid, &p);
    if (!error) *out = p->limits.of[resource];
    spin_unlock(&process_lock);
    return error;
}

/* What the space is judged by after a change: a copy and a reference, to be given to it without the lock. */
static int set_locked(int pid, unsigned resource, const struct limit *l, struct space_limits *tell, struct space **space)
    REQUIRES(&process_lock) {
    struct process *p;
    int error = find_locked(pid, &p);
    if (error) return error;
    if (l->hard > p->limits.of[resource].hard && current_process()->cred.euid != 0) return -EPERM;
    p->limits.of[resource] = *l;
    if (!p->space || p->borrows) return 0;
    *space = p->space;
    process_space_limits_locked(p, tell);
    space_hold(p->space);
    return 0;
}

static int set_limit(int pid, unsigned resource, const struct limit *l) {
    struct space_limits tell;
    struct space *space = NULL;
    if (l->soft > l->hard) return -EINVAL;
    mutex_lock(&limits_mutex);
    spin_lock(&process_lock);
    int error = set_locked(pid, resource, l, &tell, &space);
    spin_unlock(&process_lock);
    if (space) space_set_limits(space, &tell);
    mutex_unlock(&limits_mutex);
    if (space) space_drop(space);
    return error;
}

/* The old value goes out before the new one holds: a call that fails has changed nothing. */
long sys_prlimit64(uint64_t pid, uint64_t resource, uint64_t new_limit, uint64_t old_limit) {
    struct limit old, new;
    if ((uint32_t)resource >= RLIM_NLIMITS) return -EINVAL;
    if (new_limit && copyin(&new, new_limit, sizeof new)) return -EFAULT;
    if (new_limit && new.soft > new.hard) return -EINVAL;
    int error = get_limit((int)pid, (uint32_t)resource, &old);
    if (error) return error;
    if (new_limit && new.hard > old.hard && current_process()->cred.euid != 0) return -EPERM;
    if (old_limit && copyout(old_limit, &old, sizeof old)) return -EFAULT;
    return new_limit ? set_limit((int)pid, (uint32_t)resource, &new) : 0;
}

long sys_getrlimit(uint64_t resource, uint64_t out) {
    if ((uint32_t)resource >= RLIM_NLIMITS) return -EINVAL;
    struct limit l;
    int error = get_limit(0, (uint32_t)resource, &l);
    return error ? error : copyout(out, &l, sizeof l);
}

long sys_setrlimit(uint64_t resource, uint64_t in) {
    struct limit l;
    if ((uint32_t)resource >= RLIM_NLIMITS) return -EINVAL;
    if (copyin(&l, in, sizeof l)) return -EFAULT;
    return set_limit(0, (uint32_t)resource, &l);
}
