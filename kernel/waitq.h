/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sleeping until something happens, and waking from anywhere, interrupt handlers included.
 *
 *     sleeper                                         waker (thread or interrupt)
 *     saved = waitq_lock(&q);                         saved = waitq_lock(&q);
 *     while (!happened && !error)                     happened = true;
 *         error = waitq_sleep(&q, deadline, true);    waitq_wake_all(&q);
 *     waitq_unlock(&q, saved);                        waitq_unlock(&q, saved);
 *
 * What `happened` reads is guarded by the queue's lock (or is only ever set before waitq_lock by the
 * waker), so no wake-up can fall between the test and the sleep. Events between threads alone are better
 * served by a mutex and a cond (kernel/sync.h), which leave interrupts on.
 *
 * A sleeper that a timeout or a signal has woken and that a waker then chose as well counts as woken
 * (waitq_sleep answers 0): a wake-up of one is never lost.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/sync.h"

struct waitq {
    struct spinlock lock; /* taken with interrupts off */
    struct waitlist waiters;
};

void waitq_init(struct waitq *, const char *name);
uint64_t waitq_lock(struct waitq *q) ACQUIRE(&q->lock); /* returns what waitq_unlock wants back */
void waitq_unlock(struct waitq *q, uint64_t saved) RELEASE(&q->lock);

/* Lock held; released while asleep. 0: woken, look again. -ETIMEDOUT: the monotonic clock passed deadline_ns
 * (NO_DEADLINE never does). -EINTR: interruptible, and the thread has a signal to act on or is being killed. */
int waitq_sleep(struct waitq *q, uint64_t deadline_ns, bool interruptible) REQUIRES(&q->lock);

/* Lock held. First come, first woken. */
void waitq_wake_one(struct waitq *q) REQUIRES(&q->lock);
void waitq_wake_all(struct waitq *q) REQUIRES(&q->lock);
