/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Cancellation points, as every blocking call uses them. A program that cancels nothing pays one
 * test; what it means to be cancelled is in cancel.c, which is linked only if somebody cancels.
 */
#include "libc/internal/cancel.h"
#include "libc/internal/futex.h"
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>

/* A call that a signal ended early has had no effect, save close. */
long __cancel_try(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                  unsigned long e, unsigned long f) {
    struct thread_block *t = this_thread();

    if (t->cancel_disabled) return __raw_call(number, a, b, c, d, e, f);
    long result = __cancel_call(number, a, b, c, d, e, f);
    if (result == -EINTR && number != SYS_close && load(&t->cancel_requested)) return -CANCELLED;
    return result;
}

long __cancel_point(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                    unsigned long e, unsigned long f) {
    long result = __cancel_try(number, a, b, c, d, e, f);

    if (result == -CANCELLED) __cancel_act();
    return result;
}
