/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * pthread_once: 0 not yet, 1 somebody is at it, 2 and others sleep, 3 done. A routine that is
 * cancelled has not run: the next caller runs it again.
 */
#include "libc/internal/thread.h"

#include <pthread.h>

enum { NOT_YET, RUNNING, RUNNING_AWAITED, DONE };

static void settle(pthread_once_t *once, int state) {
    if (__atomic_exchange_n(once, state, __ATOMIC_SEQ_CST) == RUNNING_AWAITED)
        __futex_wake(once, INT_MAX, PRIVATE);
}

static void forget(void *once) {
    settle(once, NOT_YET);
}

int pthread_once(pthread_once_t *once, void (*routine)(void)) {
    for (;;) {
        int state = NOT_YET;
        if (swap(once, &state, RUNNING)) {
            pthread_cleanup_push(forget, once);
            routine();
            pthread_cleanup_pop(0);
            settle(once, DONE);
            return 0;
        }
        if (state == DONE) return 0;
        if (state == RUNNING && !swap(once, &state, RUNNING_AWAITED)) continue;
        __futex_wait(once, RUNNING_AWAITED, PRIVATE, NULL);
    }
}
