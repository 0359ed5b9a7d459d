/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Priority inheritance: who holds a sleeping lock runs at least as urgently as the most urgent thread that
 * waits for it, so that a real-time thread never waits for one that a third thread keeps from running.
 *
 *      thread H, 50  --waits-->  lock A  --held by-->  thread M, 0  --waits-->  lock B  --held by-->  thread L, 0
 *                                                       runs at 50                                    runs at 50
 *
 * A lock that nobody waits for has nothing to do with any of this: its fast path stays as it is. Whoever holds an rwlock shared
 * is on a list of the lock's (kernel/sync.c), and gets a struct pi of its own when somebody has to wait.
 *
 * Who waits for a frame, a page in swap or a block device waits for pagers: page-out, and the threads of programs that serve. Which
 * of them it takes nobody knows beforehand, so all share in it, as if in a lock, and run as urgently as the most urgent that waits:
 *
 *      thread T, 50  --pi_wait_pagers-->  pagers  --shared by-->  page-out, 1    server, 1    supervisor, 1     each runs at 50
 *
 * LOCKING  pi_lock, a spinlock over all of it: lock's guard -> pi_lock -> run queue's lock.
 * MISSING  what else is waited for otherwise than by a lock: a request, a condition that another thread makes true.
 */
#pragma once

#include <stdbool.h>

#include <bsd/sys/queue.h>

struct thread;

/* In each mutex and rwlock. All zero: nobody waits. */
struct pi {
    struct thread *owner;    /* who inherits; NULL: nobody known */
    struct thread *waiter;   /* the only one that waits; NULL: there may be several */
    bool pagers;             /* the waiter waits for pagers: owner is NULL */
    int top;                 /* the most urgent priority that ever waited since the last pass; the waiter's */
    LIST_ENTRY(pi) link;     /* on owner->contended, when owner is set; or with all that wait for pagers */
    LIST_HEAD(, pi) shares;  /* one for each who holds it shared and is known to hold somebody up */
    LIST_ENTRY(pi) share;    /* there */
};

void pi_init(void);
/* The running thread is about to sleep on a lock that owner (NULL: readers) holds. The lock's guard is held. */
void pi_wait(struct pi *, struct thread *owner);
/* The lock passes from its owner to next (NULL: to nobody in particular); top is the most urgent priority among those that
 * still wait, or -1: none does. next waits no more. The guard is held. */
void pi_pass(struct pi *, struct thread *next, int top);
/* t holds the lock shared, and top is what waits for it at present; s, all zero, says so from now on, until t lets go. The
 * guard is held. */
void pi_share(struct pi *, struct pi *s, struct thread *t, int top);
void pi_unshare(struct pi *s);
/* For locks whose waiters may also leave without the lock (PI futexes): each waiter has a struct pi of its own, all zero.
 * t waits for owner, and no longer does. The owner is there as long as anybody waits for it; t is asleep or running. */
void pi_attach(struct pi *, struct thread *t, struct thread *owner);
void pi_detach(struct pi *, struct thread *t);

/* The running thread waits for pagers from here on, and no longer does; it may wait for locks meanwhile. *p: all zero. Both do
 * nothing for a pager itself. */
void pi_wait_pagers(struct pi *p);
void pi_leave_pagers(struct pi *p);
/* t is a pager's thread from now on, if it was not; and no longer, if it was: before it ends. */
void pi_join_pagers(struct thread *t);
void pi_quit_pagers(struct thread *t);

/* The thread's own priority has changed: what it runs at is that or what it inherits; whom it waits for inherits the change. */
void pi_set_base(struct thread *, int priority);
