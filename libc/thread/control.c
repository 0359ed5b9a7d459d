/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What one thread may do to another by its kernel's id: signals, policy, processors.
 *
 * A thread that has ended, or is about to, takes no signals and has no policy; `kill_lock` keeps
 * its id from being given to somebody else while it is used here.
 */
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* The system call's error for a living thread, or `gone`. */
#define WITH_THREAD(t, gone, call)                        \
    ({                                                    \
        unsigned long mask_ = __block_signals();          \
        lock(&(t)->kill_lock);                            \
        long error_ = (t)->leaving ? (gone) : -(call);    \
        unlock(&(t)->kill_lock);                          \
        __restore_signals(mask_);                         \
        (int)(error_ > 0 ? error_ : 0);                   \
    })

static bool reserved(int signal) {
    return signal == SIGNAL_CANCEL || signal == SIGNAL_NOTIFY;
}

int pthread_kill(pthread_t thread, int signal) {
    struct thread_block *t = thread_of(thread);

    if (signal < 0 || signal >= NSIG || reserved(signal)) return EINVAL;
    if (t == this_thread()) return (int)-raw(tgkill, getpid(), t->tid, signal);
    return WITH_THREAD(t, 0, raw(tgkill, getpid(), t->tid, signal));
}

int pthread_sigqueue(pthread_t thread, int signal, const union sigval value) {
    struct thread_block *t = thread_of(thread);
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};

    if (signal < 0 || signal >= NSIG || reserved(signal)) return EINVAL;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value = value;
    return WITH_THREAD(t, ESRCH, raw_nr(rt_tgsigqueueinfo, info.si_pid, t->tid, signal, &info));
}

int pthread_getschedparam(pthread_t thread, int *restrict policy,
                          struct sched_param *restrict param) {
    struct thread_block *t = thread_of(thread);
    int error = WITH_THREAD(t, ESRCH, raw_nr(sched_getparam, t->tid, param));

    if (error) return error;
    long got = 0;
    error = WITH_THREAD(t, ESRCH, got = raw_nr(sched_getscheduler, t->tid));
    if (!error) *policy = (int)got;
    return error;
}

int pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *param) {
    struct thread_block *t = thread_of(thread);

    return WITH_THREAD(t, ESRCH, raw_nr(sched_setscheduler, t->tid, policy, param));
}

int pthread_setschedprio(pthread_t thread, int priority) {
    struct thread_block *t = thread_of(thread);
    struct sched_param param = {.sched_priority = priority};

    return WITH_THREAD(t, ESRCH, raw_nr(sched_setparam, t->tid, &param));
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set) {
    struct thread_block *t = thread_of(thread);

    return WITH_THREAD(t, ESRCH, raw_nr(sched_setaffinity, t->tid, size, set));
}

int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set) {
    struct thread_block *t = thread_of(thread);

    for (size_t i = 0; i < size; i++) ((unsigned char *)set)[i] = 0;
    return WITH_THREAD(t, ESRCH, raw(sched_getaffinity, t->tid, size, set));
}
