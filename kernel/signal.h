/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals: sent, blocked, ignored, or the end of the process.
 *
 * Dispositions are SIG_DFL and SIG_IGN; handlers come with the next step (rt_sigaction with a function
 * answers ENOSYS), and the action table already holds all that they need. Signals 1-64 are bits sig-1 of
 * 64-bit sets, Linux's layout. A signal that is ignored when it is sent is dropped; one that is blocked
 * waits in its set. Stop signals are dropped (there is no job control): see docs/CAVEATS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <asm/signal.h>

struct process;
struct thread;
struct trapframe;

#define SIGNALS     64
#define SIGBIT(sig) (1ul << ((sig) - 1))

/* One disposition: Linux's struct kernel_sigaction on x86-64. */
struct action {
    uint64_t handler;   /* SIG_DFL 0, SIG_IGN 1 */
    uint64_t flags;     /* SA_* */
    uint64_t restorer;
    uint64_t mask;
};

struct signals {
    struct action action[SIGNALS];
    uint64_t pending;   /* sent to the process */
    uint64_t ignored;   /* those that would be dropped: SIG_IGN, or SIG_DFL of a signal that defaults to it */
    int fatal;          /* the one that is ending the process; 0: none */
};

/* Send to a process (or to one thread). From anywhere in thread context; takes process_lock. sig 1-64. */
void signal_send(struct process *, int sig);
/* The same, process_lock held; t NULL: whichever thread. */
void signal_send_locked(struct process *, struct thread *t, int sig);
/* To the running process: SIGPIPE by pipes, say. The call then returns its own error (-EPIPE). */
void signal_self(int sig);
/* The running thread did it itself (an exception): sent even if blocked or ignored, as Linux does. */
void signal_fault(int sig);

/* Recompute ATTENTION_SIGNAL after a mask or a disposition changed. process_lock held. */
void signal_recheck_locked(struct thread *);
/* On the way to ring 3 with ATTENTION_* set, interrupts on: acts on what is pending; may not return. */
void signal_act(struct trapframe *);

/* fork: the child's dispositions are the parent's, nothing pending. exec: ignored stay ignored, the rest default. */
void signals_fork(struct signals *child, const struct signals *parent);
void signals_exec(struct signals *);
void signals_init(struct signals *);
/* process_lock held (or nobody else knows them). */
void signals_set_action(struct signals *, int sig, const struct action *);
