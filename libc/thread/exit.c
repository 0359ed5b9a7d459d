/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end of a thread: cleanup routines, keys, robust mutexes, then its memory.
 *
 * A joinable thread leaves its memory to who joins it; the kernel says when it is free, by setting
 * `tid` to 0. A detached thread unmaps its own stack: first the kernel must forget what lies in it
 * (the tid to clear, the robust list), since the address may belong to somebody else at once.
 * The last thread takes the process with it.
 */
#include "libc/internal/cancel.h"
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

pthread_t pthread_self(void) {
    return (pthread_t)this_thread();
}

int pthread_equal(pthread_t a, pthread_t b) {
    return a == b;
}

void __cleanup_push(struct __cleanup *c, void (*routine)(void *), void *argument) {
    struct thread_block *t = this_thread();

    *c = (struct __cleanup){.routine = routine, .argument = argument, .outer = t->cleanup};
    t->cleanup = c;
}

void __cleanup_pop(struct __cleanup *c, int run) {
    this_thread()->cleanup = c->outer;
    if (run) c->routine(c->argument);
}

static void run_cleanup(struct thread_block *t) {
    for (struct __cleanup *c; (c = t->cleanup);) {
        t->cleanup = c->outer;
        c->routine(c->argument);
    }
}

static void take_no_more_signals(struct thread_block *t) {
    __block_signals();
    lock(&t->kill_lock);
    t->leaving = true;
    unlock(&t->kill_lock);
}

static _Noreturn void leave(struct thread_block *t) {
    int state = JOINABLE;

    if (swap(&t->state, &state, ENDED))
        for (;;) raw_nr(exit, 0);
    raw(set_tid_address, 0);
    if (t->robust_known) raw(set_robust_list, 0, sizeof t->robust);
    if (t->mapping) __unmap_and_exit(t->mapping, t->mapping_size);
    for (;;) raw_nr(exit, 0);
}

_Noreturn void pthread_exit(void *result) {
    struct thread_block *t = this_thread();

    t->cancel_disabled = true;
    t->result = result;
    run_cleanup(t);
    if (__keys_end) __keys_end(t);
    if (!t->internal && __atomic_sub_fetch(&__thread_count, 1, __ATOMIC_SEQ_CST) == 0) {
        __atomic_add_fetch(&__thread_count, 1, __ATOMIC_SEQ_CST);
        exit(0);
    }
    take_no_more_signals(t);
    if (__robust_end) __robust_end(t);
    leave(t);
}

/* --- Joining --------------------------------------------------------------------------------- */

/* 0, or CANCELLED if that is allowed to happen. */
static int wait_for_end(struct thread_block *t, unsigned how) {
    for (int tid; (tid = load(&t->tid));)
        if (__futex_wait(&t->tid, tid, SHARED | how, NULL) == CANCELLED) return CANCELLED;
    return 0;
}

static void *reap(struct thread_block *t) {
    void *result = t->result;

    if (t->mapping) munmap(t->mapping, t->mapping_size);
    return result;
}

int pthread_join(pthread_t thread, void **result) {
    struct thread_block *t = thread_of(thread);

    pthread_testcancel();
    if (t == this_thread()) return EDEADLK;
    if (load(&t->state) == DETACHED) return EINVAL;
    if (wait_for_end(t, POINT_) == CANCELLED) __cancel_act();
    void *value = reap(t);
    if (result) *result = value;
    return 0;
}

int pthread_detach(pthread_t thread) {
    struct thread_block *t = thread_of(thread);
    int state = JOINABLE;

    if (swap(&t->state, &state, DETACHED)) return 0;
    if (state == DETACHED) return EINVAL;
    wait_for_end(t, 0);
    reap(t);
    return 0;
}
