/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * SIGEV_THREAD, for timers and asynchronous locks (contract W6, X7).
 *
 *     the kernel -- SIGNAL_NOTIFY, value = serial --> helper thread -- makes --> a thread that calls
 *
 * The helper is made with the first notice, takes no other signal and does not keep the process
 * alive. A serial number is never used again, so a signal that comes too late for its notice finds
 * nothing. When no thread can be made the helper tries again until it can: a notice that was
 * promised is delivered. The new thread has the mask of who asked for the notice.
 *
 * A request's notice is forgotten when aio_return takes its result before the helper has seen the
 * signal, as a pending signal would be (contract R3).
 * LOCKING: `guard` for all below, with signals blocked, since aio_return may be called by a handler.
 * For the same reason a notice that is dropped is kept for the next one rather than freed.
 */
#include "libc/internal/notify.h"

#include "libc/internal/attr.h"
#include "libc/internal/fork.h"
#include "libc/internal/syscall.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct notice {
    struct notice *next;
    unsigned long serial;
    const void *name;
    bool once;
    void (*call)(union sigval);
    union sigval value;
    pthread_attr_t attr;
    unsigned long mask;
};

static struct lock guard;
static struct notice *notices, *spare;
static unsigned long last_serial;
static int helper; /* its thread id; 0: there is none */

static unsigned long enter(void) {
    unsigned long mask = __block_signals();

    lock(&guard);
    return mask;
}

static void leave(unsigned long mask) {
    unlock(&guard);
    __restore_signals(mask);
}

/* In the child there is no helper, and neither timers nor requests. */
void __notify_fork(enum fork_step step) {
    fork_lock(&guard, step);
    if (step != FORK_CHILD) return;
    notices = spare = NULL;
    helper = 0;
}

/* --- The helper ------------------------------------------------------------------------------ */

static void *call(void *argument) {
    struct notice n = *(struct notice *)argument;

    free(argument);
    __restore_signals(n.mask);
    n.call(n.value);
    return NULL;
}

static void deliver(const struct notice *n) {
    const struct timespec pause = {.tv_nsec = 10000000};
    struct notice *copy;
    pthread_t thread;

    while (!(copy = malloc(sizeof *copy))) raw(nanosleep, &pause, 0);
    *copy = *n;
    while (pthread_create(&thread, &copy->attr, call, copy)) raw(nanosleep, &pause, 0);
}

static struct notice **find(unsigned long serial) {
    struct notice **at = &notices;

    while (*at && (*at)->serial != serial) at = &(*at)->next;
    return at;
}

static void drop(struct notice **at) {
    struct notice *n = *at;

    *at = n->next;
    n->next = spare;
    spare = n;
}

static void arrived(unsigned long serial) {
    struct notice found;

    lock(&guard);
    struct notice **at = find(serial);
    bool live = *at != NULL;
    if (live) found = **at;
    if (live && found.once) drop(at);
    unlock(&guard);
    if (live) deliver(&found);
}

/* Anybody may send this signal; only the kernel says that a timer or a request is done. */
static void *help(void *unused) {
    unsigned long set = 1UL << (SIGNAL_NOTIFY - 1);
    siginfo_t info;

    for (;;) {
        long got = raw_nr(rt_sigtimedwait, &set, &info, 0, sizeof set);
        if (got == SIGNAL_NOTIFY && (info.si_code == SI_TIMER || info.si_code == SI_ASYNCIO))
            arrived((unsigned long)info.si_value.sival_ptr);
    }
    return unused;
}

/* Signals are blocked here, so they are in the helper. */
static int start_helper(void) {
    pthread_attr_t attr;
    pthread_t thread;

    if (helper) return 0;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int error = __thread_create(&thread, &attr, help, NULL, true);
    if (!error) helper = thread_of(thread)->tid;
    return error;
}

/* --- Notices --------------------------------------------------------------------------------- */

static struct notice *alloc(void) {
    unsigned long mask = enter();
    struct notice *n = spare;

    if (n) spare = n->next;
    leave(mask);
    return n ? n : malloc(sizeof *n);
}

static struct notice *make(const struct sigevent *event, bool once) {
    struct notice *n = alloc();

    if (!n) return NULL;
    *n = (struct notice){0};
    n->once = once;
    n->call = event->sigev_notify_function;
    n->value = event->sigev_value;
    if (event->sigev_notify_attributes) n->attr = *(pthread_attr_t *)event->sigev_notify_attributes;
    else pthread_attr_init(&n->attr);
    n->attr.__flags |= ATTR_DETACHED;
    return n;
}

int __notify_begin(struct sigevent *event, bool once, unsigned long *serial) {
    int before = errno;
    struct notice *n = make(event, once);

    errno = before;
    if (!n) return ENOMEM;
    unsigned long mask = n->mask = enter();
    int error = start_helper();
    if (!error) {
        *serial = n->serial = ++last_serial;
        n->next = notices;
        notices = n;
        event->sigev_notify = SIGEV_THREAD_ID;
        event->sigev_signo = SIGNAL_NOTIFY;
        event->sigev_value.sival_ptr = (void *)n->serial;
        event->sigev_notify_thread_id = helper;
    }
    leave(mask);
    if (error) free(n);
    return error;
}

void __notify_name(unsigned long serial, const void *name) {
    unsigned long mask = enter();
    struct notice *n = *find(serial);

    if (n) n->name = name;
    leave(mask);
}

void __notify_forget(unsigned long serial) {
    unsigned long mask = enter();
    struct notice **at = find(serial);

    if (*at) drop(at);
    leave(mask);
}

void __notify_forget_named(const void *name) {
    if (!__atomic_load_n(&notices, __ATOMIC_SEQ_CST)) return;
    unsigned long mask = enter();
    struct notice **at = &notices;

    while (*at && (*at)->name != name) at = &(*at)->next;
    if (*at) drop(at);
    leave(mask);
}
