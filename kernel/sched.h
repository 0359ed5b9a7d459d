/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The scheduler: who has the CPU, who sleeps, who is woken. Wait queues, mutexes and all other ways to
 * sleep come down to the few calls here.
 *
 * Sleeping is on a waitlist under a guard, any spinlock: the sleeper is put on the list while it holds
 * the guard, and the guard is let go only under the run queue's lock that the waker needs as well, so that
 * a wake-up can come neither too early nor twice.
 *
 * LOCKING  guard -> run queue's lock, which is a leaf. Wakers hold the guard until the sleeper is ready:
 *          a sleeper that a timeout woke cannot leave (and be freed) under the waker's hands.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/sync.h"
#include "kernel/thread.h"

/* This CPU's queue; before it takes any sleeping lock. */
void sched_init_cpu(void);

/*
 * Sleep on the list; the guard is held, is let go meanwhile and held again on return. No other spinlock may
 * be held. 0: a waker took the thread off the list. -ETIMEDOUT, -EINTR: as waitq_sleep. If the guard was
 * taken by spin_lock_irq, interrupts are off on return as before.
 */
int sched_sleep(struct waitlist *, struct spinlock *guard, uint64_t deadline, bool interruptible) REQUIRES(guard);

/* Guard held: take the first thread off the list and make it ready. NULL: nobody waits. */
struct thread *sched_wake_first(struct waitlist *);
/* Guard held: this one, which is on the list. */
void sched_wake_waiter(struct waitlist *, struct thread *);

/* The same in two steps, for locks that are passed on: off the list, and later ready. Guard held for both. */
void waitlist_remove(struct waitlist *, struct thread *);
void sched_wake(struct thread *);

/* What it runs at from now on; kernel/pi.c alone. */
void sched_set_priority(struct thread *, int priority);
/* Which CPUs it may run on: at least one of them is online. Sees to it that it leaves one that it may not. */
void sched_set_affinity(struct thread *, uint64_t mask);

/* A signal came: if t sleeps interruptibly, it wakes with -EINTR. Set t->attention first. */
void sched_interrupt(struct thread *);

/* A new thread may run from now on. */
void sched_start(struct thread *);
/* The first thing of a new thread: it has been switched to with the queue's lock held. Interrupts come on. */
void sched_begin(void);
/* The running thread never runs again; its memory goes to thread_reclaim when another thread runs. Preemption is off (once). */
_Noreturn void sched_exit(void);
/* For the idle thread, interrupts off: say that nothing is to be done here, then look around once more. True: something is. */
bool sched_idle(void);
/* Let others of the same level run. */
void sched_yield(void);

/* The running thread's space from now on (exec, exit); loads it. */
void sched_set_space(struct space *);

/* Nanoseconds on a CPU until now. */
uint64_t sched_runtime(const struct thread *);
/* Sleep until the monotonic clock passes deadline: 0, or -EINTR. */
int sched_sleep_until(uint64_t deadline_ns);
/* Times that the clock had something to do, on all CPUs, since boot. */
uint64_t sched_clock_interrupts(void);
/* Threads ready or running, idle not counted. */
unsigned sched_running(void);

/* In kernel/thread.c: the memory of a thread that has ended. */
void thread_reclaim(struct thread *);
