/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The birth of a thread. libc/internal/thread.h draws its memory.
 *
 * clone's flags are those that Linux's thread libraries use. The new thread begins with all signals
 * blocked and behind a gate: it may be given its policy first, and if that fails it ends without a
 * trace. Then it takes over its creator's mask.
 *
 * The mapping is made writable as a whole and the guard is taken away from it afterwards, so that
 * memory of a thread made under mlockall(MCL_FUTURE) is locked like any other.
 * Missing on purpose: a cache of stacks.
 */
#include "libc/internal/attr.h"
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define PAGES_UP(n) (((n) + PAGE - 1) & -PAGE)

long __thread_clone(unsigned long flags, void *stack, int *parent_tid, int *child_tid,
                    struct thread_block *, void (*entry)(struct thread_block *));

static const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                   CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                   CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

unsigned long __block_signals(void) {
    unsigned long all = ~0ul, before = 0;

    raw(rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    return before;
}

void __restore_signals(unsigned long mask) {
    raw(rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}

static void begin(struct thread_block *t) {
    while (load(&t->gate) == 0) __futex_wait(&t->gate, 0, PRIVATE, NULL);
    if (load(&t->gate) == 2) raw_nr(exit, 0); /* the creator frees the memory */
    __restore_signals(t->mask);
    pthread_exit(t->start(t->argument));
}

/* A block at the top of the caller's stack, whose contents may be anything. */
static struct thread_block *place_in(const pthread_attr_t *a) {
    size_t size = __block_size();
    char *end = (char *)a->__stack + a->__stack_size;

    if (a->__stack_size < size + PAGE) return NULL;
    for (char *p = end - size; p < end; p++) *p = 0;
    struct thread_block *t = __block_make(end);
    t->stack = a->__stack;
    t->stack_size = a->__stack_size;
    return t;
}

static struct thread_block *place(const pthread_attr_t *a) {
    if (a->__stack) return place_in(a);
    size_t guard = PAGES_UP(a->__guard_size);
    size_t stack = PAGES_UP(a->__stack_size + __block_size());
    size_t size;

    if (guard < a->__guard_size || stack < a->__stack_size ||
        __builtin_add_overflow(guard, stack, &size))
        return NULL;
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    if (guard && mprotect(memory, guard, PROT_NONE)) {
        munmap(memory, size);
        return NULL;
    }
    struct thread_block *t = __block_make(memory + size);
    t->mapping = memory;
    t->mapping_size = size;
    t->stack = memory + guard;
    t->stack_size = stack;
    t->guard_size = guard;
    return t;
}

/* The stack begins below the thread-local variables, wherever those begin. */
static void *top_of(struct thread_block *t) {
    uintptr_t block_end = (uintptr_t)t->stack + t->stack_size;

    return (void *)((block_end - __block_size()) & -16ul);
}

static int set_policy(struct thread_block *t, const pthread_attr_t *a) {
    struct sched_param param = {.sched_priority = a->__priority};

    if (!(a->__flags & ATTR_EXPLICIT)) return 0;
    return (int)-raw_nr(sched_setscheduler, t->tid, a->__policy, &param);
}

static int start(struct thread_block *t, const pthread_attr_t *a) {
    unsigned long mask = t->mask = __block_signals();
    long tid = __thread_clone(flags, top_of(t), &t->tid, &t->tid, t, begin);
    int error = tid == -ENOMEM ? EAGAIN : tid < 0 ? (int)-tid : set_policy(t, a);

    if (tid > 0) {
        int gate = error ? 2 : 1;
        if (!error && !t->internal) __atomic_add_fetch(&__thread_count, 1, __ATOMIC_SEQ_CST);
        /* From here on a detached thread may be gone at any moment. */
        __atomic_store_n(&t->gate, gate, __ATOMIC_SEQ_CST);
        __futex_wake(&t->gate, 1, PRIVATE);
        for (int left; gate == 2 && (left = load(&t->tid));)
            __futex_wait(&t->tid, left, SHARED, NULL);
    }
    __restore_signals(mask);
    return error;
}

int __thread_create(pthread_t *to, const pthread_attr_t *attr, void *(*run)(void *), void *argument,
                    bool internal) {
    pthread_attr_t standard;
    int before = errno;

    pthread_attr_init(&standard);
    if (!attr) attr = &standard;
    struct thread_block *t = place(attr);
    errno = before;
    if (!t) return EAGAIN;
    t->stack_guard = this_thread()->stack_guard;
    t->start = run;
    t->argument = argument;
    t->internal = internal;
    t->state = attr->__flags & ATTR_DETACHED ? DETACHED : JOINABLE;
    *to = (pthread_t)t;
    int error = start(t, attr);
    if (error && t->mapping) munmap(t->mapping, t->mapping_size);
    return error;
}

int pthread_create(pthread_t *restrict to, const pthread_attr_t *restrict attr,
                   void *(*run)(void *), void *restrict argument) {
    return __thread_create(to, attr, run, argument, false);
}
