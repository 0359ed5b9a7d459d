/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end of a thread, and with the last one the end of its process.
 *
 *      robust futexes        what it held is marked, while its memory still stands and its tid is still its own
 *      off the list          nobody sends it a signal or waits for it any more
 *      other futexes         who waits for it is woken
 *      nthreads - 1          more are left: the thread goes, and the process stays
 *      aio_process_exit      requests end and undo themselves while the space still stands (P1)
 *      files                 pipes see their ends close
 *      space                 every page, lock and charge goes
 *      the tree              children go to process 1; the rest is a zombie, or nothing if the parent
 *                            ignores SIGCHLD
 *      sched_exit            preemption is off since the zombie could be seen: the thread is gone, stack and
 *                            all, before the parent on this CPU can look
 *
 * exit ends the calling thread; the last to call it gives the process its status (as on Linux since 6.1).
 * exit_group, a fatal signal and exec set `ending` or `taker` and give the other threads ATTENTION_KILL: wherever
 * they are, they leave their calls as for a signal and end on the way to ring 3.
 *
 * LOCKING  process_lock for the tree and the list of threads; the rest is done while nobody else can reach it.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>

#include "kernel/aio.h"
#include "kernel/assert.h"
#include "kernel/file.h"
#include "kernel/futex.h"
#include "kernel/kstack.h"
#include "kernel/init.h"
#include "kernel/preempt.h"
#include "kernel/process.h"
#include "kernel/race.h"
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
    vfork_done_locked(p);
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
static void notify_parent_locked(struct process *p) REQUIRES(&process_lock) {
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

static void orphan_children_locked(struct process *p) REQUIRES(&process_lock) {
    struct process *init = process_find_locked(1), *child;
    while ((child = LIST_FIRST(&p->children))) {
        LIST_REMOVE(child, sibling);
        child->parent = init;
        LIST_INSERT_HEAD(&init->children, child, sibling);
        if (child->state == PROCESS_ZOMBIE) notify_parent_locked(child);
    }
}

static void leave_tree(struct process *p) REQUIRES(&process_lock) {
    struct thread *t = current();
    orphan_children_locked(p);
    usage_keep_thread_locked(p, t);
    signals_exit_locked(p);
    t->process = t->serves = NULL;
    p->nthreads = 0;
    p->state = PROCESS_ZOMBIE;
    notify_parent_locked(p);
}

/* The last thread of a process takes all of it along. */
static _Noreturn void end_process(struct process *p) {
    thread_ending_end(); /* for requests, it may take as long as it likes */
    trace(TRACE_EXIT, (uint64_t)p->pid, (uint64_t)p->exit_status);
    ptimers_exit(p);
    aio_process_exit(p);
    thread_ending_begin();
    give_up_files(p);
    give_up_memory(p);
    if (p->pid == 1) shutdown(p->exit_status);
    preempt_disable();
    spin_lock(&process_lock);
    leave_tree(p);
    spin_unlock(&process_lock);
    sched_exit();
}

/* ---- one thread ---- */

/* From here on nobody finds it, so nobody interrupts what it has to do still: a signal that is pending is somebody else's. */
static void leave_list(struct process *p, struct thread *t) {
    spin_lock(&process_lock);
    LIST_REMOVE(t, of_process);
    LIST_REMOVE(t, by_tid);
    p->nlisted--;
    usage_keep_thread_locked(p, t);
    signals_thread_exit_locked(p, t);
    spin_unlock(&process_lock);
    __atomic_store_n(&t->attention, 0, __ATOMIC_RELAXED);
}

/* Gone, unless it is the last. */
static void leave_process(struct process *p, struct thread *t) {
    spin_lock(&process_lock);
    if (p->nthreads == 1) {
        p->state = PROCESS_EXITING;
        spin_unlock(&process_lock);
        return;
    }
    preempt_disable();
    sched_set_space(NULL); /* the last one, which may be next, frees it */
    usage_keep_thread_locked(p, t);
    t->process = t->serves = NULL;
    if (--p->nthreads == 1) sched_wake_first(&p->alone);
    spin_unlock(&process_lock);
    sched_exit();
}

static _Noreturn void end_thread(void) {
    struct process *p = current_process();
    struct thread *t = current();
    kstack_trim(KSTACK_BATCH); /* of those that ended before */
    t->ending = true;
    futex_thread_ends(t);
    thread_ending_begin();
    race_point(RACE_THREAD_ENDS);
    leave_list(p, t);
    futex_thread_gone(t);
    leave_process(p, t);
    end_process(p);
}

/* ---- all of them ---- */

static void kill_others_locked(struct process *p) REQUIRES(&process_lock) {
    struct thread *t;
    LIST_FOREACH(t, &p->threads, of_process) {
        if (t == current()) continue;
        __atomic_or_fetch(&t->attention, ATTENTION_KILL, __ATOMIC_SEQ_CST);
        sched_interrupt(t);
    }
    aio_event();
}

/* While another thread takes the process over, it is the process's fate: the caller just goes. */
_Noreturn void process_exit(int status) {
    struct process *p = current_process();
    spin_lock(&process_lock);
    if (!p->ending && (!p->taker || p->taker == current())) {
        p->ending = true;
        p->exit_status = status;
        kill_others_locked(p);
    }
    spin_unlock(&process_lock);
    end_thread();
}

_Noreturn void thread_killed(void) {
    int fatal = __atomic_load_n(&current_process()->signals.fatal, __ATOMIC_RELAXED);
    if (fatal) process_exit(fatal);
    end_thread();
}

int process_end_other_threads(void) {
    struct process *p = current_process();
    spin_lock(&process_lock);
    bool mine = !p->ending && !p->taker && !p->signals.fatal;
    if (mine) {
        p->taker = current();
        kill_others_locked(p);
        while (p->nthreads > 1) sched_sleep(&p->alone, &process_lock, NO_DEADLINE, false);
        p->taker = NULL;
        if (p->signals.fatal) mine = false;
        else if (current()->tid != p->pid) process_take_pid_locked(p, current());
    }
    spin_unlock(&process_lock);
    return mine ? 0 : -EAGAIN;
}

/* The last one's status is the process's, unless somebody ends it as a whole. */
long sys_exit(uint64_t status) {
    struct process *p = current_process();
    spin_lock(&process_lock);
    if (!p->ending) p->exit_status = (int)(status & 0xff) << 8;
    spin_unlock(&process_lock);
    end_thread();
}

long sys_exit_group(uint64_t status) {
    process_exit((int)(status & 0xff) << 8);
}
