/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end of a program (C17 7.22.4): handlers in reverse order, destructors, streams, the kernel.
 *
 * A handler may register another, which then runs next; exit called from a handler goes on with
 * those left.
 */
#include "libc/internal/start.h"
#include "libc/internal/syscall.h"

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

typedef void destructor(void);
#define BOUND __attribute__((weak, visibility("hidden")))
extern destructor *__fini_array_start[] BOUND, *__fini_array_end[] BOUND;

static int add(struct handlers *h, void (*f)(void)) {
    if (h->count == HANDLERS) return -1;
    h->run[h->count++] = f;
    return 0;
}

static void run(struct handlers *h) {
    while (h->count) h->run[--h->count]();
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
    run(&at_quick);
    _exit(status);
}

_Noreturn void exit(int status) {
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
