/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Lock-order checking while the kernel runs: in kernels made with DEBUG=1 (LOCKDEP); elsewhere all of this is
 * nothing. kernel/sync.c calls the first two; what else may go wrong with locks is asked at the other places.
 *
 * A class is all the locks that were given one name. kernel/lockorder.inc is the order of the classes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum lock_kind { LOCK_SPIN, LOCK_SLEEP };

#define LOCK_TRY    1u /* did not wait: no order is needed */
#define LOCK_NESTED 2u /* of a class that is held: the caller has an order of its own */

#ifdef LOCKDEP
#define HELD_MAX 12

struct held_locks {
    unsigned n;
    struct held_class {
        uint32_t class, count;
    } held[HELD_MAX];
};

/* About to take a lock (before waiting for it), or taken by a try; about to release it. Panics when that is wrong. */
void lockdep_take(const char *name, enum lock_kind, unsigned how);
void lockdep_release(const char *name, enum lock_kind);
/* The caller may sleep here, and may not while it holds a spinlock or serves an interrupt. */
void lockdep_might_sleep(void);
/* The caller is about to wait until other CPUs take an interrupt. */
void lockdep_wait_for_cpus(void);
/* Ring 3, or the thread's end, comes next: nothing may be held. `where` is for the panic. */
void lockdep_none_held(const char *where);
#else
struct held_locks {};

static inline void lockdep_take(const char *name, enum lock_kind kind, unsigned how) {
    (void)name;
    (void)kind;
    (void)how;
}

static inline void lockdep_release(const char *name, enum lock_kind kind) {
    (void)name;
    (void)kind;
}

static inline void lockdep_might_sleep(void) {}
static inline void lockdep_wait_for_cpus(void) {}

static inline void lockdep_none_held(const char *where) {
    (void)where;
}
#endif
