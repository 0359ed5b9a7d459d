/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Whether a thread may be cancelled, and the point that does nothing else.
 */
#include "libc/internal/cancel.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>

int pthread_setcancelstate(int state, int *old) {
    struct thread_block *t = this_thread();
    bool disabled = t->cancel_disabled;

    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE) return EINVAL;
    t->cancel_disabled = state == PTHREAD_CANCEL_DISABLE;
    if (old) *old = disabled ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
    return 0;
}

int pthread_setcanceltype(int type, int *old) {
    if (type != PTHREAD_CANCEL_DEFERRED)
        return type == PTHREAD_CANCEL_ASYNCHRONOUS ? ENOTSUP : EINVAL;
    if (old) *old = PTHREAD_CANCEL_DEFERRED;
    return 0;
}

void pthread_testcancel(void) {
    struct thread_block *t = this_thread();

    if (load(&t->cancel_requested) && !t->cancel_disabled) __cancel_act();
}
