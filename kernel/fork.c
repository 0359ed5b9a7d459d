/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A new process: fork, vfork, and clone without CLONE_THREAD.
 *
 * Everything that can fail comes first: the child's descriptor, its copy of the space (contract A7, A8:
 * no locks, and the parent pays nothing), its files, its thread. Only then does it enter the tree. Of the
 * parent's threads the caller alone lives on in the child.
 *
 * CLONE_VM lends the child the space instead of a copy, until it calls exec or ends; CLONE_VFORK makes the
 * calling thread wait for that, which nothing but its own death cuts short. What is borrowed stays the owner's:
 * it goes by the owner's limits, and its faults are counted there.
 *
 *      struct vfork, on the waiting thread's stack  <--- child->vfork, until the child is done with it
 *
 * LOCKING  process_lock for the last step and for struct vfork; nothing else knows the child before it.
 */
#include <asm/errno.h>

#include "arch/uaccess.h"
#include "kernel/clone.h"
#include "kernel/file.h"
#include "kernel/process.h"
#include "kernel/sched.h"

struct vfork {
    bool done;              /* P */
    struct waitlist waiter; /* P */
};

static void inherit(struct process *child, const struct process *parent) {
    spin_lock(&process_lock);
    child->cred = parent->cred;
    child->limits = parent->limits;
    child->pgrp = parent->pgrp;
    child->session = parent->session;
    child->pager = parent->pager;
    signals_fork(&child->signals, &parent->signals);
    __builtin_memcpy(child->name, parent->name, sizeof child->name);
    spin_unlock(&process_lock);
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

static int lend_or_copy(struct process *child, struct process *parent, bool lend) {
    struct space *space = parent->space;
    int error = 0;
    if (lend) space_hold(space);
    else error = space_fork(parent->space, &space);
    if (error) return error;
    if (child->pager) space_set_pager(space);
    spin_lock(&process_lock);
    child->space = space;
    child->borrows = lend;
    spin_unlock(&process_lock);
    return 0;
}

/* All that the child consists of, or an error and nothing. */
static int make_child(struct process *child, struct process *parent, bool lend, struct thread **thread) {
    inherit(child, parent);
    int error = lend_or_copy(child, parent, lend);
    if (error) return error;
    child->files = files_copy(parent->files);
    if (!child->files) return -ENOMEM;
    *thread = thread_create_user(child, child->pid);
    return *thread ? 0 : clone_refused();
}

static void start(struct process *child, struct process *parent, struct thread *t, struct vfork *vfork) {
    spin_lock(&process_lock);
    child->vfork = vfork;
    process_publish_locked(child, parent, t);
    signal_recheck_locked(t); /* whoever found it in the table may have sent it one */
    spin_unlock(&process_lock);
    sched_start(t);
}

/* ---- vfork ---- */

void vfork_done_locked(struct process *child) {
    struct vfork *v = child->vfork;
    if (!v) return;
    child->vfork = NULL;
    v->done = true;
    sched_wake_first(&v->waiter);
}

/* Until it is done the child cannot go away, and to be killed is the only way out before. */
static void wait_for(struct process *child, struct vfork *v) {
    int error = 0;
    current()->kill_only = true;
    spin_lock(&process_lock);
    while (!v->done && !error) error = sched_sleep(&v->waiter, &process_lock, NO_DEADLINE, true);
    if (!v->done) child->vfork = NULL;
    spin_unlock(&process_lock);
    current()->kill_only = false;
}

/* The pid is read before the child runs: it may be gone, and its memory with it, by the next line. */
long clone_process(const struct clone_request *r) {
    struct process *parent = current_process();
    struct vfork vfork = {0};
    bool waits = r->flags & CLONE_VFORK;
    struct thread *t;
    if (!clone_permitted(parent)) return -EAGAIN;
    struct process *child = process_alloc();
    if (!child) return process_count() < PROCESS_MAX ? -ENOMEM : -EAGAIN;
    int pid = child->pid, error = make_child(child, parent, r->flags & CLONE_VM, &t);
    if (error) {
        undo(child);
        return error;
    }
    clone_thread(t, r);
    if (r->flags & CLONE_CHILD_SETTID) (void)space_poke(child->space, r->child_tid, &pid, sizeof pid);
    if (r->flags & CLONE_PARENT_SETTID) (void)copyout(r->parent_tid, &pid, sizeof pid);
    start(child, parent, t, waits ? &vfork : NULL);
    if (waits) wait_for(child, &vfork);
    return pid;
}
