/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * clone: its flags sorted into what can be had, and one more thread in the running process.
 *
 *      CLONE_THREAD                      a thread: everything shared. Must come with VM, SIGHAND, FS, FILES.
 *      CLONE_VFORK | CLONE_VM            a process that borrows the space; the caller waits (kernel/fork.c)
 *      neither                           a process with a copy of everything
 *
 * Combinations that Linux calls wrong are EINVAL; right ones that no pthread library and no posix_spawn asks for (part
 * of the state shared between processes or threads) are ENOSYS; namespaces are EINVAL, as in a Linux without them.
 *
 * A thread's descriptor, stack and number are had before it is seen, and a thread that is seen runs: so a
 * failure leaves nothing, and whoever ends the process meanwhile finds all threads on its list.
 *
 * LOCKING  process_lock for the last step.
 * MISSING  clone3 (libraries fall back on clone), CLONE_PIDFD, CLONE_PARENT.
 */
#include "kernel/clone.h"

#include <asm/errno.h>

#include "arch/uaccess.h"
#include "kernel/kstack.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sys_sched.h"
#include "gen/syscalls.h"

/* ---- shared with fork ---- */

bool clone_permitted(const struct process *me) {
    uint64_t limit = limit_soft(RLIMIT_NPROC), n = 0;
    if (me->cred.uid == 0 || me->cred.euid == 0 || limit == RLIM64_INFINITY) return true;
    spin_lock(&process_lock);
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p))
        if (p->cred.uid == me->cred.uid) n += p->nlisted ? p->nlisted : 1; /* who is on its way out does not count */
    spin_unlock(&process_lock);
    return n < limit;
}

int clone_refused(void) {
    return kstack_none_left() ? -EAGAIN : -ENOMEM;
}

void clone_thread(struct thread *child, const struct clone_request *r) {
    struct thread *parent = current();
    struct trapframe *tf = context_frame(&child->context);
    *tf = *context_frame(&parent->context);
    tf->rax = 0;
    trapframe_changed(tf);
    if (r->stack) tf->rsp = r->stack;
    child->context.fs_base = r->flags & CLONE_SETTLS ? r->tls : parent->context.fs_base;
    fpu_save(child->context.fpu);
    child->sigmask = parent->sigmask;
    sched_inherit(child, parent);
    /* A handler may not run on the same stack as another thread's. */
    if ((r->flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM) child->altstack = parent->altstack;
    if (r->flags & CLONE_CHILD_CLEARTID) child->clear_tid = r->child_tid;
}

/* ---- a thread ---- */

/* In the process from here on, unless the process is ending or becoming another program. */
static int join(struct process *p, struct thread *t) {
    int error = 0;
    spin_lock(&process_lock);
    if (p->ending || p->taker || p->signals.fatal) error = -EINTR; /* the caller ends: nobody sees it */
    else if (!process_add_thread_locked(p, t)) error = -EAGAIN;
    else signal_recheck_locked(t);
    spin_unlock(&process_lock);
    return error;
}

static long new_thread(const struct clone_request *r) {
    struct process *p = current_process();
    if (!clone_permitted(p)) return -EAGAIN;
    struct thread *t = thread_create_user(p, 0);
    if (!t) return clone_refused();
    clone_thread(t, r);
    int error = join(p, t);
    if (error) {
        thread_discard(t);
        return error;
    }
    int tid = t->tid;
    if (r->flags & CLONE_PARENT_SETTID) (void)copyout(r->parent_tid, &tid, sizeof tid);
    if (r->flags & CLONE_CHILD_SETTID) (void)copyout(r->child_tid, &tid, sizeof tid);
    sched_start(t);
    return tid;
}

/* ---- the flags ---- */

/* Linux's own rules. */
static int check(uint64_t flags) {
    if (flags & (CLONE_NEWNS | CLONE_NEWSPACES)) return -EINVAL;
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) return -EINVAL;
    if ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED | CLONE_PARENT_SETTID | CLONE_THREAD))) return -EINVAL;
    return 0;
}

/* What is left out here. */
static int offered(uint64_t flags) {
    const uint64_t share = CLONE_FS | CLONE_FILES | CLONE_SIGHAND;
    if (flags & (CLONE_PIDFD | CLONE_PARENT)) return -ENOSYS;
    if (flags & CLONE_THREAD) return (flags & share) != share || (flags & CLONE_VFORK) ? -ENOSYS : 0;
    if (flags & share || (flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM) return -ENOSYS;
    uint64_t exit_signal = flags & CLONE_EXIT_SIGNAL;
    if (exit_signal != SIGCHLD) return exit_signal > SIGNALS ? -EINVAL : -ENOSYS;
    return 0;
}

/* The flags' upper half means nothing, as on Linux. PTRACE, UNTRACED, SYSVSEM and IO: there is nothing to trace or share. */
long sys_clone(uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t child_tid, uint64_t tls) {
    flags &= UINT32_MAX;
    int error = check(flags);
    if (!error) error = offered(flags);
    if (error) return error;
    if ((flags & CLONE_SETTLS) && tls >= USER_MAX) return -EPERM;
    const struct clone_request r = {flags, stack, parent_tid, child_tid, tls};
    return flags & CLONE_THREAD ? new_thread(&r) : clone_process(&r);
}

long sys_fork(void) {
    return clone_process(&(struct clone_request){.flags = SIGCHLD});
}

long sys_vfork(void) {
    return clone_process(&(struct clone_request){.flags = CLONE_VFORK | CLONE_VM | SIGCHLD});
}
