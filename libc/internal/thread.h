/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The block that the thread pointer (FS) names, one a thread. pthread_t is its address.
 *
 *     mapping                                                              first thread's: .bss
 *     [ guard | stack  <-- grows down | thread-local variables ][ struct thread_block ]
 *                                       (from PT_TLS)           ^ FS base
 *
 * The x86-64 ABI wants the block's own address at 0 (TLS variant II) and the compilers want the
 * stack protector's guard at 0x28; libc/start/syscall.asm reads cancel_requested at 0x30.
 *
 * Life: a joinable thread goes JOINABLE -> ENDED and is freed by who joins it; a detached one frees
 * itself. Who moves `state` away from JOINABLE (pthread_detach or the thread's end) wins; the other
 * finds the new state and does the rest.
 *
 * LOCKING: fields without a note belong to the thread itself once it runs. `kill_lock` guards
 * `leaving`, so that no signal is sent to a thread id that may have been given to another.
 */
#pragma once

#include "libc/internal/futex.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum thread_state { JOINABLE, DETACHED, ENDED };

struct key_value {
    unsigned long serial; /* of the key when this was stored: 0 never */
    void *value;
};

/* Linux's struct robust_list_head, with a list that is linked both ways; the kernel follows `next`. */
struct robust_node {
    struct robust_node *next, *prev;
};

struct robust_head {
    struct robust_node *first; /* the head's own address when empty */
    long word_offset;          /* from a node to its futex */
    struct robust_node *pending;
};

struct thread_block {
    struct thread_block *self;
    unsigned long unused[4];
    unsigned long stack_guard;
    int cancel_requested; /* atomic: set by pthread_cancel, never taken back */
    int error;            /* errno */

    int tid;              /* the kernel sets it to 0 when the thread is no more, and wakes */
    int state;            /* enum thread_state, atomic */
    struct lock kill_lock;
    bool leaving;         /* (kill_lock) takes no signals any more */
    bool internal;        /* libc's own: does not keep the process alive */
    bool cancel_disabled;
    bool exiting;

    void *mapping;        /* NULL: the stack is the caller's */
    size_t mapping_size;
    void *stack;          /* lowest usable address; what pthread_getattr_np says */
    size_t stack_size, guard_size;

    void *(*start)(void *);
    void *argument, *result;
    unsigned long mask;   /* to begin with */
    int gate;             /* 0 wait, 1 go, 2 give up */

    struct __cleanup *cleanup;
    bool robust_known;    /* the kernel has been told of `robust` */
    struct robust_head robust;
    struct key_value keys[PTHREAD_KEYS_MAX];
};

_Static_assert(offsetof(struct thread_block, stack_guard) == 0x28, "where compilers look for it");
_Static_assert(offsetof(struct thread_block, cancel_requested) == 0x30, "where __cancel_call looks");

static inline struct thread_block *this_thread(void) {
    struct thread_block *t;

    __asm__("movq %%fs:0, %0" : "=r"(t));
    return t;
}

static inline struct thread_block *thread_of(pthread_t thread) {
    return (struct thread_block *)thread;
}

/* Threads that keep the process alive; atomic. */
extern int __thread_count;

/* Bytes that a block with its thread-local variables needs, with room for alignment. */
size_t __block_size(void);

/* Lays a block out below `end`, in zeroed memory of __block_size() bytes that ends there. */
struct thread_block *__block_make(void *end);

/* Signals that libc keeps for itself, and their bits in a mask. */
#define SIGNAL_CANCEL 32
#define SIGNAL_NOTIFY 33
#define INTERNAL_MASK (1UL << (SIGNAL_CANCEL - 1) | 1UL << (SIGNAL_NOTIFY - 1))

/* Every signal, libc's too. block answers the mask before. */
unsigned long __block_signals(void);
void __restore_signals(unsigned long mask);

/* A thread of libc's own, which counts for nothing; otherwise as pthread_create. */
int __thread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *, bool internal);

/* At a thread's end: each there only when the program uses what it ends. */
void __keys_end(struct thread_block *) __attribute__((weak));
void __robust_end(struct thread_block *) __attribute__((weak));

_Noreturn void __unmap_and_exit(void *mapping, size_t size);
