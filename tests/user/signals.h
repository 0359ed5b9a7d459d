/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the signal tests share: putting handlers in place, calls that libc may not have, and children that a
 * signal finds asleep.
 */
#pragma once

#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/user/support.h"

#ifndef SS_DISABLE
#define SS_ONSTACK 1
#define SS_DISABLE 2
#endif
#ifndef SI_TKILL
#define SI_TKILL (-6)
#endif

UNUSED static void handle(int sig, void (*fn)(int), int flags) {
    struct sigaction a = {.sa_handler = fn, .sa_flags = flags};
    if (sigaction(sig, &a, NULL)) bail_out("sigaction %d: %s", sig, strerror(errno));
}

UNUSED static void handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags) {
    struct sigaction a = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};
    if (sigaction(sig, &a, NULL)) bail_out("sigaction %d: %s", sig, strerror(errno));
}

UNUSED static sigset_t set_of(int sig) {
    sigset_t set;
    sigemptyset(&set);
    if (sig) sigaddset(&set, sig);
    return set;
}

UNUSED static void block(int sig) {
    sigset_t set = set_of(sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

UNUSED static void unblock(int sig) {
    sigset_t set = set_of(sig);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Linux's calls, with the kernel's 64-bit sets. */
UNUSED static int raw_sigtimedwait(uint64_t set, siginfo_t *info, const struct timespec *timeout) {
    return (int)syscall(SYS_rt_sigtimedwait, &set, info, timeout, 8);
}

UNUSED static int raw_sigsuspend(uint64_t mask) {
    return (int)syscall(SYS_rt_sigsuspend, &mask, 8);
}

UNUSED static int raw_sigqueue(pid_t pid, int sig, long value) {
    siginfo_t si = {.si_signo = sig, .si_code = SI_QUEUE};
    si.si_pid = getpid();
    si.si_uid = getuid();
    si.si_value.sival_ptr = (void *)value;
    return (int)syscall(SYS_rt_sigqueueinfo, pid, sig, &si);
}

#define BIT(sig) (1ul << ((sig) - 1))

/* What a handler's third argument points to, as the kernel has it (arch/sigframe.h). */
enum { R_8, R_9, R_10, R_11, R_12, R_13, R_14, R_15, R_DI, R_SI, R_BP, R_BX, R_DX, R_AX, R_CX, R_SP, R_IP, R_FL,
       R_CSGSFS, R_ERR, R_TRAP, R_OLDMASK, R_CR2, R_COUNT };

struct kcontext {
    uint64_t flags;
    void *link;
    stack_t stack;
    uint64_t reg[R_COUNT]; /* cs is the low half-word of reg[R_CSGSFS], ss the high one */
    uint8_t *fpstate;
    uint64_t reserved[8];
    uint64_t mask;
};

/* Runs fn(arg) in a child: its exit status, or 1000 + the signal that ended it. */
UNUSED static int fate_of(void (*fn)(void *), void *arg) {
    int status = as_root(fn, arg);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Yields until *p is at least `value`; false if it never comes so far. */
UNUSED static bool await(volatile int *p, int value) {
    for (long i = 0; i < 20000000 && *p < value; i++) sched_yield();
    return *p >= value;
}

/* Yields until the signal, which is blocked, waits. */
UNUSED static void await_pending(int sig) {
    sigset_t set = set_of(0);
    while (!sigismember(&set, sig)) sched_yield(), sigpending(&set);
}

UNUSED static void yields(int n) {
    while (n--) sched_yield();
}
