/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What clang's -Wthread-safety is told about locks (`make check-locks`); to the compiler that makes the kernel, nothing.
 *
 * A function says with these what it takes, releases or wants held; clang follows each path through each function, and
 * refuses one that returns with a lock held or releases one that is not, or calls without it what wants it. A lock is an
 * expression (&s->lock, &process_lock): two pointers to the same lock are two locks to clang.
 *
 * MISSING  GUARDED_BY on the fields of structures: clang 14's C cannot name another field there. Globals can have it.
 *          What takes a lock on a condition, or hands it over, says NOT_ANALYSED and why; lockdep (DEBUG=1) watches those.
 */
#pragma once

#ifdef __clang__
#define ANNOTATE(x) __attribute__((x))
#else
#define ANNOTATE(x)
#endif

#define CAPABILITY(name)         ANNOTATE(capability(name))          /* on a struct: it is a lock */
#define ACQUIRE(...)             ANNOTATE(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...)      ANNOTATE(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...)             ANNOTATE(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...)      ANNOTATE(release_shared_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...)         ANNOTATE(try_acquire_capability(true, __VA_ARGS__)) /* taken if it returns true */
#define TRY_ACQUIRE_SHARED(...)  ANNOTATE(try_acquire_shared_capability(true, __VA_ARGS__))
#define REQUIRES(...)            ANNOTATE(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...)     ANNOTATE(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...)            ANNOTATE(locks_excluded(__VA_ARGS__))   /* takes it itself */
#define GUARDED_BY(lock)         ANNOTATE(guarded_by(lock))
#define ASSERTS(...)             ANNOTATE(assert_capability(__VA_ARGS__)) /* panics unless it is held */
#define NOT_ANALYSED             ANNOTATE(no_thread_safety_analysis)
