/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <signal.h>: signals and their dispositions (POSIX; numbers and structures are Linux's).
 *
 * A sigset_t is the kernel's 64-bit mask. Real-time signals below SIGRTMIN belong to libc: no set
 * holds them, and no call blocks, handles or sends them (EINVAL).
 */
#pragma once

#define sigaction __kernel_sigaction /* the ABI's order of fields; POSIX's comes below */
#include <asm/signal.h>
#undef sigaction
#include <asm/siginfo.h>
#include <sys/types.h>

#undef NSIG
#define NSIG  65
#define _NSIG NSIG
#undef SIGRTMIN
#undef SIGRTMAX
#define SIGRTMIN 34
#define SIGRTMAX 64
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define SIG_HOLD ((void (*)(int))2)

typedef volatile int sig_atomic_t;
typedef void (*sighandler_t)(int);
typedef sighandler_t sig_t;

struct sigaction {
    union {
        void (*sa_handler)(int);
        void (*sa_sigaction)(int, siginfo_t *, void *);
    };
    sigset_t sa_mask;
    int sa_flags;
};

int kill(pid_t, int);
int killpg(pid_t, int);
int tgkill(pid_t, pid_t thread, int);
int raise(int);
sighandler_t signal(int, sighandler_t);
int sigaction(int, const struct sigaction *restrict, struct sigaction *restrict old);
int sigprocmask(int how, const sigset_t *restrict, sigset_t *restrict old);
int sigpending(sigset_t *);
int sigaltstack(const stack_t *restrict, stack_t *restrict old);
int sigsuspend(const sigset_t *);
int sigwait(const sigset_t *restrict, int *restrict); /* the error, not errno */
int sigwaitinfo(const sigset_t *restrict, siginfo_t *restrict);
int sigtimedwait(const sigset_t *restrict, siginfo_t *restrict, const struct timespec *restrict);
int sigqueue(pid_t, int, const union sigval);
int siginterrupt(int, int interrupt);
void psignal(int, const char *);
void psiginfo(const siginfo_t *, const char *);

/* Threads: the error, not errno */
int pthread_kill(pthread_t, int);
int pthread_sigqueue(pthread_t, int, const union sigval);
int pthread_sigmask(int how, const sigset_t *restrict, sigset_t *restrict old);

int sigemptyset(sigset_t *);
int sigfillset(sigset_t *);
int sigaddset(sigset_t *, int);
int sigdelset(sigset_t *, int);
int sigismember(const sigset_t *, int);
