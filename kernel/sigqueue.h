/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals that wait to be taken: one set for a process, one for each thread.
 *
 *      set    bit sig-1: at least one such signal waits
 *      first  what a standard signal (1-31) brought with it: such a signal waits at most once, and the first
 *             one's data stays. So sending one needs no memory and cannot fail.
 *      queue  signals that wait as often as they were sent, in order: real-time ones, and whatever a timer
 *             or an asynchronous request sends by an entry of its own, which was made when it was asked for
 *
 * Taken is the lowest number first, the thread's own faults before all (they tell where it stands now).
 *
 * LOCKING  process_lock (P) for everything.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include <asm/signal.h>

#include "kernel/sync.h"

#define SIGNALS     64
#define STANDARD    31 /* signals 1-31 */
#define SIGBIT(sig) (1ul << ((sig) - 1))

struct process;

/* The first 48 bytes of Linux's siginfo_t, which is all that is ever filled in. */
struct sigdata {
    int signo, err, code, pad;
    union {
        struct { int pid; uint32_t uid; uint64_t value; } rt;          /* SI_USER, SI_TKILL, SI_QUEUE, SI_ASYNCIO */
        struct { int id; int overrun; uint64_t value; } timer;         /* SI_TIMER */
        struct { int pid; uint32_t uid; int status, pad; uint64_t utime, stime; } child;
        struct { uint64_t address; } fault;
        uint64_t word[4];
    };
};

_Static_assert(sizeof(struct sigdata) == 48, "the front of a siginfo_t");

struct sigpending;

struct sigentry {
    TAILQ_ENTRY(sigentry) link;
    struct sigpending *on;   /* NULL: waits nowhere */
    struct process *charged; /* who pays for it (RLIMIT_SIGPENDING), to be freed when taken; NULL: its maker's own */
    struct sigdata data;
};

struct sigpending {
    uint64_t set;
    uint64_t plain; /* of the set: sent without an entry */
    TAILQ_HEAD(sigentries, sigentry) queue;
    struct sigdata first[STANDARD];
};

void sigqueue_init(void); /* once */
void sigpending_init(struct sigpending *);

extern struct spinlock process_lock; /* kernel/process.h */

/* An entry that p pays for: 0, or -EAGAIN (its limit, or no memory). process_lock held, as for all that follows. */
int sigentry_alloc_locked(struct process *p, struct sigentry **) REQUIRES(&process_lock);
void sigentry_free_locked(struct sigentry *) REQUIRES(&process_lock);

/* A signal without an entry: false if such a one waits already. */
bool sigpending_add_locked(struct sigpending *, const struct sigdata *) REQUIRES(&process_lock);
/* e->data says what. It waits nowhere yet. */
void sigpending_queue_locked(struct sigpending *, struct sigentry *e) REQUIRES(&process_lock);
/* Take e back, if it still waits. */
void sigentry_withdraw_locked(struct sigentry *e) REQUIRES(&process_lock);
/* Take the next signal among `wanted`: false if there is none. */
bool sigpending_take_locked(struct sigpending *, uint64_t wanted, struct sigdata *) REQUIRES(&process_lock);
/* Forget all signals of the set. */
void sigpending_flush_locked(struct sigpending *, uint64_t set) REQUIRES(&process_lock);
