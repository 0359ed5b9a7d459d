/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Accounts of what processes have used.
 */
#pragma once

#include <stdint.h>

#define NS_PER_TICK 10000000ul /* times(2) and /proc count in hundredths */

struct process;
struct space;
struct thread;
struct usage;

/* What the running process has used so far, its space's faults included. No lock held. */
void usage_self(struct process *, struct usage *);
void usage_add(struct usage *to, const struct usage *);
/* The same of any process, but for its space. process_lock held. */
void usage_look_locked(const struct process *, struct usage *) REQUIRES(&process_lock);
/* Its space is about to go (exec, exit): keep what it counted. No lock held. */
void usage_keep_space(struct process *);
/* The same for a thread; once more when it has gone on since. process_lock held. */
void usage_keep_thread_locked(struct process *, struct thread *) REQUIRES(&process_lock);
/* As Linux's struct rusage: 0 or -EFAULT. */
int usage_copyout(uint64_t user, const struct usage *);
