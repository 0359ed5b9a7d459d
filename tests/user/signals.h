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
