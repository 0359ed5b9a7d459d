/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * wait4 and waitid: learning of the end of a child, and taking the zombie away.
 *
 * A zombie is claimed under the lock, reported without it, and then taken away; if the report cannot be
 * delivered (EFAULT), the claim is dropped and nothing has happened.
 *
 * LOCKING  process_lock; sleepers are on the parent's child_event list.
 * MISSING  stopped and continued children: there are none.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/wait.h>

#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/usage.h"
#include "gen/syscalls.h"

/* Which children, and how. */
struct wait {
    int which;          /* P_ALL, P_PID or P_PGID */
    int id;
    bool no_hang;
    bool leave;         /* WNOWAIT: it stays to be waited for */
};

/* What is reported of a child. */
struct outcome {
    struct process *child;
    int pid, status;
    uint32_t uid;
    struct usage usage;
};

static bool wanted(const struct wait *w, const struct process *child) {
    return w->which == P_ALL || (w->which == P_PID ? child->pid : child->pgrp) == w->id;
}

static struct outcome claim_locked(struct process *child) REQUIRES(&process_lock) {
    child->claimed = true;
    struct outcome o = {child, child->pid, child->exit_status, child->cred.uid, child->ended_threads};
    usage_add(&o.usage, &child->children_usage);
    return o;
}

/* 1: *o is a claimed zombie. 0: there are children, none has ended. -ECHILD: no such child. */
static int look_locked(const struct wait *w, struct outcome *o) REQUIRES(&process_lock) {
    struct process *child;
    int found = -ECHILD;
    LIST_FOREACH(child, &current_process()->children, sibling) {
        if (!wanted(w, child)) continue;
        if (child->state == PROCESS_ZOMBIE && !child->claimed) {
            *o = claim_locked(child);
            return 1;
        }
        found = 0;
    }
    return found;
}

/* As look_locked, sleeping until there is something to see. Also -EINTR. */
static int wait_for(const struct wait *w, struct outcome *o) {
    struct process *me = current_process();
    int found, error = 0;
    spin_lock(&process_lock);
    while ((found = look_locked(w, o)) == 0 && !w->no_hang && !error)
        error = sched_sleep(&me->child_event, &process_lock, NO_DEADLINE, true);
    spin_unlock(&process_lock);
    return found == 0 && error ? error : found;
}

/* Take it away, or leave it as it was. */
static void settle(const struct outcome *o, bool take) {
    struct process *me = current_process();
    spin_lock(&process_lock);
    if (take) {
        usage_add(&me->children_usage, &o->usage);
        process_free_locked(o->child);
    } else {
        o->child->claimed = false; /* NOLINT(clang-analyzer-core.NullDereference): wait_for found one */
        process_wake_waiters_locked(me);
    }
    spin_unlock(&process_lock);
}

/* wait4's and waitpid's way to name children (POSIX): > 0 this one; -1 any; 0 the caller's group; < -1 the group -pid. */
static struct wait wait_by_pid(int pid, uint64_t options) {
    struct wait w = {.no_hang = options & WNOHANG, .which = P_PGID, .id = -pid};
    if (pid == -1) w.which = P_ALL;
    if (pid == 0) w.id = current_process()->pgrp;
    if (pid > 0) w = (struct wait){.no_hang = w.no_hang, .which = P_PID, .id = pid};
    return w;
}

long sys_wait4(uint64_t pid, uint64_t status, uint64_t options, uint64_t rusage) {
    const uint32_t known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL | __WCLONE;
    struct outcome o = {0};
    if ((uint32_t)options & ~known) return -EINVAL;
    if ((int)pid == INT32_MIN) return -ESRCH;
    /* Children made with another exit signal than SIGCHLD: there are none. */
    if (((uint32_t)options & (__WCLONE | __WALL)) == __WCLONE) return -ECHILD;
    const struct wait w = wait_by_pid((int)pid, options);
    int found = wait_for(&w, &o);
    if (found <= 0) return found;
    bool told = (!status || !copyout(status, &o.status, sizeof o.status)) && (!rusage || !usage_copyout(rusage, &o.usage));
    settle(&o, told);
    return told ? o.pid : -EFAULT;
}

/* P_PGID with 0 is the caller's group, as on Linux. */
static int waitid_which(uint64_t type, uint64_t id, struct wait *w) {
    w->which = (int)type;
    w->id = (int)id;
    if (w->which == P_ALL) return 0;
    if (w->which == P_PID) return w->id > 0 ? 0 : -EINVAL;
    if (w->which != P_PGID || w->id < 0) return -EINVAL;
    if (w->id == 0) w->id = current_process()->pgrp;
    return 0;
}

static int waitid_report(uint64_t user, const struct outcome *o) {
    siginfo_t info;
    __builtin_memset(&info, 0, sizeof info);
    if (o) {
        bool killed = o->status & 0x7f;
        info.si_signo = SIGCHLD;
        info.si_code = killed ? CLD_KILLED : CLD_EXITED;
        info.si_pid = o->pid;
        info.si_uid = o->uid;
        info.si_status = killed ? o->status & 0x7f : o->status >> 8;
    }
    return user ? copyout(user, &info, sizeof info) : 0;
}

long sys_waitid(uint64_t type, uint64_t id, uint64_t info, uint64_t options, uint64_t rusage) {
    const uint32_t known = WNOHANG | WEXITED | WSTOPPED | WCONTINUED | WNOWAIT | __WNOTHREAD | __WALL | __WCLONE;
    struct outcome o = {0};
    struct wait w = {.no_hang = options & WNOHANG, .leave = options & WNOWAIT};
    if ((uint32_t)options & ~known || !(options & (WEXITED | WSTOPPED | WCONTINUED))) return -EINVAL;
    int found = waitid_which(type, id, &w);
    if (found == 0 && !(options & WEXITED)) return -ECHILD; /* none ever stops: do not sleep for ever */
    if (found == 0) found = wait_for(&w, &o);
    if (found < 0) return found;
    if (found == 0) return waitid_report(info, NULL);
    bool told = !waitid_report(info, &o) && (!rusage || !usage_copyout(rusage, &o.usage));
    settle(&o, told && !w.leave);
    return told ? 0 : -EFAULT;
}
