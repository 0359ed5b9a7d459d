/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * SIGEV_THREAD: a notice is a promise to call a function in a thread of its own when the kernel
 * says so (libc/thread/notify.c). It is known by a serial number, and by a name once it has one.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

/*
 * Begins a notice for `event` (SIGEV_THREAD) and turns event into what the kernel is to be given.
 * once: it is good for one call only. Answers 0 or an error (EAGAIN, ENOMEM).
 */
int __notify_begin(struct sigevent *event, bool once, unsigned long *serial);
void __notify_name(unsigned long serial, const void *name);

/* Nothing is called for it from now on; a call that has begun goes on. */
void __notify_forget(unsigned long serial);
void __notify_forget_named(const void *name);

/* An event that asks for one of libc's own signals. */
static inline bool __notify_reserved(const struct sigevent *e) {
    return (e->sigev_notify == SIGEV_SIGNAL || e->sigev_notify == SIGEV_THREAD_ID) &&
           e->sigev_signo >= 32 && e->sigev_signo < SIGRTMIN;
}
