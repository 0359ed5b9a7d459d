/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end of a process.
 *
 *      aio_process_exit      its requests end and undo themselves while the space still stands (P1)
 *      files                 pipes see their ends close
 *      space                 every page, lock and charge goes
 *      the tree              children go to process 1; the rest is a zombie, or nothing if the parent
 *                            ignores SIGCHLD
 *      thread_exit           preemption is off since the zombie could be seen: the thread is gone, stack and
 *                            all, before the parent on this CPU can look
 *
 * LOCKING  process_lock for the tree; the rest is done while nobody else can reach it.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>

#include "kernel/aio.h"
#include "kernel/assert.h"
#include "kernel/file.h"
#include "kernel/init.h"
#include "kernel/preempt.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/trace.h"
#include "kernel/usage.h"
#include "gen/syscalls.h"

#define NS_PER_TICK 10000000ul /* si_utime counts in hundredths */

static void give_up_memory(struct process *p) {
    usage_keep_space(p);
    spin_lock(&process_lock);
    struct space *space = p->space;
    p->space = NULL;
    spin_unlock(&process_lock);
    sched_set_space(NULL);
    space_drop(space);
}

static void give_up_files(struct process *p) {
    struct files *files = p->files;
    p->files = NULL;
    files_drop(files);
}

void process_wake_waiters_locked(struct process *p) {
    while (sched_wake_first(&p->child_event)) {}
}

/* Does the parent not want to know? (POSIX: SIG_IGN or SA_NOCLDWAIT for SIGCHLD) */
static bool unwanted(const struct process *parent) {
    const struct action *a = &parent->signals.action[SIGCHLD - 1];
    return a->handler == 1 || (a->flags & SA_NOCLDWAIT);
}

/* Tell the parent of a zombie; it may be freed by this. */
static void notify_parent_locked(struct process *p) {
    struct process *parent = p->parent;
    struct sigdata d = {.signo = SIGCHLD, .child = {.pid = p->pid, .uid = p->cred.uid}};
    bool killed = p->exit_status & 0x7f;
    d.code = killed ? CLD_KILLED : CLD_EXITED;
    d.child.status = killed ? p->exit_status & 0x7f : p->exit_status >> 8;
    d.child.utime = p->ended_threads.runtime / NS_PER_TICK;
    signal_post_locked(parent, NULL, &d, NULL);
    if (unwanted(parent)) process_free_locked(p);
    process_wake_waiters_locked(parent);
}

static void orphan_children_locked(struct process *p) {
    struct process *init = process_find_locked(1), *child;
    while ((child = LIST_FIRST(&p->children))) {
        LIST_REMOVE(child, sibling);
        child->parent = init;
        LIST_INSERT_HEAD(&init->children, child, sibling);
        if (child->state == PROCESS_ZOMBIE) notify_parent_locked(child);
    }
}

static void leave_tree(struct process *p) {
    struct thread *t = current();
    orphan_children_locked(p);
    usage_keep_thread_locked(p, t);
    LIST_REMOVE(t, of_process);
    signals_thread_exit_locked(p, t);
    signals_exit_locked(p);
    t->process = t->serves = NULL;
    p->state = PROCESS_ZOMBIE;
    notify_parent_locked(p);
}

_Noreturn void process_exit(int status) {
    struct process *p = current_process();
    spin_lock(&process_lock);
    ASSERT(p->state == PROCESS_ALIVE);
    p->state = PROCESS_EXITING;
    p->exit_status = status;
    spin_unlock(&process_lock);
    trace(TRACE_EXIT, (uint64_t)p->pid, (uint64_t)status);
    /* A signal that is still pending must not cut short what has to wait now. */
    __atomic_store_n(&current()->attention, 0, __ATOMIC_RELAXED);
    aio_process_exit(p);
    give_up_files(p);
    give_up_memory(p);
    if (p->pid == 1) shutdown(status);
    preempt_disable();
    spin_lock(&process_lock);
    leave_tree(p);
    spin_unlock(&process_lock);
    sched_exit();
}

/* One thread a process, so far: both end it. */
long sys_exit(uint64_t status) {
    process_exit((int)(status & 0xff) << 8);
}

long sys_exit_group(uint64_t status) {
    process_exit((int)(status & 0xff) << 8);
}
