/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Attributes of threads (POSIX pthread_attr_*): kept and checked here, used by create.c.
 */
#include "libc/internal/attr.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

static int set_flag(pthread_attr_t *a, int flag, int value, int off, int on) {
    if (value != off && value != on) return EINVAL;
    a->__flags = (a->__flags & ~flag) | (value == on ? flag : 0);
    return 0;
}

int pthread_attr_init(pthread_attr_t *a) {
    *a = (pthread_attr_t){.__stack_size = DEFAULT_STACK, .__guard_size = DEFAULT_GUARD};
    return 0;
}

int pthread_attr_destroy(pthread_attr_t *a) {
    a->__stack_size = 0;
    return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *a, int value) {
    return set_flag(a, ATTR_DETACHED, value, PTHREAD_CREATE_JOINABLE, PTHREAD_CREATE_DETACHED);
}

int pthread_attr_getdetachstate(const pthread_attr_t *a, int *to) {
    *to = a->__flags & ATTR_DETACHED ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE;
    return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *a, size_t size) {
    if (size < PTHREAD_STACK_MIN || size > PTRDIFF_MAX) return EINVAL;
    a->__stack_size = size;
    a->__stack = NULL;
    return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *restrict a, size_t *restrict to) {
    *to = a->__stack_size;
    return 0;
}

int pthread_attr_setstack(pthread_attr_t *a, void *stack, size_t size) {
    if (!stack || size < PTHREAD_STACK_MIN || (uintptr_t)stack % 16 || size % 16) return EINVAL;
    a->__stack = stack;
    a->__stack_size = size;
    return 0;
}

int pthread_attr_getstack(const pthread_attr_t *restrict a, void **restrict stack,
                          size_t *restrict size) {
    *stack = a->__stack;
    *size = a->__stack_size;
    return 0;
}

int pthread_attr_setguardsize(pthread_attr_t *a, size_t size) {
    if (size > PTRDIFF_MAX) return EINVAL;
    a->__guard_size = size;
    return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *restrict a, size_t *restrict to) {
    *to = a->__guard_size;
    return 0;
}

int pthread_attr_setinheritsched(pthread_attr_t *a, int value) {
    return set_flag(a, ATTR_EXPLICIT, value, PTHREAD_INHERIT_SCHED, PTHREAD_EXPLICIT_SCHED);
}

int pthread_attr_getinheritsched(const pthread_attr_t *restrict a, int *restrict to) {
    *to = a->__flags & ATTR_EXPLICIT ? PTHREAD_EXPLICIT_SCHED : PTHREAD_INHERIT_SCHED;
    return 0;
}

int pthread_attr_setschedpolicy(pthread_attr_t *a, int policy) {
    if (policy != SCHED_OTHER && policy != SCHED_FIFO && policy != SCHED_RR) return EINVAL;
    a->__policy = policy;
    return 0;
}

int pthread_attr_getschedpolicy(const pthread_attr_t *restrict a, int *restrict to) {
    *to = a->__policy;
    return 0;
}

/* Whether the priority goes with the policy is seen when the thread is made. */
int pthread_attr_setschedparam(pthread_attr_t *restrict a, const struct sched_param *restrict p) {
    if (p->sched_priority < 0 || p->sched_priority > 99) return EINVAL;
    a->__priority = p->sched_priority;
    return 0;
}

int pthread_attr_getschedparam(const pthread_attr_t *restrict a, struct sched_param *restrict to) {
    to->sched_priority = a->__priority;
    return 0;
}

int pthread_attr_setscope(pthread_attr_t *a, int scope) {
    (void)a;
    if (scope == PTHREAD_SCOPE_SYSTEM) return 0;
    return scope == PTHREAD_SCOPE_PROCESS ? ENOTSUP : EINVAL;
}

int pthread_attr_getscope(const pthread_attr_t *restrict a, int *restrict to) {
    (void)a;
    *to = PTHREAD_SCOPE_SYSTEM;
    return 0;
}

/* As the thread is. The first thread's stack is the kernel's and grows: ENOSYS says so. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *to) {
    struct thread_block *t = thread_of(thread);

    if (!t->stack) return ENOSYS;
    pthread_attr_init(to);
    to->__stack = t->stack;
    to->__stack_size = t->stack_size;
    to->__guard_size = t->guard_size;
    if (load(&t->state) == DETACHED) to->__flags |= ATTR_DETACHED;
    return pthread_getschedparam(thread, &to->__policy, (struct sched_param *)&to->__priority);
}
