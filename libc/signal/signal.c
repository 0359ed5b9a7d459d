/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals: dispositions, masks and sending (POSIX).
 *
 * The kernel's structure has the fields in another order and wants to know the way back from a
 * handler. The signals that libc keeps for itself (INTERNAL_MASK) are taken out of every mask and
 * refused everywhere else.
 */
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void __signal_return(void);

int kill(pid_t pid, int signal) {
    return (int)sys(kill, pid, signal);
}

int killpg(pid_t group, int signal) {
    if (group >= 0) return kill(-group, signal);
    errno = EINVAL;
    return -1;
}

int tgkill(pid_t pid, pid_t thread, int signal) {
    return (int)sys(tgkill, pid, thread, signal);
}

int raise(int signal) {
    return (int)sys(tgkill, getpid(), gettid(), signal);
}

static bool valid(int signal) {
    if (signal >= 1 && signal < NSIG && !(INTERNAL_MASK >> (signal - 1) & 1)) return true;
    errno = EINVAL;
    return false;
}

int sigaction(int signal, const struct sigaction *restrict set, struct sigaction *restrict old) {
    struct __kernel_sigaction to, was;

    if (!valid(signal)) return -1;
    if (set) {
        to.sa_handler = set->sa_handler;
        to.sa_flags = (unsigned)set->sa_flags | SA_RESTORER;
        to.sa_restorer = __signal_return;
        to.sa_mask = set->sa_mask & ~INTERNAL_MASK;
    }
    if (sys(rt_sigaction, signal, set ? &to : NULL, old ? &was : NULL, sizeof(sigset_t)) < 0)
        return -1;
    if (old) {
        old->sa_handler = was.sa_handler;
        old->sa_flags = (int)(was.sa_flags & ~(unsigned long)SA_RESTORER);
        old->sa_mask = was.sa_mask;
    }
    return 0;
}

sighandler_t signal(int signal, sighandler_t handler) {
    struct sigaction set = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigaction old;

    return sigaction(signal, &set, &old) ? SIG_ERR : old.sa_handler;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
    int error = pthread_sigmask(how, set, old);

    if (error) errno = error;
    return error ? -1 : 0;
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
    sigset_t ours;

    if (set) ours = *set & ~INTERNAL_MASK;
    int error = (int)-raw(rt_sigprocmask, how, set ? &ours : NULL, old, sizeof(sigset_t));
    if (!error && old) *old &= ~INTERNAL_MASK;
    return error;
}

int sigpending(sigset_t *to) {
    return (int)sys(rt_sigpending, to, sizeof(sigset_t));
}

int sigaltstack(const stack_t *restrict set, stack_t *restrict old) {
    return (int)sys(sigaltstack, set, old);
}

/* Whether system calls that this signal interrupts end with EINTR rather than go on. */
int siginterrupt(int signal, int interrupt) {
    struct sigaction action;

    if (sigaction(signal, NULL, &action)) return -1;
    action.sa_flags = interrupt ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    return sigaction(signal, &action, NULL);
}

void psiginfo(const siginfo_t *info, const char *prefix) {
    psignal(info->si_signo, prefix);
}

void psignal(int signal, const char *prefix) {
    bool has_prefix = prefix && *prefix;

    fprintf(stderr, "%s%s%s\n", has_prefix ? prefix : "", has_prefix ? ": " : "",
            strsignal(signal));
}

/* --- Sets ------------------------------------------------------------------------------------ */

int sigemptyset(sigset_t *set) {
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set) {
    *set = ~INTERNAL_MASK;
    return 0;
}

int sigaddset(sigset_t *set, int signal) {
    if (!valid(signal)) return -1;
    *set |= 1UL << (signal - 1);
    return 0;
}

int sigdelset(sigset_t *set, int signal) {
    if (!valid(signal)) return -1;
    *set &= ~(1UL << (signal - 1));
    return 0;
}

int sigismember(const sigset_t *set, int signal) {
    if (!valid(signal)) return -1;
    return (int)(*set >> (signal - 1) & 1);
}

/* --- Jumps that keep the mask ---------------------------------------------------------------- */

void __keep_mask(sigjmp_buf env, int save) {
    env->has_mask = save;
    if (save) sigprocmask(SIG_SETMASK, NULL, &env->mask);
}

_Noreturn void siglongjmp(sigjmp_buf env, int value) {
    if (env->has_mask) sigprocmask(SIG_SETMASK, &env->mask, NULL);
    longjmp(env, value);
}
