/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * fork, vfork, and clone as far as it is a fork.
 *
 * Everything that can fail comes first: the child's descriptor, its copy of the space (contract A7, A8:
 * no locks, and the parent pays nothing), its files, its thread. Only then does it enter the tree.
 *
 * vfork, and clone with CLONE_VM|CLONE_VFORK, give the child a copy and do not wait: POSIX lets vfork be
 * fork. clone that asks for sharing (threads) is ENOSYS.
 *
 * LOCKING  process_lock for the last step; nothing else knows the child before it.
 */
#include <asm/errno.h>

#include "arch/uaccess.h"
#include "kernel/file.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "gen/syscalls.h"

/* linux/sched.h has these for C programs of ring 3; the few that matter here. */
#define CLONE_EXIT_SIGNAL    0x000000fful
#define CLONE_VM             0x00000100ul
#define CLONE_VFORK          0x00004000ul
#define CLONE_PARENT_SETTID  0x00100000ul
#define CLONE_CHILD_CLEARTID 0x00200000ul
#define CLONE_CHILD_SETTID   0x01000000ul

struct fork_request {
    uint64_t flags;
    uint64_t stack;       /* 0: where the parent's is */
    uint64_t parent_tid, child_tid;
};

/* RLIMIT_NPROC: processes of the same real uid; uid 0 is free of it. */
static bool too_many(const struct process *parent) {
    uint64_t limit = parent->limits.of[RLIMIT_NPROC].soft, n = 0;
    if (parent->cred.uid == 0 || parent->cred.euid == 0 || limit == RLIM64_INFINITY) return false;
    spin_lock(&process_lock);
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p))
        n += p->cred.uid == parent->cred.uid;
    spin_unlock(&process_lock);
    return n >= limit;
}

static void inherit(struct process *child, const struct process *parent) {
    spin_lock(&process_lock);
    child->cred = parent->cred;
    child->limits = parent->limits;
    child->pgrp = parent->pgrp;
    child->session = parent->session;
    signals_fork(&child->signals, &parent->signals);
    __builtin_memcpy(child->name, parent->name, sizeof child->name);
    spin_unlock(&process_lock);
}

/* The child returns from the same call with 0, on the same stack or the one that was given. */
static void copy_thread(struct thread *child, struct thread *parent, const struct fork_request *r) {
    struct trapframe *tf = context_frame(&child->context);
    *tf = *context_frame(&parent->context);
    tf->rax = 0;
    trapframe_changed(tf);
    if (r->stack) tf->rsp = r->stack;
    child->context.fs_base = parent->context.fs_base;
    fpu_save(child->context.fpu);
    child->sigmask = parent->sigmask;
    child->altstack = parent->altstack;
    if (r->flags & CLONE_CHILD_CLEARTID) child->clear_tid = r->child_tid;
}

static void undo(struct process *child) {
    struct space *space = child->space;
    spin_lock(&process_lock);
    child->space = NULL;
    spin_unlock(&process_lock);
    if (space) space_drop(space);
    if (child->files) files_drop(child->files);
    child->files = NULL;
    process_free(child);
}

/* All that the child consists of, or an error and nothing. */
static int make_child(struct process *child, struct process *parent, struct thread **thread) {
    struct space *space;
    inherit(child, parent);
    int error = space_fork(parent->space, &space);
    if (error) return error;
    spin_lock(&process_lock);
    child->space = space;
    spin_unlock(&process_lock);
    child->files = files_copy(parent->files);
    if (!child->files) return -ENOMEM;
    *thread = thread_create_user(child, child->pid);
    return *thread ? 0 : -ENOMEM;
}

static void start(struct process *child, struct process *parent, struct thread *t) {
    spin_lock(&process_lock);
    process_publish_locked(child, parent, t);
    signal_recheck_locked(t); /* whoever found it in the table may have sent it one */
    spin_unlock(&process_lock);
    sched_start(t);
}

/* The pid is read before the child runs: it may be gone, and its memory with it, by the next line. */
static long do_fork(const struct fork_request *r) {
    struct process *parent = current_process();
    struct thread *t;
    if (too_many(parent)) return -EAGAIN;
    struct process *child = process_alloc();
    if (!child) return process_count() < PROCESS_MAX ? -ENOMEM : -EAGAIN;
    int pid = child->pid, error = make_child(child, parent, &t);
    if (error) {
        undo(child);
        return error;
    }
    copy_thread(t, current(), r);
    /* Linux ignores a bad address here as well. */
    if (r->flags & CLONE_CHILD_SETTID) (void)space_poke(child->space, r->child_tid, &pid, sizeof pid);
    if (r->flags & CLONE_PARENT_SETTID) (void)copyout(r->parent_tid, &pid, sizeof pid);
    start(child, parent, t);
    return pid;
}

long sys_fork(void) {
    return do_fork(&(struct fork_request){0});
}

long sys_vfork(void) {
    return do_fork(&(struct fork_request){0});
}

long sys_clone(uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t child_tid, uint64_t tls) {
    const uint64_t known = CLONE_EXIT_SIGNAL | CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
                           CLONE_CHILD_SETTID;
    uint64_t exit_signal = flags & CLONE_EXIT_SIGNAL;
    (void)tls;
    if (flags & ~known || ((flags & CLONE_VM) && !(flags & CLONE_VFORK))) return -ENOSYS;
    if (exit_signal != SIGCHLD) return exit_signal > SIGNALS ? -EINVAL : -ENOSYS;
    return do_fork(&(struct fork_request){flags, stack, parent_tid, child_tid});
}
