/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Processes: a space, the threads that run in it, what it may do, and whose child it is.
 *
 *      init (1) --- shell (2) --- program (5)      children hang on their parent's list; orphans move to
 *                        \------- program (6)      process 1; a dead child is a zombie until waited for
 *
 * Other parts hang their own state here, opaque: files (kernel/file.h) and aio (kernel/aio.h). Life, as
 * far as they are concerned:
 *
 *      fork   files shared or copied by the files part; aio is NULL in the child (contract P2, R5)
 *      exec   aio_process_exec, then (cannot fail) close-on-exec
 *      exit   aio_process_exit first, while the space still stands (P1); then files, then the space
 *
 * Threads share all of it. One that ends leaves `threads` first, so that nobody sends it anything any more,
 * and is counted in nthreads until it has let go of everything: the last one there ends the process.
 *
 * LOCKING  P: process_lock, a spinlock over the tree, the table of pids, signals, identities and limits of
 *          all processes: sections are short, and one lock has no order to get wrong. 1: written, under P, by
 *          a thread that is the only one (nthreads is 1: before the first runs, in exec, at the end), so the
 *          process's own threads read it without. A process may be looked at under process_lock only; the
 *          running thread's own process is always safe to use.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/cred.h"
#include "kernel/inject.h"
#include "kernel/limits.h"
#include "kernel/ptimer.h"
#include "kernel/signal.h"
#include "kernel/sync.h"
#include "kernel/thread.h"
#include "mm/mm.h"

struct files;
struct aio_process;

enum process_state { PROCESS_ALIVE, PROCESS_EXITING, PROCESS_ZOMBIE };

/* What getrusage adds up; nanoseconds and counts. */
struct usage {
    uint64_t runtime;
    uint64_t minor_faults, major_faults;
    uint64_t voluntary, involuntary; /* switches */
    uint64_t max_resident;           /* pages */
};

#define PROCESS_NAME 16 /* Linux's TASK_COMM_LEN */
#define PROCESS_MAX  32767

struct process {
    int pid;                            /* constant */
    enum process_state state;           /* P */
    bool claimed;                       /* P: a zombie that a wait4 is about to take away */
    bool did_exec;                      /* P: setpgid by the parent is refused from here on */
    int pgrp, session;                  /* P */
    struct process *parent;             /* P: NULL for process 1 */
    LIST_HEAD(, process) children;      /* P */
    LIST_ENTRY(process) sibling;        /* P */
    LIST_ENTRY(process) by_pid;         /* P: bucket of the pid table */
    LIST_HEAD(, thread) threads;        /* P: those that may still see ring 3 */
    unsigned nlisted;                   /* P: how many these are, which is what anybody is told */
    unsigned nthreads;                  /* P: and those on their way out */
    struct thread *taker;               /* P: is in exec, and the others end; NULL: nobody */
    struct waitlist alone;              /* P: the taker, until nthreads is 1 */
    struct waitlist child_event;        /* P: threads in wait4 and waitid */
    struct space *space;                /* 1: its own reference; NULL in a zombie */
    struct vfork *vfork;                /* P: the space is borrowed, and who waits for it back; kernel/fork.c */
    bool pager;                         /* P to write, atomic: kernel/pager.h; once true, it stays. Children inherit it */
    bool borrows;                       /* 1: the space is another process's until exec (vfork) */
    struct files *files;                /* 1: the table has a lock of its own */
    struct aio_process *aio;            /* NULL until the first request; then set once, atomically; 1 to clear */
    struct cred cred;                   /* P; one field of its own may be read without */
    struct limits limits;               /* same */
    struct signals signals;             /* P */
    struct ptimers timers;              /* K: kernel/ptimer.h */
    bool ending;                        /* P: exit_status is final, and every thread ends */
    int exit_status;                    /* P: as wait4 gives it */
    struct usage ended_threads;         /* P: of its threads that are gone */
    struct usage children_usage;        /* P: of the children it has waited for */
    unsigned inject[INJECT_SITES];      /* atomic: kernel/inject.h; 0: not armed */
    const struct thread *passed;        /* atomic: its thread that came by an armed point last (kernel/race.c); never followed */
    char name[PROCESS_NAME];            /* 1: last part of what it executes */
};

extern struct spinlock process_lock;
/* Held from the change of a limit or a uid until the space knows, so that spaces are told in the order of the changes.
 * Before process_lock and mm/'s locks. */
extern struct mutex limits_mutex;

/* By pid, any state; NULL: none. process_lock held. */
struct process *process_find_locked(int pid) REQUIRES(&process_lock);
/* Next in the table after p (NULL: the first), in no order; for listings and audits. process_lock held. */
struct process *process_next_locked(const struct process *p) REQUIRES(&process_lock);
/* Processes that exist, zombies included. */
unsigned process_count(void);

static inline bool process_privileged(const struct process *p) {
    return p->cred.euid == 0;
}

/* Have its threads been told to end, by a fatal signal, exit_group or exec? A look without the lock: it stays so. */
static inline bool process_is_ending(const struct process *p) {
    return __atomic_load_n(&p->signals.fatal, __ATOMIC_RELAXED) || __atomic_load_n(&p->ending, __ATOMIC_RELAXED) ||
           __atomic_load_n(&p->taker, __ATOMIC_RELAXED);
}

/* Tell the space what its calls are judged by now: after any change of uid or limit. No lock held. May sleep. */
void process_push_limits(struct process *);

/* ---- the life of a process (kernel/ alone) ---- */

void process_init(void);
/* An empty process that has a pid and is in the table, its own group and session, no child of anybody.
 * NULL: no memory or no pid. */
struct process *process_alloc(void);
/* Out of the table and the tree, freed: it holds nothing any more (asserted). */
void process_free(struct process *);
void process_free_locked(struct process *) REQUIRES(&process_lock);
/* Whoever waits for a child of p looks again. */
void process_wake_waiters_locked(struct process *p) REQUIRES(&process_lock);
/* A child of parent (NULL: of nobody), with its first thread, whose tid is the pid. */
void process_publish_locked(struct process *, struct process *parent, struct thread *first) REQUIRES(&process_lock);
/* One more thread, with a tid of its own: false when there is none left. */
bool process_add_thread_locked(struct process *, struct thread *) REQUIRES(&process_lock);
/* exec: the only thread left is the process's first from now on. */
void process_take_pid_locked(struct process *, struct thread *) REQUIRES(&process_lock);
void process_space_limits_locked(const struct process *, struct space_limits *) REQUIRES(&process_lock);
/* It serves from now on, with all its threads (kernel/pager.h). No lock held. */
void process_set_pager(struct process *);
/* From the last part of a path. */
void process_set_name(struct process *, const char *path);

/* A thread of any process; NULL: none that may still see ring 3. process_lock held. */
struct thread *thread_by_tid_locked(int tid) REQUIRES(&process_lock);

/* ---- kernel/exit.c ---- */

/* The running process ends with this wait status, all its threads with it; the first to say so decides. */
_Noreturn void process_exit(int status);
/* ATTENTION_KILL on the way to ring 3: a signal, another thread's exit_group or its exec. The running thread ends. */
_Noreturn void thread_killed(void);
/* For exec: end all other threads, and wait until they are gone. 0, or -EAGAIN: the caller itself is to end. */
int process_end_other_threads(void);

/* ---- kernel/fork.c ---- */

/* The borrowed space (vfork) is no longer used: its owner goes on. process_lock held. */
void vfork_done_locked(struct process *) REQUIRES(&process_lock);
