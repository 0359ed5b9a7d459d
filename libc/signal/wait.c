/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Waiting for signals, and sending them with a value (POSIX). All that wait are cancellation points.
 */
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    sigset_t ours = *mask & ~INTERNAL_MASK;

    return (int)point(rt_sigsuspend, &ours, sizeof ours);
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                 const struct timespec *restrict timeout) {
    sigset_t ours = *set & ~INTERNAL_MASK;

    return (int)point(rt_sigtimedwait, &ours, info, timeout, sizeof ours);
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) {
    return sigtimedwait(set, info, NULL);
}

int sigwait(const sigset_t *restrict set, int *restrict to) {
    int before = errno, got;

    do got = sigtimedwait(set, NULL, NULL);
    while (got < 0 && errno == EINTR);
    int error = got < 0 ? errno : 0;
    errno = before;
    if (!error) *to = got;
    return error;
}

int sigqueue(pid_t pid, int signal, const union sigval value) {
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};

    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value = value;
    return (int)sys_nr(rt_sigqueueinfo, pid, signal, &info);
}
