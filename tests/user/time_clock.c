/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Clocks and sleeping. Nothing here is judged by how long it took, only by order: a clock never goes back,
 * a sleep never ends before its time, and what must not sleep does not.
 */
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "tests/user/support.h"

static long long now(clockid_t clock) {
    struct timespec t = {0, 0};
    if (clock_gettime(clock, &t) != 0) bail_out("clock %d: %s", (int)clock, strerror(errno));
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static struct timespec spec(long long ns) {
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static void order(void) {
    long long last = now(CLOCK_MONOTONIC);
    int back = 0;
    for (int i = 0; i < 10000; i++) {
        long long t = now(CLOCK_MONOTONIC);
        if (t < last) back++;
        last = t;
    }
    is_int(back, 0, "the monotonic clock never goes back");
    long long a = now(CLOCK_REALTIME) / 1000000000;
    time_t b = time(NULL);
    struct timeval tv;
    gettimeofday(&tv, NULL);
    time_t c = time(NULL);
    ok(a <= b && b <= tv.tv_sec && tv.tv_sec <= c, "clock_gettime, time and gettimeofday agree");
    ok(b > 1600000000, "and the year is a likely one");
    long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (volatile int i = 0; i < 100000; i++) continue;
    ok(now(CLOCK_PROCESS_CPUTIME_ID) > cpu, "work takes CPU time");
    ok(now(CLOCK_THREAD_CPUTIME_ID) > 0, "of the thread as well");
    struct timespec r = {5, 5};
    ok(clock_getres(CLOCK_MONOTONIC, &r) == 0 && r.tv_sec == 0 && r.tv_nsec > 0, "clock_getres");
    struct tms t;
    ok(times(&t) != (clock_t)-1, "times");
}

static void sleeps(void) {
    static const long long spans[] = {0, 1, 1000, 1000000, 20000000};
    int early = 0;
    for (unsigned i = 0; i < sizeof spans / sizeof *spans; i++) {
        long long begin = now(CLOCK_MONOTONIC);
        struct timespec t = spec(spans[i]);
        if (nanosleep(&t, NULL) != 0 || now(CLOCK_MONOTONIC) < begin + spans[i]) early++;
    }
    is_int(early, 0, "nanosleep never ends before its time");
    long long until = now(CLOCK_MONOTONIC) + 5000000;
    struct timespec t = spec(until);
    is_int(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0, "to an absolute time");
    ok(now(CLOCK_MONOTONIC) >= until, "which has come then");
    until = now(CLOCK_REALTIME) + 5000000;
    t = spec(until);
    is_int(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL), 0, "on the wall's clock as well");
    ok(now(CLOCK_REALTIME) >= until, "which has come then");
    t = spec(1);
    is_int(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0, "a time long past is no sleep");
}

static void arguments(void) {
    struct timespec bad[] = {{-1, 0}, {0, -1}, {0, 1000000000}}, good = {0, 0};
    for (int i = 0; i < 3; i++) fails(nanosleep(&bad[i], NULL), EINVAL, "no such span (%d)", i);
    fails(syscall(SYS_nanosleep, KERNEL, 0), EFAULT, "a span in the kernel");
    fails(syscall(SYS_nanosleep, 0, 0), EFAULT, "no span");
    fails(syscall(SYS_clock_gettime, 77, &good), EINVAL, "no such clock");
    fails(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, KERNEL), EFAULT, "nowhere to put the time");
    fails(syscall(SYS_clock_nanosleep, 77, 0, &good, 0), EINVAL, "no such clock to sleep by");
    fails(syscall(SYS_clock_getres, 77, 0), EINVAL, "nor to ask");
    is_int(syscall(SYS_clock_getres, CLOCK_MONOTONIC, 0), 0, "the resolution need not be told");
}

/* One CPU and one level of SCHED_FIFO: who wakes first runs first. */
static _Noreturn void sleeper(long long until, int out, char letter) {
    const unsigned long one = 1;
    const int priority = 1;
    struct timespec t = spec(until);
    if (syscall(SYS_sched_setaffinity, 0, sizeof one, &one) < 0) _exit(2);
    if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority)) _exit(3);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    _exit(write(out, &letter, 1) == 1 ? 0 : 1);
}

/* In steps of so many ns: false if the first was not asleep before its time. */
static bool three_sleepers(long long step, char woken[3]) {
    static const int delay[] = {3, 1, 2};
    pid_t pid[3];
    int p[2];
    if (pipe(p) != 0) bail_out("pipe");
    long long begin = now(CLOCK_MONOTONIC) + step;
    for (int i = 0; i < 3; i++)
        if ((pid[i] = fork()) == 0) sleeper(begin + delay[i] * step, p[1], (char)('0' + i));
    for (int i = 0; i < 3; i++) await_state(pid[i], "SZ");
    bool in_time = now(CLOCK_MONOTONIC) < begin + step;
    for (int i = 0; i < 3; i++) (void)!read(p[0], &woken[i], 1);
    while (wait(NULL) > 0) continue;
    close(p[0]);
    close(p[1]);
    return in_time;
}

/* Three sleepers wake in the order of their times, whatever the order in which they lay down. */
static void in_order(void) {
    char woken[4] = "";
    for (long long step = 50000000; !three_sleepers(step, woken); step *= 2) continue;
    is_str(woken, "120", "three sleepers wake in the order of their times");
}

int main(void) {
    plan(7 + 6 + 10 + 1);
    order();
    sleeps();
    arguments();
    in_order();
    return done_testing();
}
