/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * pthread_atfork: handlers in the order in which they were registered, `prepare` the other way.
 * LOCKING: `guard` is held from before the fork until after it, by the thread that forks; handlers
 * must not register handlers.
 */
#include "libc/internal/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

void __atfork_run(enum fork_step);

struct handlers {
    struct handlers *before, *after;
    void (*run[3])(void); /* by enum fork_step */
};

static struct handlers *first, *last;
static struct lock guard;

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    int error = errno;
    struct handlers *h = malloc(sizeof *h);

    errno = error;
    if (!h) return ENOMEM;
    lock(&guard);
    *h = (struct handlers){.before = last, .run = {prepare, parent, child}};
    if (last) last->after = h;
    else first = h;
    last = h;
    unlock(&guard);
    return 0;
}

void __atfork_run(enum fork_step step) {
    if (step == FORK_BEFORE) lock(&guard);
    for (struct handlers *h = step == FORK_BEFORE ? last : first; h;
         h = step == FORK_BEFORE ? h->before : h->after)
        if (h->run[step]) h->run[step]();
    if (step == FORK_PARENT) unlock(&guard);
    if (step == FORK_CHILD) guard.word = 0;
}
