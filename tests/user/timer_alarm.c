/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * alarm, setitimer, getitimer: one timer a process, by SIGALRM; what is left of it, and who inherits it.
 */
#include "tests/user/signals.h"

struct times { /* struct itimerval */
    struct { long sec, usec; } interval, value;
};

static volatile int count;

static void ticks(int sig) {
    (void)sig;
    count++;
}

static int set(long us, long interval, struct times *old) {
    const struct times t = {{interval / 1000000, interval % 1000000}, {us / 1000000, us % 1000000}};
    return (int)syscall(SYS_setitimer, 0, &t, old);
}

static void alarms(void) {
    is_int(syscall(SYS_alarm, 100), 0, "no alarm was set");
    long left = syscall(SYS_alarm, 0);
    ok(left == 100 || left == 99, "alarm tells the seconds that are left");
    is_int(syscall(SYS_alarm, 0), 0, "and 0 takes it back");
    is_int(syscall(SYS_alarm, 0xffffffff), 0, "as late as can be");
    ok(syscall(SYS_alarm, 0) > 1000000, "is late");
}

static void intervals(void) {
    struct times t = {{9, 9}, {9, 9}};
    is_int(set(1000, 0, NULL), 0, "once");
    ok(await(&count, 1), "it comes");
    syscall(SYS_getitimer, 0, &t);
    ok(!t.value.sec && !t.value.usec, "and is over");
    count = 0;
    set(1000, 1000, NULL);
    ok(await(&count, 5), "again and again");
    syscall(SYS_getitimer, 0, &t);
    ok(t.interval.usec == 1000 && !t.value.sec && t.value.usec <= 1000, "its period can be read");
    /* Taken, not handled: handlers of such a timer would leave no time for anything else, on Linux neither. */
    block(SIGALRM);
    set(1, 1, NULL);
    int taken = 0;
    while (taken < 100 && raw_sigtimedwait(BIT(SIGALRM), NULL, NULL) == SIGALRM) taken++;
    is_int(taken, 100, "as fast as it gets");
    memset(&t, 9, sizeof t);
    set(0, 0, &t);
    is_int(t.interval.usec, 1, "stopped, it tells what it was");
    raw_sigtimedwait(BIT(SIGALRM), NULL, &(struct timespec){0, 0});
    unblock(SIGALRM);
    int now = count;
    nanosleep(&(struct timespec){0, 5000000}, NULL);
    is_int(count, now, "and stands");
}

/* SIGALRM waits, blocked, and is dropped since it comes to be ignored: on Linux that stops the timer. */
static void dropped(void) {
    block(SIGALRM);
    set(1000, 1000, NULL);
    await_pending(SIGALRM);
    signal(SIGALRM, SIG_IGN);
    handle(SIGALRM, ticks, SA_RESTART);
    count = 0;
    unblock(SIGALRM);
    if (on_holdfast()) ok(await(&count, 2), "a SIGALRM that was dropped stops nothing");
    else skip(1, "Linux's timer stands until it is set again");
    set(0, 0, NULL);
}

static void bad(void) {
    struct times t = {{0, 0}, {0, 1000000}};
    fails(syscall(SYS_setitimer, 0, &t, NULL), EINVAL, "a second has less than 1000000 us");
    t.value.usec = -1;
    fails(syscall(SYS_setitimer, 0, &t, NULL), EINVAL, "and not less than none");
    t.value.usec = 0, t.value.sec = -1;
    fails(syscall(SYS_setitimer, 0, &t, NULL), EINVAL, "nor seconds");
    fails(syscall(SYS_setitimer, 7, &(struct times){0}, NULL), EINVAL, "a timer that is none");
    fails(syscall(SYS_getitimer, 7, &t), EINVAL, "to read");
    fails(syscall(SYS_setitimer, 0, (void *)8, NULL), EFAULT, "a bad address");
    fails(syscall(SYS_getitimer, 0, (void *)8), EFAULT, "to read to");
}

static void dies(void *arg) {
    (void)arg;
    signal(SIGALRM, SIG_DFL);
    set(1000, 0, NULL);
    for (;;) syscall(SYS_pause);
}

static void child(void *arg) {
    struct times t;
    (void)arg;
    syscall(SYS_getitimer, 0, &t);
    _exit(t.value.sec || t.value.usec);
}

int main(void) {
    handle(SIGALRM, ticks, SA_RESTART);
    alarms();
    intervals();
    dropped();
    bad();
    is_int(fate_of(dies, NULL), 1000 + SIGALRM, "by default SIGALRM is the end");
    set(1000000000, 0, NULL);
    is_int(fate_of(child, NULL), 0, "fork's child has no alarm");
    set(0, 0, NULL);
    return done_testing();
}
