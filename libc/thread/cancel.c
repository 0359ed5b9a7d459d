/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Deferred cancellation without a race, by the method of Linux's thread libraries: the request is a
 * flag that every cancellation point reads just before its system call, and a signal that gets the
 * thread out of a call in which it already sleeps.
 *
 *     flag seen before the call            -> cancelled
 *     signal between the test and the call -> the handler moves the thread behind the call: cancelled
 *     signal while it sleeps               -> the call is to be restarted, or ends by EINTR: cancelled
 *     signal once there is a result        -> the result stands; the next point cancels
 *
 * A signal that arrives elsewhere may have interrupted another handler that interrupted a call. So
 * the handler sends it again, blocked until it returns: when that other handler is done, its mask
 * goes with it and the signal arrives once more, now at the call.
 *
 * Asynchronous cancellation is missing on purpose.
 */
#include "libc/internal/cancel.h"
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

extern const char __cancel_begin[], __cancel_end[], __cancel_leave[];
void __signal_return(void);

_Noreturn void __cancel_act(void) {
    pthread_exit(PTHREAD_CANCELED);
}

static void arrive(int signal, siginfo_t *info, void *context) {
    struct thread_block *t = this_thread();
    ucontext_t *uc = context;
    unsigned long at = (unsigned long)uc->uc_mcontext.gregs[REG_RIP];

    (void)info;
    if (!load(&t->cancel_requested) || t->cancel_disabled) return;
    uc->uc_sigmask |= 1UL << (signal - 1);
    if (at >= (unsigned long)__cancel_begin && at < (unsigned long)__cancel_end)
        uc->uc_mcontext.gregs[REG_RIP] = (long)__cancel_leave;
    else raw(tgkill, getpid(), t->tid, signal);
}

/* sigaction refuses this signal, as it must to programs. */
static void install(void) {
    struct __kernel_sigaction action = {
        .sa_handler = (void (*)(int))(void *)arrive,
        .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_RESTORER,
        .sa_restorer = __signal_return,
        .sa_mask = ~0UL,
    };

    raw(rt_sigaction, SIGNAL_CANCEL, &action, 0, sizeof(sigset_t));
}

int pthread_cancel(pthread_t thread) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct thread_block *t = thread_of(thread);

    pthread_once(&once, install);
    __atomic_store_n(&t->cancel_requested, 1, __ATOMIC_SEQ_CST);
    if (t == this_thread()) return 0; /* its next cancellation point sees it */
    unsigned long mask = __block_signals();
    lock(&t->kill_lock);
    if (!t->leaving) raw(tgkill, getpid(), t->tid, SIGNAL_CANCEL);
    unlock(&t->kill_lock);
    __restore_signals(mask);
    return 0;
}
