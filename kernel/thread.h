/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads: what the scheduler runs.
 *
 *      READY ----> RUNNING ----> DEAD      a thread is on exactly one of: a run queue (READY), a CPU
 *        ^  <----    |                     (RUNNING), a waitlist or nothing (SLEEPING); the timer tree
 *        |           v                     holds those that sleep with a deadline.
 *        +------- SLEEPING
 *        |
 *      MOVING      on its way to a queue (thread.cpu), in the hands of whoever makes it ready there
 *
 * A kernel thread has no process; it ends when its function returns. A user thread belongs to a process
 * and runs in that process's space; its trap frame stands at the top of its kernel stack.
 *
 * LOCKING  letters: S the run queue's lock; G the guard of the waitlist it sleeps on; P process_lock;
 *          - the thread itself alone, or constant.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/sigframe.h"
#include "kernel/lockdep.h"
#include "kernel/pi.h"
#include "kernel/sync.h"
#include "mm/types.h"

struct process;
struct sigpending;
struct space;

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_SLEEPING, THREAD_MOVING, THREAD_DEAD };

#define ALL_CPUS UINT64_MAX

#define PRIORITY_OTHER 0  /* time-shared: SCHED_OTHER and kernel threads */
#define PRIORITY_MAX   99 /* 1-99: SCHED_FIFO and SCHED_RR */

struct thread {
    struct context context;         /* -: while running; S: else */
    enum thread_state state;        /* S */
    int tid;                        /* P: the first thread of a process has the process's pid */
    int priority;                   /* S: what it runs at: its own, or what it inherits */
    int base_priority;              /* pi_lock: its own */
    int policy;                     /* P, and read atomically: SCHED_* of linux/sched.h */
    unsigned cpu;                   /* S: whose queue it belongs to, and so whose lock S is; changes as MOVING begins */
    uint64_t affinity;              /* S: CPUs that it may run on, bit = id */
    bool timed_out;                 /* S: the deadline woke it */
    bool interruptible;             /* S: sleeping, and a signal may wake it */
    bool kill_only;                 /* -: what interrupts it is ATTENTION_KILL alone */
    bool ending;                    /* -: on its way out: what it leaves in its memory may have to be waited for */
    bool waiting;                   /* G: on a waitlist */
    bool wait_shared;               /* G: for an rwlock, shared */
    bool wait_claims;               /* G: it came too late once; the lock is to be handed to it */
    bool wait_granted;              /* G: it has been */
    uint32_t attention;             /* ATTENTION_*: something to do before ring 3. Set atomically, by anyone under P */
    struct process *process;        /* -: NULL for a kernel thread */
    struct space *space;            /* -: what the CPU must have loaded while it runs; NULL: any */
    struct process *serves;         /* -: whose work this is, for failure injection; a user thread's own process */
    struct pi *waits_for;           /* pi_lock: the lock that it sleeps for */
    LIST_HEAD(, pi) contended;      /* pi_lock: locks of its that others wait for */
    struct thread *unsettled_next;  /* pi_lock: its priority is to be looked at anew... */
    bool unsettled;                 /* pi_lock: ...if so */
    struct rw_share shares[RW_SHARES]; /* G of the lock that each is of: what it holds shared */
    struct pi lent;                 /* pi_lock: a pager's share of what all pagers hold up; owner: NULL, or itself */
    struct thread *run_next;        /* S: run queue */
    struct thread *wait_next, *wait_prev; /* G */
    uint64_t deadline;              /* S */
    RB_ENTRY(thread) timer;         /* S: by (deadline, address) */
    uint64_t since;                 /* S: clock_now() when it was last given the CPU */
    uint64_t runtime;               /* S: nanoseconds on a CPU before `since` */
    uint64_t switches[2];           /* S: [0] it slept, [1] it was preempted or yielded */
    LIST_ENTRY(thread) of_process;  /* P */
    LIST_ENTRY(thread) by_tid;      /* P: bucket of the table of tids */
    struct { uint64_t runtime, switches[2]; } accounted; /* P: what the process has been told of already */
    uint64_t minor_faults;          /* - */
    struct sigframe_altstack altstack; /* -: sigaltstack; size 0: none */
    struct sigframe_fault fault;    /* -: the last exception in ring 3 that became a signal */
    uint64_t clear_tid;             /* -: set_tid_address: ring-3 address, cleared and woken at exit; 0: none */
    uint64_t robust_list;           /* P to write: set_robust_list's head in ring 3; 0: none */
    uint32_t pi_waiters;            /* atomic: threads that wait for a PI futex of this one; kernel/futex_pi.c */
    uint64_t sigmask;               /* P: blocked signals, bit sig-1 */
    uint64_t sigwait;               /* P: signals that it waits for in sigtimedwait, blocked or not */
    struct sigpending *sigpending;  /* -: sent to this very thread; at the top of its stack. NULL in a kernel thread */
    uint64_t sigsaved;              /* -: the mask from before sigsuspend... */
    bool sigsuspended;              /* -: ...is to be put back */
    uint64_t resume_call;           /* -: this call is being made again, by number, with the timeout begun before; 0: none */
    uint64_t resume_deadline;       /* -: the last relative timeout's end */
    void (*fn)(void *);             /* -: a kernel thread's function */
    void *arg;
    const char *name;               /* -: constant string */
    vaddr_t stack;                  /* -: lowest address of its kernel stack; 0: the boot stack */
    struct thread *dead_next;       /* S */
    struct held_locks held;         /* -: the sleeping ones; empty but in DEBUG kernels */
};

#define ATTENTION_SIGNAL 1u /* an unblocked signal that is not ignored is pending */
#define ATTENTION_KILL   2u /* the process is ending: this thread must not see ring 3 again */
#define ATTENTION_MEMORY 4u /* it owes frames to the kernel (kernel/pager.h): no reason to cut a sleep short */

static inline struct thread *current(void) {
    return cpu_thread();
}

/* What it runs at, at this moment: inheritance may change it. */
static inline int thread_urgency(const struct thread *t) {
    return __atomic_load_n(&t->priority, __ATOMIC_RELAXED);
}

/* The running thread's process; NULL in a kernel thread. */
static inline struct process *current_process(void) {
    return current()->process;
}

/* A fatal signal waits for this thread (or its process is ending): stop long work, undo, return -EINTR. */
bool thread_should_stop(void);

/* A kernel thread that runs fn(arg) and ends when it returns; ready at once. NULL: no memory. name: a constant string. */
struct thread *thread_create_kernel(const char *name, void (*fn)(void *), void *arg);

/* Threads that exist, idle ones included: for the baseline (contract I8). */
unsigned thread_count(void);

/*
 * Who ends can be seen to be gone (joined, waited for, its pipes at their end) a moment before the last of it is given back.
 * Between begin and end it is counted; sched_exit ends it too. What lies between is short: it waits for no request.
 */
void thread_ending_begin(void);
void thread_ending_end(void);
/* Until nothing is left of those that are ending now: before anything is counted. False: there was none, or the caller is to
 * end itself. No lock held. Sleeps. */
bool thread_settle(void);

/* ---- for the process half of kernel/ ---- */

/* The boot flow of control becomes the first thread: before any sleeping lock is taken. */
void thread_init_boot(void);
/* Caches and the idle thread: after mm_init. */
void thread_init(void);
/* Another CPU's idle thread, for it to start in (thread_idle, on its stack). NULL: no memory. */
struct thread *thread_create_idle(void);
/* Halt until there is something to do. Interrupts on. */
_Noreturn void thread_idle(void);
/* A user thread of a process, not yet ready, its trap frame unwritten. NULL: no memory. */
struct thread *thread_create_user(struct process *, int tid);
/* Frees one that never ran. */
void thread_discard(struct thread *);
/* The running thread ends; never returns. Its memory is reclaimed by whoever runs next. */
_Noreturn void thread_exit(void);
