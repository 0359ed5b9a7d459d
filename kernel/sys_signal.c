/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The system calls of signals: kill and its kin, dispositions, masks, the alternate stack. Waiting for signals is
 * in kernel/sys_sigwait.c.
 *
 * LOCKING  process_lock; nothing is copied to or from ring 3 under it.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <linux/signal.h>

#include "arch/sigframe.h"
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

/* d->signo 0: only asks. */
static int send_checked_locked(struct process *p, struct thread *t, const struct sigdata *d) REQUIRES(&process_lock) {
    if (!may_signal(p, d->signo)) return -EPERM;
    int error = d->signo ? signal_post_locked(p, t, d, NULL) : 0;
    return error < 0 ? error : 0;
}

/* group > 0: that process group; 0: everybody but process 1 and the caller. 0 if anyone could be signalled. */
static int send_many_locked(int group, const struct sigdata *d) REQUIRES(&process_lock) {
    int result = -ESRCH;
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p)) {
        if (group ? p->pgrp != group : p->pid == 1 || p == current_process()) continue;
        int error = send_checked_locked(p, NULL, d);
        if (result != 0) result = error;
    }
    return result;
}

static int send_one_locked(int pid, const struct sigdata *d) REQUIRES(&process_lock) {
    struct process *p = process_find_locked(pid);
    return p ? send_checked_locked(p, NULL, d) : -ESRCH;
}

long sys_kill(uint64_t to, uint64_t signal) {
    int pid = (int)to, sig = (int)signal, result;
    const struct sigdata d = sigdata_user(sig, SI_USER);
    if (sig < 0 || sig > SIGNALS) return -EINVAL;
    if (pid == INT32_MIN) return -ESRCH;
    spin_lock(&process_lock);
    if (pid > 0) result = send_one_locked(pid, &d);
    else if (pid == -1) result = send_many_locked(0, &d);
    else result = send_many_locked(pid == 0 ? current_process()->pgrp : -pid, &d);
    spin_unlock(&process_lock);
    return result;
}

static struct thread *thread_find_locked(int tgid, int tid) REQUIRES(&process_lock) {
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p)) {
        struct thread *t;
        if (tgid && p->pid != tgid) continue;
        LIST_FOREACH(t, &p->threads, of_process) if (t->tid == tid) return t;
    }
    return NULL;
}

static long send_thread(int tgid, int tid, const struct sigdata *d) {
    if (tid <= 0 || tgid < 0 || d->signo < 0 || d->signo > SIGNALS) return -EINVAL;
    spin_lock(&process_lock);
    struct thread *t = thread_find_locked(tgid, tid);
    int result = t ? send_checked_locked(t->process, t, d) : -ESRCH;
    spin_unlock(&process_lock);
    return result;
}

long sys_tkill(uint64_t tid, uint64_t sig) {
    const struct sigdata d = sigdata_user((int)sig, SI_TKILL);
    return send_thread(0, (int)tid, &d);
}

long sys_tgkill(uint64_t tgid, uint64_t tid, uint64_t sig) {
    const struct sigdata d = sigdata_user((int)sig, SI_TKILL);
    if ((int)tgid <= 0) return -EINVAL;
    return send_thread((int)tgid, (int)tid, &d);
}

/* ---- signals with data ---- */

/* A program may say what it likes to itself; to others nothing that looks as if the kernel or kill had sent it. */
static int data_from_user(struct sigdata *d, int sig, uint64_t info, bool self) {
    if (copyin(d, info, sizeof *d)) return -EFAULT;
    if (!self && (d->code >= 0 || d->code == SI_TKILL)) return -EPERM;
    d->signo = sig;
    return 0;
}

long sys_rt_sigqueueinfo(uint64_t to, uint64_t sig, uint64_t info) {
    struct sigdata d;
    int pid = (int)to, error = data_from_user(&d, (int)sig, info, pid == current_process()->pid);
    if (error) return error;
    if (d.signo < 0 || d.signo > SIGNALS) return -EINVAL;
    if (pid <= 0) return -ESRCH;
    spin_lock(&process_lock);
    int result = send_one_locked(pid, &d);
    spin_unlock(&process_lock);
    return result;
}

long sys_rt_tgsigqueueinfo(uint64_t tgid, uint64_t tid, uint64_t sig, uint64_t info) {
    struct sigdata d;
    int error = data_from_user(&d, (int)sig, info, (int)tid == current()->tid);
    if (error) return error;
    if ((int)tgid <= 0) return -EINVAL;
    return send_thread((int)tgid, (int)tid, &d);
}

/* ---- dispositions ---- */

static void set_action(int sig, const struct action *a) {
    struct process *p = current_process();
    struct thread *t;
    spin_lock(&process_lock);
    signals_set_action(&p->signals, sig, a);
    bool ignored = p->signals.ignored & SIGBIT(sig);
    if (ignored) {
        sigpending_flush_locked(&p->signals.pending, SIGBIT(sig));
        LIST_FOREACH(t, &p->threads, of_process) sigpending_flush_locked(t->sigpending, SIGBIT(sig));
    }
    spin_unlock(&process_lock);
    if (ignored) signal_dropped();
}

/* Linux's flags; unknown ones are cleared, so that a program can ask which there are. */
#define SA_KNOWN (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_RESTORER)

long sys_rt_sigaction(uint64_t signal, uint64_t act, uint64_t old, uint64_t size) {
    int sig = (int)signal;
    struct action a = {0}, was;
    if (size != SET_SIZE || sig < 1 || sig > SIGNALS) return -EINVAL;
    if (act && copyin(&a, act, sizeof a)) return -EFAULT;
    if (act && (UNBLOCKABLE & SIGBIT(sig))) return -EINVAL;
    spin_lock(&process_lock);
    was = current_process()->signals.action[sig - 1];
    spin_unlock(&process_lock);
    if (old && copyout(old, &was, sizeof was)) return -EFAULT;
    a.flags &= SA_KNOWN;
    a.mask &= ~UNBLOCKABLE;
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
    *mask &= ~UNBLOCKABLE;
    return 0;
}

long sys_rt_sigprocmask(uint64_t how, uint64_t set, uint64_t old_set, uint64_t size) {
    uint64_t in, old = current()->sigmask, mask = old;
    if (size != SET_SIZE) return -EINVAL;
    if (set) {
        if (copyin(&in, set, sizeof in)) return -EFAULT;
        int error = new_mask(how, old, in, &mask);
        if (error) return error;
    }
    if (old_set && copyout(old_set, &old, sizeof old)) return -EFAULT;
    if (mask == old) return 0;
    spin_lock(&process_lock);
    signal_set_mask_locked(mask);
    spin_unlock(&process_lock);
    return 0;
}

long sys_rt_sigpending(uint64_t out, uint64_t size) {
    struct thread *t = current();
    if (size > SET_SIZE) return -EINVAL;
    spin_lock(&process_lock);
    uint64_t pending = (t->sigpending->set | t->process->signals.pending.set) & t->sigmask;
    spin_unlock(&process_lock);
    return copyout(out, &pending, size);
}

/* ---- the alternate stack ---- */

static uint64_t altstack_min(void) {
    uint64_t frame = sigframe_size();
    return frame > MINSIGSTKSZ ? frame : MINSIGSTKSZ;
}

static int check_altstack(const struct sigframe_altstack *new, uint32_t now) {
    uint32_t mode = new->flags & ~(uint32_t)SS_FLAG_BITS;
    if (now & SS_ONSTACK) return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) return -EINVAL;
    return mode != SS_DISABLE && new->size < altstack_min() ? -ENOMEM : 0;
}

/* What sigaltstack tells: SS_ONSTACK is not asked of one that is disarmed while in use. */
static uint32_t altstack_flags(const struct sigframe_altstack *a, uint64_t sp) {
    bool on = !(a->flags & SS_AUTODISARM) && sp > a->sp && sp - a->sp <= a->size;
    return (a->size ? on ? SS_ONSTACK : 0 : SS_DISABLE) | (a->flags & SS_AUTODISARM);
}

int signal_set_altstack(const struct sigframe_altstack *new, uint64_t sp) {
    struct sigframe_altstack *a = &current()->altstack;
    int error = check_altstack(new, altstack_flags(a, sp));
    if (error) return error;
    *a = (struct sigframe_altstack){.flags = new->flags};
    if (!(new->flags & SS_DISABLE)) a->sp = new->sp, a->size = new->size;
    return 0;
}

long sys_sigaltstack(uint64_t in, uint64_t out) {
    struct thread *t = current();
    uint64_t sp = context_frame(&t->context)->rsp;
    stack_t new = {0}, old = {
        .ss_sp = (void *)t->altstack.sp,
        .ss_flags = (int)altstack_flags(&t->altstack, sp),
        .ss_size = t->altstack.size,
    };
    if (in && copyin(&new, in, sizeof new)) return -EFAULT;
    const struct sigframe_altstack a = {(uint64_t)new.ss_sp, new.ss_size, (uint32_t)new.ss_flags};
    int error = in ? signal_set_altstack(&a, sp) : 0;
    if (error) return error;
    return out && copyout(out, &old, sizeof old) ? -EFAULT : 0;
}
