/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * timer_create and its kin: who is told, with what; once and again; overruns counted; reading, resetting,
 * deleting; what exec, fork and exit do to a timer; and every argument that is wrong.
 *
 * No test asks how long anything took: a timer has expired when its signal is there.
 */
#include "tests/user/signals.h"

#define RT 40
#define MS 1000000l

struct event { /* Linux's struct sigevent: the fields' names differ between libraries */
    uint64_t value;
    int signo, notify, tid, pad[11];
};

struct times {
    struct timespec interval, value;
};

static volatile int count, overruns, code_wrong, value_wrong;

static int create(int clock, int notify, int sig, uint64_t value, int *id) {
    struct event ev = {.value = value, .signo = sig, .notify = notify, .tid = (int)syscall(SYS_gettid)};
    return (int)syscall(SYS_timer_create, clock, &ev, id);
}

static int settime(int id, int flags, long value_ns, long interval_ns, struct times *old) {
    const struct times t = {{interval_ns / 1000000000, interval_ns % 1000000000}, {value_ns / 1000000000, value_ns % 1000000000}};
    return (int)syscall(SYS_timer_settime, id, flags, &t, old);
}

static struct times gettime(int id) {
    struct times t = {{-1, -1}, {-1, -1}};
    syscall(SYS_timer_gettime, id, &t);
    return t;
}

static long ns_of(struct timespec t) {
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void ticks(int sig, siginfo_t *si, void *context) {
    (void)sig, (void)context;
    count++;
    overruns += si->si_overrun;
    if (si->si_code != SI_TIMER) code_wrong++;
    if (si->si_value.sival_int != 4711) value_wrong++;
}

/* As the timers' clock counts: what is due by then has been sent. */
static void rest(long ns) {
    nanosleep(&(struct timespec){0, ns}, NULL);
}

static void reset(void) {
    count = overruns = code_wrong = value_wrong = 0;
}

static void once(int clock, int notify) {
    int id = -1;
    reset();
    is_int(create(clock, notify, RT, 4711, &id), 0, "clock %d, notify %d: created", clock, notify);
    is_int(ns_of(gettime(id).value), 0, "it does not run yet");
    is_int(settime(id, 0, 5 * MS, 0, NULL), 0, "set");
    ok(await(&count, 1), "it comes");
    ok(count == 1 && !code_wrong && !value_wrong, "as SI_TIMER with its value");
    is_int(ns_of(gettime(id).value), 0, "then it does not run any more");
    is_int(syscall(SYS_timer_getoverrun, id), 0, "no overrun");
    is_int(syscall(SYS_timer_delete, id), 0, "deleted");
    fails(syscall(SYS_timer_delete, id), EINVAL, "once");
}

static void again(void) {
    int id;
    reset();
    create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 4711, &id);
    settime(id, 0, MS, 2 * MS, NULL);
    ok(await(&count, 5), "a periodic one comes again");
    struct times t = gettime(id);
    ok(ns_of(t.interval) == 2 * MS && ns_of(t.value) > 0 && ns_of(t.value) <= 2 * MS, "its period can be read");
    is_int(settime(id, 0, 0, 0, &t), 0, "stopped");
    ok(ns_of(t.interval) == 2 * MS && ns_of(t.value) > 0, "telling what it was");
    int now = count;
    rest(10 * MS);
    is_int(count, now, "it stands");
    syscall(SYS_timer_delete, id);
}

/* Blocked for a while: one signal waits, and the others are its overruns. */
static void overrun(void) {
    int id;
    siginfo_t si;
    struct timespec start, now;
    reset();
    block(RT);
    create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 4711, &id);
    settime(id, 0, MS, MS, NULL);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while (ns_of(now) - ns_of(start) < 20 * MS);
    is_int(raw_sigtimedwait(BIT(RT), &si, NULL), RT, "one signal waits");
    ok(si.si_overrun >= 15, "and says how many more there were (%d)", si.si_overrun);
    is_int(syscall(SYS_timer_getoverrun, id), si.si_overrun, "as timer_getoverrun does");
    settime(id, 0, 0, 0, NULL);
    const struct timespec none = {0, 0};
    raw_sigtimedwait(BIT(RT), &si, &none);
    /* The shortest of all periods does not hold up the system. */
    settime(id, 0, 1, 1, NULL);
    for (int i = 0; i < 100; i++) raw_sigtimedwait(BIT(RT), &si, NULL);
    pass("a period of 1 ns can be lived with");
    syscall(SYS_timer_delete, id);
    fails(raw_sigtimedwait(BIT(RT), &si, &none), EAGAIN, "a deleted timer's signal is gone");
    unblock(RT);
}

static void absolute(void) {
    static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    for (int i = 0; i < 2; i++) {
        struct timespec now;
        int id;
        reset();
        create(clocks[i], SIGEV_SIGNAL, RT, 4711, &id);
        clock_gettime(clocks[i], &now);
        settime(id, TIMER_ABSTIME, ns_of(now) + 5 * MS, 0, NULL);
        long left = ns_of(gettime(id).value);
        ok(left >= 0 && left <= 5 * MS, "clock %d: absolute", clocks[i]);
        ok(await(&count, 1), "it comes");
        settime(id, TIMER_ABSTIME, 1, 0, NULL);
        ok(await(&count, 2), "a time that is past is now");
        syscall(SYS_timer_delete, id);
    }
}

static void silent(void) {
    int id;
    is_int(create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, &id), 0, "SIGEV_NONE needs no signal");
    settime(id, 0, 3600000 * MS, 0, NULL);
    long left = ns_of(gettime(id).value);
    ok(left > 3000000 * MS && left <= 3600000 * MS, "it can be read");
    settime(id, 0, 1, 0, NULL);
    rest(MS);
    is_int(ns_of(gettime(id).value), 0, "and is over some time");
    syscall(SYS_timer_delete, id);
}

static void usual(void) {
    int id;
    siginfo_t si;
    block(SIGALRM);
    is_int(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id), 0, "without a sigevent");
    settime(id, 0, MS, 0, NULL);
    is_int(raw_sigtimedwait(BIT(SIGALRM), &si, NULL), SIGALRM, "it is SIGALRM");
    ok(si.si_code == SI_TIMER && si.si_value.sival_int == id, "with the timer's number");
    syscall(SYS_timer_delete, id);
    unblock(SIGALRM);
}

/* Ignored meanwhile, it goes on. */
static void ignored(void) {
    int id;
    reset();
    signal(RT, SIG_IGN);
    create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 4711, &id);
    settime(id, 0, MS, MS, NULL);
    rest(3 * MS);
    handle_info(RT, ticks, SA_RESTART);
    ok(await(&count, 2), "a timer whose signal was ignored comes when it no longer is");
    syscall(SYS_timer_delete, id);
}

/* Its signal waits, blocked, when somebody begins to ignore it: the signal is gone, the timer goes on. */
static void dropped(bool when_it_waits) {
    int id;
    reset();
    block(RT);
    if (!when_it_waits) signal(RT, SIG_IGN);
    create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 4711, &id);
    settime(id, 0, MS, MS, NULL);
    if (when_it_waits || on_holdfast()) await_pending(RT); /* Linux queues none that is ignored and blocked */
    if (when_it_waits) signal(RT, SIG_IGN);
    else unblock(RT);
    handle_info(RT, ticks, SA_RESTART);
    unblock(RT);
    ok(await(&count, 2), "a timer whose signal was dropped, %s, goes on", when_it_waits ? "waiting" : "unblocked");
    syscall(SYS_timer_delete, id);
}

/* What a program forges to itself in a timer's name starts no timer that has nothing to send. */
static void forged(void) {
    struct { int signo, error, code, pad, id, overrun; uint64_t value, more[12]; } si = {.code = SI_TIMER};
    int id;
    create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, &id);
    settime(id, 0, MS, MS, NULL);
    si.id = id;
    block(RT);
    is_int(syscall(SYS_rt_sigqueueinfo, getpid(), RT, &si), 0, "SI_TIMER may be said to oneself");
    is_int(raw_sigtimedwait(BIT(RT), NULL, NULL), RT, "it comes");
    unblock(RT);
    rest(3 * MS);
    is_int(ns_of(gettime(id).interval), MS, "the timer is as it was");
    syscall(SYS_timer_delete, id);
}

static void bad(void) {
    struct event ev = {.signo = RT, .notify = SIGEV_SIGNAL};
    struct times t = {{0, 0}, {0, 1000000000}};
    int id;
    fails(syscall(SYS_timer_create, 77, &ev, &id), EINVAL, "a clock that is none");
    fails(syscall(SYS_timer_create, -9, &ev, &id), EINVAL, "a negative one");
    ev.signo = 65;
    fails(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL, "signal 65");
    ev.signo = 0;
    fails(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL, "signal 0");
    ev = (struct event){.signo = RT, .notify = 99};
    fails(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL, "a notification that is none");
    ev = (struct event){.signo = RT, .notify = SIGEV_THREAD_ID, .tid = 2147483000};
    fails(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL, "a thread of another process");
    fails(syscall(SYS_timer_create, CLOCK_MONOTONIC, (void *)8, &id), EFAULT, "a bad sigevent");
    ev = (struct event){.signo = RT, .notify = SIGEV_SIGNAL};
    fails(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, (void *)8), EFAULT, "a bad place for the number");
    create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 0, &id);
    fails(syscall(SYS_timer_settime, id, 0, &t, NULL), EINVAL, "a second is less than 1000000000 ns");
    t.value.tv_nsec = -1;
    fails(syscall(SYS_timer_settime, id, 0, &t, NULL), EINVAL, "and not less than none");
    fails(syscall(SYS_timer_settime, id, 0, NULL, NULL), EINVAL, "nothing to set");
    fails(syscall(SYS_timer_settime, id, 0, (void *)8, NULL), EFAULT, "a bad address");
    fails(syscall(SYS_timer_settime, id + 1000, 0, &(struct times){0}, NULL), EINVAL, "a timer that is none");
    fails(syscall(SYS_timer_gettime, id + 1000, &t), EINVAL, "to read");
    fails(syscall(SYS_timer_gettime, id, (void *)8), EFAULT, "to a bad address");
    fails(syscall(SYS_timer_getoverrun, -1), EINVAL, "to ask for overruns");
    syscall(SYS_timer_delete, id);
}

/* ---- lives ---- */

static int shared_id;

static void child(void *arg) {
    (void)arg;
    _exit(syscall(SYS_timer_delete, shared_id) == -1 && errno == EINVAL ? 0 : 1);
}

static void leaves(void *arg) {
    int id;
    (void)arg;
    signal(SIGUSR2, SIG_IGN);
    for (int i = 0; i < 50; i++) {
        if (create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 0, &id)) _exit(1);
        settime(id, 0, MS, MS, NULL);
    }
}

static void greedy(void *arg) {
    struct rlimit r = {10, 10};
    int id, n = 0;
    (void)arg;
    setrlimit(RLIMIT_SIGPENDING, &r);
    while (n < 100 && create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 0, &id) == 0) n++;
    _exit(n == 10 && errno == EAGAIN && syscall(SYS_timer_delete, id) == 0 &&
                  create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 0, &id) == 0 ? 0 : 1);
}

static void lives(void) {
    create(CLOCK_MONOTONIC, SIGEV_SIGNAL, RT, 0, &shared_id);
    is_int(fate_of(child, NULL), 0, "fork's child has no timers");
    syscall(SYS_timer_delete, shared_id);
    is_int(fate_of(leaves, NULL), 0, "exit with timers running");
    is_int(in_child(MEMLOCK_AS_IS, NOBODY + 8, greedy, NULL), 0, "RLIMIT_SIGPENDING counts timers");
}

int main(void) {
    handle_info(RT, ticks, SA_RESTART);
    once(CLOCK_MONOTONIC, SIGEV_SIGNAL);
    once(CLOCK_REALTIME, SIGEV_SIGNAL);
    once(CLOCK_MONOTONIC, 4); /* SIGEV_THREAD_ID */
    again();
    overrun();
    absolute();
    silent();
    usual();
    ignored();
    dropped(true);
    dropped(false);
    forged();
    bad();
    lives();
    return done_testing();
}
