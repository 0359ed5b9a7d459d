/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Timers (POSIX timer_create and setitimer): the kernel's, whose numbers a timer_t holds. One that
 * is to call a function (SIGEV_THREAD) is a notice of libc/thread/notify.c besides.
 */
#include "libc/internal/notify.h"
#include "libc/internal/syscall.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int id_of(timer_t timer) {
    return (int)(long)timer;
}

/* What a timer's notice is found by; no request lies at such an address. */
static const void *key_of(int id) {
    return (const void *)~(unsigned long)id;
}

static int create_with_thread(clockid_t clock, const struct sigevent *event, int *id) {
    struct sigevent to_helper = *event;
    unsigned long serial;
    int error = __notify_begin(&to_helper, false, &serial);

    if (error) {
        errno = error;
        return -1;
    }
    if (sys_nr(timer_create, clock, &to_helper, id) < 0) {
        __notify_forget(serial);
        return -1;
    }
    __notify_name(serial, key_of(*id)); /* it does not run yet */
    return 0;
}

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict to) {
    int id, result;

    if (event && event->sigev_notify == SIGEV_THREAD) result = create_with_thread(clock, event, &id);
    else if (event && __notify_reserved(event)) {
        errno = EINVAL;
        return -1;
    } else result = (int)sys_nr(timer_create, clock, event, &id);
    if (result == 0) *to = (timer_t)(long)id;
    return result;
}

int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict set,
                  struct itimerspec *restrict old) {
    return (int)sys_nr(timer_settime, id_of(timer), flags, set, old);
}

int timer_gettime(timer_t timer, struct itimerspec *to) {
    return (int)sys_nr(timer_gettime, id_of(timer), to);
}

int timer_getoverrun(timer_t timer) {
    return (int)sys_nr(timer_getoverrun, id_of(timer));
}

int timer_delete(timer_t timer) {
    int result = (int)sys_nr(timer_delete, id_of(timer));

    if (result == 0) __notify_forget_named(key_of(id_of(timer)));
    return result;
}

int setitimer(int which, const struct itimerval *restrict set, struct itimerval *restrict old) {
    return (int)sys_nr(setitimer, which, set, old);
}

int getitimer(int which, struct itimerval *to) {
    return (int)sys_nr(getitimer, which, to);
}

unsigned alarm(unsigned seconds) {
    return (unsigned)raw_nr(alarm, seconds);
}
