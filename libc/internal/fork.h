/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * libc's locks across a fork: taken before it, given back by the parent, made new in the child
 * (whose only thread is a copy of the one that took them).
 *
 * Each part of libc that has a lock has a function here; it is there only if the program uses that
 * part. libc/thread/fork.c calls them in the order of this list, which is the order of locks: the
 * environment allocates with its lock held, a stream is opened and closed with the list's.
 */
#pragma once

#include "libc/internal/futex.h"

enum fork_step { FORK_BEFORE, FORK_PARENT, FORK_CHILD };

#define FORK_PART(name) void __##name##_fork(enum fork_step) __attribute__((weak))
FORK_PART(notify);
FORK_PART(keys);
FORK_PART(exit);
FORK_PART(environment);
FORK_PART(stdio);
FORK_PART(random);
FORK_PART(malloc);

static inline void fork_lock(struct lock *l, enum fork_step step) {
    if (step == FORK_BEFORE) lock(l);
    else if (step == FORK_PARENT) unlock(l);
    else l->word = 0;
}
