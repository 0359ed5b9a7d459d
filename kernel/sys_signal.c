/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The system calls of signals: kill and its kin, dispositions, masks.
 *
 * LOCKING  process_lock; nothing is copied to or from ring 3 under it.
 */
#include <asm/errno.h>
#include <linux/signal.h>

#include "arch/uaccess.h"
#include "kernel/assert.h"
#include "kernel/process.h"
#include "gen/syscalls.h"

#define SET_SIZE 8 /* bytes of a signal set */

/* ---- kill ---- */

/* POSIX: the sender's real or effective uid is the receiver's real or saved one; SIGCONT within a session. */
static bool may_signal(const struct process *to, int sig) {
    const struct process *me = current_process();
    const struct cred *a = &me->cred, *b = &to->cred;
    if (a->euid == 0 || a->euid == b->suid || a->euid == b->uid || a->uid == b->suid || a->uid == b->uid) return true;
    return sig == SIGCONT && me->session == to->session;
}

static int send_checked_locked(struct process *p, struct thread *t, int sig) {
    if (!may_signal(p, sig)) return -EPERM;
    if (sig) signal_send_locked(p, t, sig);
    return 0;
}

/* group > 0: that process group; 0: everybody but process 1 and the caller. 0 if anyone could be signalled. */
static int send_many_locked(int group, int sig) {
    int result = -ESRCH;
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p)) {
        if (group ? p->pgrp != group : p->pid == 1 || p == current_process()) continue;
        int error = send_checked_locked(p, NULL, sig);
        if (result != 0) result = error;
    }
    return result;
}

static int send_one_locked(int pid, int sig) {
    struct process *p = process_find_locked(pid);
    return p ? send_checked_locked(p, NULL, sig) : -ESRCH;
}

long sys_kill(uint64_t to, uint64_t signal) {
    int pid = (int)to, sig = (int)signal, result;
    if (sig < 0 || sig > SIGNALS) return -EINVAL;
    if (pid == INT32_MIN) return -ESRCH;
    spin_lock(&process_lock);
    if (pid > 0) result = send_one_locked(pid, sig);
    else if (pid == -1) result = send_many_locked(0, sig);
    else result = send_many_locked(pid == 0 ? current_process()->pgrp : -pid, sig);
    spin_unlock(&process_lock);
    return result;
}

static struct thread *thread_find_locked(int tgid, int tid) {
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p)) {
        struct thread *t;
        if (tgid && p->pid != tgid) continue;
        LIST_FOREACH(t, &p->threads, of_process) if (t->tid == tid) return t;
    }
    return NULL;
}

static long send_thread(int tgid, int tid, int sig) {
    if (tid <= 0 || tgid < 0 || sig < 0 || sig > SIGNALS) return -EINVAL;
    spin_lock(&process_lock);
    struct thread *t = thread_find_locked(tgid, tid);
    int result = t ? send_checked_locked(t->process, t, sig) : -ESRCH;
    spin_unlock(&process_lock);
    return result;
}

long sys_tkill(uint64_t tid, uint64_t sig) {
    return send_thread(0, (int)tid, (int)sig);
}

long sys_tgkill(uint64_t tgid, uint64_t tid, uint64_t sig) {
    if ((int)tgid <= 0) return -EINVAL;
    return send_thread((int)tgid, (int)tid, (int)sig);
}

/* ---- dispositions ---- */

static void log_handler_once(void) {
    static bool said;
    if (__atomic_exchange_n(&said, true, __ATOMIC_RELAXED)) return;
    log_line("process %d (%s) wants a signal handler: not supported yet (said once)", current_process()->pid,
             current_process()->name);
}

static void set_action(int sig, const struct action *a) {
    struct process *p = current_process();
    struct thread *t;
    spin_lock(&process_lock);
    signals_set_action(&p->signals, sig, a);
    if (p->signals.ignored & SIGBIT(sig)) {
        p->signals.pending &= ~SIGBIT(sig);
        LIST_FOREACH(t, &p->threads, of_process) t->sigpending &= ~SIGBIT(sig);
    }
    spin_unlock(&process_lock);
}

long sys_rt_sigaction(uint64_t signal, uint64_t act, uint64_t old, uint64_t size) {
    int sig = (int)signal;
    struct action a;
    if (size != SET_SIZE || sig < 1 || sig > SIGNALS) return -EINVAL;
    if (act && copyin(&a, act, sizeof a)) return -EFAULT;
    if (act && (sig == SIGKILL || sig == SIGSTOP)) return -EINVAL;
    if (act && a.handler > 1) {
        log_handler_once();
        return -ENOSYS;
    }
    if (old && copyout(old, &current_process()->signals.action[sig - 1], sizeof a)) return -EFAULT;
    if (act) set_action(sig, &a);
    return 0;
}

/* ---- masks ---- */

static int new_mask(uint64_t how, uint64_t old, uint64_t set, uint64_t *mask) {
    switch ((int)how) {
    case SIG_BLOCK: *mask = old | set; break;
    case SIG_UNBLOCK: *mask = old & ~set; break;
    case SIG_SETMASK: *mask = set; break;
    default: return -EINVAL;
    }
    *mask &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
    return 0;
}

long sys_rt_sigprocmask(uint64_t how, uint64_t set, uint64_t old_set, uint64_t size) {
    struct thread *t = current();
    uint64_t in, old = t->sigmask, mask = old;
    if (size != SET_SIZE) return -EINVAL;
    if (set) {
        if (copyin(&in, set, sizeof in)) return -EFAULT;
        int error = new_mask(how, old, in, &mask);
        if (error) return error;
    }
    if (old_set && copyout(old_set, &old, sizeof old)) return -EFAULT;
    if (mask == old) return 0;
    spin_lock(&process_lock);
    t->sigmask = mask;
    signal_recheck_locked(t);
    spin_unlock(&process_lock);
    return 0;
}

long sys_rt_sigpending(uint64_t out, uint64_t size) {
    struct thread *t = current();
    if (size > SET_SIZE) return -EINVAL;
    spin_lock(&process_lock);
    uint64_t pending = (t->sigpending | t->process->signals.pending) & t->sigmask;
    spin_unlock(&process_lock);
    return copyout(out, &pending, size);
}

/* Kept for when there are handlers to run on it. */
long sys_sigaltstack(uint64_t in, uint64_t out) {
    struct thread *t = current();
    stack_t new, old = {
        .ss_sp = (void *)t->altstack.sp,
        .ss_flags = t->altstack.size ? 0 : SS_DISABLE,
        .ss_size = t->altstack.size,
    };
    if (in && copyin(&new, in, sizeof new)) return -EFAULT;
    if (in && new.ss_flags & ~SS_DISABLE) return -EINVAL;
    if (in && !(new.ss_flags & SS_DISABLE) && new.ss_size < MINSIGSTKSZ) return -ENOMEM;
    if (out && copyout(out, &old, sizeof old)) return -EFAULT;
    if (!in) return 0;
    bool off = new.ss_flags & SS_DISABLE;
    t->altstack.sp = off ? 0 : (uint64_t)new.ss_sp;
    t->altstack.size = off ? 0 : new.ss_size;
    return 0;
}
