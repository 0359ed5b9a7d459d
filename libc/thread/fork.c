/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * fork: one process becomes two, and the new one has one thread.
 *
 * The program's handlers run first (those for `prepare` in reverse order); then libc takes its own
 * locks, so that the child finds its data whole (libc/internal/fork.h). In the child the block is
 * put right: its id, nobody else, no robust mutexes (those it held are the parent's). The stacks of
 * the threads that are not there stay mapped: nobody knows what points into them.
 * Signals are blocked in between, so that no handler meets the locks.
 */
#include "libc/internal/fork.h"
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <unistd.h>

void __atfork_run(enum fork_step) __attribute__((weak));

static void (*const parts[])(enum fork_step) = {
    __notify_fork, __keys_fork,   __exit_fork,   __environment_fork,
    __stdio_fork,  __random_fork, __malloc_fork,
};
#define PARTS (sizeof parts / sizeof parts[0])

static void all_parts(enum fork_step step) {
    for (size_t i = 0; i < PARTS; i++) {
        size_t at = step == FORK_BEFORE ? i : PARTS - 1 - i;
        if (parts[at]) parts[at](step);
    }
}

static void be_alone(void) {
    struct thread_block *t = this_thread();

    t->tid = (int)raw(set_tid_address, &t->tid);
    t->robust_known = false;
    t->kill_lock.word = 0;
    t->internal = false;
    __thread_count = 1;
}

pid_t fork(void) {
    if (__atfork_run) __atfork_run(FORK_BEFORE);
    unsigned long mask = __block_signals();
    all_parts(FORK_BEFORE);
    long child = raw(fork);
    if (child == 0) be_alone();
    all_parts(child == 0 ? FORK_CHILD : FORK_PARENT);
    __restore_signals(mask);
    if (__atfork_run) __atfork_run(child == 0 ? FORK_CHILD : FORK_PARENT);
    return (pid_t)__syscall_result(child);
}
