/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end of a program (C17 7.22.4): handlers in reverse order, destructors, streams, the kernel.
 *
 * A handler may register another, which then runs next; exit called from a handler goes on with
 * those left. When two threads call exit, the second waits for the end that the first brings.
 * LOCKING: `guard` for the lists; handlers run without it.
 */
#include "libc/internal/fork.h"
#include "libc/internal/start.h"
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define HANDLERS 64 /* _SC_ATEXIT_MAX; C asks for 32 */

struct handlers {
    void (*run[HANDLERS])(void);
    int count;
};

static struct handlers at_exit, at_quick;
static struct lock guard;
static struct thread_block *leaving; /* atomic: the thread that ends the process */

void __exit_fork(enum fork_step step) {
    fork_lock(&guard, step);
    if (step == FORK_CHILD && leaving != this_thread()) leaving = NULL;
}

typedef void destructor(void);
#define BOUND __attribute__((weak, visibility("hidden")))
extern destructor *__fini_array_start[] BOUND, *__fini_array_end[] BOUND;

static int add(struct handlers *h, void (*f)(void)) {
    lock(&guard);
    bool fits = h->count < HANDLERS;
    if (fits) h->run[h->count++] = f;
    unlock(&guard);
    return fits ? 0 : -1;
}

static void (*take(struct handlers *h))(void) {
    lock(&guard);
    void (*f)(void) = h->count ? h->run[--h->count] : NULL;
    unlock(&guard);
    return f;
}

static void run(struct handlers *h) {
    for (void (*f)(void); (f = take(h));) f();
}

/* Returns in one thread only, there as often as it is called. */
static void be_the_one(void) {
    struct thread_block *none = NULL;
    int never = 0;

    if (__atomic_compare_exchange_n(&leaving, &none, this_thread(), false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST) ||
        none == this_thread())
        return;
    for (;;) __futex_wait(&never, 0, PRIVATE, NULL);
}

int atexit(void (*f)(void)) {
    return add(&at_exit, f);
}

int at_quick_exit(void (*f)(void)) {
    return add(&at_quick, f);
}

_Noreturn void _exit(int status) {
    for (;;) raw(exit_group, status);
}

_Noreturn void _Exit(int status) {
    _exit(status);
}

_Noreturn void quick_exit(int status) {
    be_the_one();
    run(&at_quick);
    _exit(status);
}

_Noreturn void exit(int status) {
    be_the_one();
    run(&at_exit);
    for (destructor **f = __fini_array_end; f > __fini_array_start;) (*--f)();
    if (__stdio_exit) __stdio_exit();
    _exit(status);
}

/* The signal must end the process even if it is blocked, ignored or handled. */
_Noreturn void abort(void) {
    sigset_t only;

    raise(SIGABRT);
    signal(SIGABRT, SIG_DFL);
    sigemptyset(&only);
    sigaddset(&only, SIGABRT);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    raise(SIGABRT);
    _exit(127);
}
