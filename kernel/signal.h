/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals: sent, blocked, ignored, handled, or the end of the process.
 *
 *      sent --+-- to nobody who takes it now ---> waits (kernel/sigqueue.h) until unblocked or asked for
 *             +-- ignored ----------------------> dropped
 *             +-- by default the end -----------> signals.fatal; every thread ends on its way to ring 3
 *             '-- handled ----------------------> waits; one thread that takes it is woken, and on its way to
 *                                                 ring 3 builds the handler's frame (kernel/deliver.c)
 *
 * A thread takes what it does not block, and what it waits for in sigtimedwait. A signal to a process goes to any
 * such thread. Signals 1-64 are bits sig-1 of 64-bit sets, Linux's layout. Stop signals are dropped (there is no
 * job control): see docs/CAVEATS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <asm/signal.h>

#include "kernel/sigqueue.h"

struct process;
struct sigframe_altstack;
struct thread;
struct trapframe;

#define HANDLER_DEFAULT 0ul
#define HANDLER_IGNORE  1ul
#define UNBLOCKABLE     (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

/* One disposition: Linux's struct kernel_sigaction on x86-64. */
struct action {
    uint64_t handler;   /* SIG_DFL 0, SIG_IGN 1 */
    uint64_t flags;     /* SA_* */
    uint64_t restorer;
    uint64_t mask;
};

/* A process's. */
struct signals {
    struct action action[SIGNALS];
    struct sigpending pending; /* sent to the process; each thread has its own besides */
    uint64_t ignored;          /* those that would be dropped: SIG_IGN, or SIG_DFL of a signal that defaults to it */
    unsigned queued;           /* entries it pays for */
    int fatal;                 /* the one that is ending the process; 0: none */
};

/* ---- sending: from thread context; the _locked ones with process_lock held ---- */

/* From whom: SI_USER (kill) or SI_TKILL, the running process. */
struct sigdata sigdata_user(int sig, int code);

/*
 * Send to a process (t NULL: whichever thread takes it) or to one thread. e: the entry to wait on, which waits
 * nowhere yet; NULL: one is made for a real-time signal. 0: sent. 1: dropped, since it is ignored (or p is
 * ending). -EAGAIN: the limit of queued signals, or no memory; kill's and the kernel's own (SI_USER, SI_KERNEL) never
 * fail so, but then come without data and no more than once.
 */
int signal_post_locked(struct process *p, struct thread *t, const struct sigdata *, struct sigentry *e) REQUIRES(&process_lock);
/* As kill would. */
void signal_send(struct process *, int sig);
void signal_send_locked(struct process *, struct thread *t, int sig) REQUIRES(&process_lock);
/* To the running thread: SIGPIPE by pipes, say. The call then returns its own error (-EPIPE). */
void signal_self(int sig);
/* The running thread did it itself (an exception): blocked or ignored, it is the end. Says whether it is. */
bool signal_fault(const struct sigdata *);

/* What a sigevent names: thread tid of p, or (tid 0) the process. False: there is no such thread. process_lock held. */
bool signal_receiver_locked(struct process *p, int tid, struct thread **) REQUIRES(&process_lock);
/* May the running process be told so? SIGEV_SIGNAL or SIGEV_THREAD_ID, signal 1-64, a thread of its own (tid; else it
 * becomes 0). No lock held. */
bool signal_event_ok(int notify, int sig, int *tid);
/* It is decided: the process ends of it. process_lock held. */
void signal_doom_locked(struct process *, int sig) REQUIRES(&process_lock);

/* ---- acting ---- */

/* Set or clear t's ATTENTION_SIGNAL by what waits for it: after its mask or a disposition changed. process_lock held. */
void signal_recheck_locked(struct thread *t) REQUIRES(&process_lock);
/* The running thread's mask; what it then no longer takes, another may. */
void signal_set_mask_locked(uint64_t mask) REQUIRES(&process_lock);
/* `but` does not take these signals of the process any more, if they wait: the other threads are to look. */
void signal_offer_locked(struct process *, uint64_t set, const struct thread *but) REQUIRES(&process_lock);
/* On the way to ring 3 with ATTENTION_* set, interrupts on: acts on what is pending; may not return. */
void signal_act(struct trapframe *);
/* The next signal of the set, from the thread's own or the process's: false if there is none. */
bool signal_take_locked(struct thread *, uint64_t set, struct sigdata *) REQUIRES(&process_lock);
/* A taken signal came from a timer: count its overruns and start it anew. No lock held. */
void signal_taken(struct sigdata *);
/* Signals that waited for the running process were dropped: timers that sent them start anew. No lock held. */
void signal_dropped(void);

/* sigaltstack's change, asked with this stack pointer: 0, -EPERM, -EINVAL, -ENOMEM. */
int signal_set_altstack(const struct sigframe_altstack *, uint64_t sp);

/* ---- lives ---- */

/* fork: the child's dispositions are the parent's, nothing pending. exec: ignored stay ignored, the rest default. */
void signals_fork(struct signals *child, const struct signals *parent);
void signals_exec(struct signals *);
void signals_init(struct signals *);
/* process_lock held (or nobody else knows them). */
void signals_set_action(struct signals *, int sig, const struct action *);
/* A thread ends: what was sent to it is gone; what it was to take, another takes. It is off its process's list. */
void signals_thread_exit_locked(struct process *, struct thread *) REQUIRES(&process_lock);
/* The process ends: nothing waits any more. */
void signals_exit_locked(struct process *) REQUIRES(&process_lock);
