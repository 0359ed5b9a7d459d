/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Processes: a space, what it may do, and whose child it is.
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
 * LOCKING  P: process_lock, a spinlock over the tree, the table of pids, signals, identities and limits of
 *          all processes: sections are short, and one lock has no order to get wrong. -: the process's own
 *          threads alone. A process may be looked at under process_lock only; the running thread's own
 *          process is always safe to use.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/cred.h"
#include "kernel/inject.h"
#include "kernel/limits.h"
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
    LIST_HEAD(, thread) threads;        /* P: one, until threads can be made */
    struct waitlist child_event;        /* P: threads in wait4 and waitid */
    struct space *space;                /* -: its own reference; changed by exec alone; NULL in a zombie */
    struct files *files;                /* - */
    struct aio_process *aio;            /* -: NULL until the first request */
    struct cred cred;                   /* P to write or to read another's; its own reads need no lock */
    struct limits limits;               /* same */
    struct signals signals;             /* P */
    int exit_status;                    /* P: as wait4 gives it */
    struct usage ended_threads;         /* P: of its threads that are gone */
    struct usage children_usage;        /* P: of the children it has waited for */
    unsigned inject[INJECT_SITES];      /* -: kernel/inject.h; 0: not armed */
    char name[PROCESS_NAME];            /* -: last part of what it executes */
};

extern struct spinlock process_lock;

/* By pid, any state; NULL: none. process_lock held. */
struct process *process_find_locked(int pid);
/* Next in the table after p (NULL: the first), in no order; for listings and audits. process_lock held. */
struct process *process_next_locked(const struct process *p);
/* Processes that exist, zombies included. */
unsigned process_count(void);

static inline bool process_privileged(const struct process *p) {
    return p->cred.euid == 0;
}

/* Tell the space what its calls are judged by now: after any change of uid or limit. No lock held. */
void process_push_limits(struct process *);

/* ---- the life of a process (kernel/ alone) ---- */

void process_init(void);
/* An empty process that has a pid and is in the table, its own group and session, no child of anybody.
 * NULL: no memory or no pid. */
struct process *process_alloc(void);
/* Out of the table and the tree, freed: it holds nothing any more (asserted). */
void process_free(struct process *);
void process_free_locked(struct process *);
/* Whoever waits for a child of p looks again. */
void process_wake_waiters_locked(struct process *p);
/* A child of parent (NULL: of nobody), with its first thread. */
void process_publish_locked(struct process *, struct process *parent, struct thread *first);
void process_space_limits_locked(const struct process *, struct space_limits *);
/* From the last part of a path. */
void process_set_name(struct process *, const char *path);

/* kernel/exit.c: the running process ends with this wait status. */
_Noreturn void process_exit(int status);
