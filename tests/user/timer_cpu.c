/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * ITIMER_VIRTUAL and ITIMER_PROF: by CPU time and not by the clock, of all threads; once and again; each of setitimer's timers
 * for itself; by default the end; fork's child has none, exec keeps them.
 */
#include <pthread.h>
#include <time.h>

#include "tests/user/signals.h"

#define MS 1000l /* microseconds */

enum { REAL, VIRTUAL, PROF };

struct times { /* struct itimerval */
    struct { long sec, usec; } interval, value;
};

static const char *const name[] = {"ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF"};
static const int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
static volatile int count;

static void ticks(int sig) {
    (void)sig;
    count++;
}

static int set(int which, long us, long interval, struct times *old) {
    const struct times t = {{interval / 1000000, interval % 1000000}, {us / 1000000, us % 1000000}};
    return (int)syscall(SYS_setitimer, which, &t, old);
}

static long left(int which) {
    struct times t = {{9, 9}, {9, 9}};
    syscall(SYS_getitimer, which, &t);
    return t.value.sec * 1000000 + t.value.usec;
}

static long cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Works, in ring 3, until so many have come. */
static void work(int want) {
    while (count < want) __asm__ volatile("");
}

/* Linux counts ticks of its clock, which are said to be of whoever ran then: it may be early by some. */
static long slack(void) {
    return on_holdfast() ? 0 : 20 * MS;
}

static void once(int which) {
    long before = cpu_us();
    count = 0;
    is_int(set(which, 60 * MS, 0, NULL), 0, "%s: set", name[which]);
    long now = left(which);
    ok(now > 0 && now <= 60 * MS + slack(), "it runs (%ld us)", now);
    work(1);
    ok(cpu_us() - before >= 60 * MS - slack(), "it comes, not before so much CPU time is used (%ld us)", cpu_us() - before);
    is_int(left(which), 0, "and is over");
}

static void asleep(int which) {
    count = 0;
    set(which, 40 * MS, 0, NULL);
    long used = cpu_us(), at_first = left(which);
    nanosleep(&(struct timespec){0, 150000000}, NULL);
    long now = left(which);
    used = cpu_us() - used + 2; /* both are rounded */
    ok(now >= at_first - used - slack() && count == 0, "%s: a process that sleeps uses none of it", name[which]);
    work(1);
    pass("it comes when it works again");
}

static void again(int which) {
    struct times t;
    long before = cpu_us();
    count = 0;
    set(which, 20 * MS, 20 * MS, NULL);
    work(4);
    ok(cpu_us() - before >= 80 * MS - 2 * slack(), "%s: again and again", name[which]);
    is_int(set(which, 0, 0, &t), 0, "stopped");
    ok(t.interval.usec == 20 * MS && !t.interval.sec && (t.value.sec || t.value.usec), "it tells what it was");
    int now = count;
    for (before = cpu_us(); cpu_us() - before < 50 * MS;) continue;
    is_int(count, now, "and stands");
    is_int(left(which), 0, "with nothing left");
}

/* Its signal is ignored, then not: it has gone on. */
static void ignored(int which) {
    signal(signals[which], SIG_IGN);
    count = 0;
    set(which, 20 * MS, 20 * MS, NULL);
    for (long before = cpu_us(); cpu_us() - before < 60 * MS;) continue;
    handle(signals[which], ticks, SA_RESTART);
    work(2);
    set(which, 0, 0, NULL);
    pass("%s: one whose signal was ignored goes on", name[which]);
}

/* ---- threads ---- */

static volatile bool stop;

static void *works(void *arg) {
    while (!stop) __asm__ volatile("");
    return arg;
}

static void of_all_threads(int which) {
    pthread_t t;
    stop = false;
    count = 0;
    set(which, 60 * MS, 0, NULL);
    if (pthread_create(&t, NULL, works, NULL)) bail_out("no thread");
    while (count < 1) syscall(SYS_nanosleep, &(struct timespec){0, 1000000}, NULL);
    stop = true;
    pthread_join(t, NULL);
    pass("%s: another thread's work counts", name[which]);
}

/* ---- lives ---- */

static void none_of_mine(void *arg) {
    (void)arg;
    _exit(left(REAL) || left(VIRTUAL) || left(PROF));
}

static char *self;

static void executes(void *arg) {
    char *const argv[] = {self, "kept", NULL}, *const envp[] = {NULL};
    (void)arg;
    for (int i = REAL; i <= PROF; i++) set(i, 1000000000l * (i + 1), 0, NULL);
    execve(self, argv, envp);
}

static void lives(void) {
    for (int i = REAL; i <= PROF; i++) set(i, 1000000000l * (i + 1), 0, NULL);
    for (int i = REAL; i <= PROF; i++)
        ok(left(i) > 1000000000l * i && left(i) <= 1000000000l * (i + 1) + slack(), "%s is a timer of its own", name[i]);
    is_int(fate_of(none_of_mine, NULL), 0, "fork's child has none");
    for (int i = REAL; i <= PROF; i++) set(i, 0, 0, NULL);
    is_int(fate_of(executes, NULL), 0, "exec keeps all three");
}

static void dies(void *arg) {
    int which = (int)(long)arg;
    signal(signals[which], SIG_DFL);
    set(which, 1 * MS, 0, NULL);
    work(1 << 30);
}

int main(int argc, char **argv) {
    if (argc > 1) return !left(REAL) || !left(VIRTUAL) || !left(PROF);
    self = on_holdfast() ? argv[0] : "/proc/self/exe";
    for (int which = VIRTUAL; which <= PROF; which++) {
        handle(signals[which], ticks, SA_RESTART);
        once(which);
        asleep(which);
        again(which);
        ignored(which);
        of_all_threads(which);
        count = 0;
        is_int(fate_of(dies, (void *)(long)which), 1000 + signals[which], "by default its signal is the end");
    }
    lives();
    fails(syscall(SYS_setitimer, 3, &(struct times){0}, NULL), EINVAL, "a fourth there is not");
    fails(syscall(SYS_getitimer, -1, &(struct times){0}), EINVAL, "nor one before the first");
    return done_testing();
}
