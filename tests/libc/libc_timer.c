/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Timers: by what arrives, never by when. Signals, a thread, a function in a thread of its own.
 */
#include "tests/user/support.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
static const struct itimerspec often = {.it_value = {.tv_nsec = 1000000},
                                        .it_interval = {.tv_nsec = 1000000}};
static const struct itimerspec never;
static sem_t fired;
static volatile int wrong;
static pthread_t main_thread;

static void block(int signal) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static siginfo_t next(int signal) {
    siginfo_t info = {0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    while (sigwaitinfo(&set, &info) < 0) continue;
    return info;
}

static void by_signal(void) {
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec now, old;
    timer_t t;

    e.sigev_value.sival_int = 1234;
    block(SIGRTMIN);
    is_int(timer_create(CLOCK_MONOTONIC, &e, &t), 0, "a timer");
    is_int(timer_gettime(t, &now), 0, "asked");
    ok(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0, "it does not run yet");
    is_int(timer_settime(t, 0, &soon, NULL), 0, "set");
    siginfo_t info = next(SIGRTMIN);
    ok(info.si_code == SI_TIMER && info.si_value.sival_int == 1234, "its signal, with the value");
    is_int(timer_settime(t, TIMER_ABSTIME, &(struct itimerspec){.it_value = {.tv_nsec = 1}}, NULL), 0,
           "an absolute time that is past");
    info = next(SIGRTMIN);
    is_int(info.si_code, SI_TIMER, "comes at once");
    timer_settime(t, 0, &often, NULL);
    int good = 0;
    for (int i = 0; i < 20; i++) good += next(SIGRTMIN).si_code == SI_TIMER;
    is_int(good, 20, "again and again");
    ok(timer_getoverrun(t) >= 0, "overruns are counted");
    timer_settime(t, 0, &never, &old);
    is_int(old.it_interval.tv_nsec, 1000000, "stopped; what it was");
    is_int(timer_delete(t), 0, "deleted");
    fails(timer_settime(t, 0, &soon, NULL), EINVAL, "gone");
    fails(timer_create(12345, &e, &t), EINVAL, "a clock that is none");
    e.sigev_signo = 33;
    fails(timer_create(CLOCK_MONOTONIC, &e, &t), EINVAL, "libc's own signals are not to be had");
}

static pid_t tid;
static sem_t started;

static void *wait_in_thread(void *unused) {
    (void)unused;
    tid = gettid();
    sem_post(&started);
    return (void *)(long)(next(SIGRTMIN + 1).si_code == SI_TIMER);
}

static void by_thread_id(void) {
    struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1};
    pthread_t thread;
    timer_t t;
    void *good = NULL;

    block(SIGRTMIN + 1);
    sem_init(&started, 0, 0);
    pthread_create(&thread, NULL, wait_in_thread, NULL);
    while (sem_wait(&started)) continue;
    e.sigev_notify_thread_id = tid;
    is_int(timer_create(CLOCK_REALTIME, &e, &t), 0, "a timer for one thread");
    timer_settime(t, 0, &soon, NULL);
    pthread_join(thread, &good);
    ok(good != NULL, "tells that thread");
    timer_delete(t);
}

static void call(union sigval value) {
    sigset_t mask;

    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    if (value.sival_int != 77 || pthread_equal(pthread_self(), main_thread) ||
        !sigismember(&mask, SIGRTMIN) || sigismember(&mask, SIGUSR1))
        wrong++;
    sem_post(&fired);
    if (value.sival_int == 78) pthread_exit(NULL);
}

static void fence(union sigval value) {
    sem_post(value.sival_ptr);
}

/* Until whatever timers have sent by now has been called: the helper serves one after the other, and of the threads that
 * call, none is left. */
static void all_called(void) {
    struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = fence};
    sem_t passed;
    timer_t t;

    sem_init(&passed, 0, 0);
    e.sigev_value.sival_ptr = &passed;
    if (timer_create(CLOCK_MONOTONIC, &e, &t)) bail_out("no timer");
    timer_settime(t, 0, &soon, NULL);
    while (sem_wait(&passed)) continue;
    timer_delete(t);
    while (proc_number("/proc/self/status", "Threads") > 2) sched_yield();
}

static void by_function(void) {
    struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = call};
    pthread_attr_t a;
    timer_t t, other;
    int value = -1;

    sem_init(&fired, 0, 0);
    main_thread = pthread_self();
    e.sigev_value.sival_int = 77;
    is_int(timer_create(CLOCK_MONOTONIC, &e, &t), 0, "a timer that calls a function");
    timer_settime(t, 0, &soon, NULL);
    while (sem_wait(&fired)) continue;
    pass("it is called");
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 1 << 18);
    e.sigev_notify_attributes = &a;
    is_int(timer_create(CLOCK_MONOTONIC, &e, &other), 0, "with attributes");
    timer_settime(other, 0, &often, NULL);
    for (int i = 0; i < 20; i++)
        while (sem_wait(&fired)) continue;
    is_int(wrong, 0, "each time in another thread, with the value and the maker's mask");
    is_int(timer_delete(other) | timer_delete(t), 0, "deleted");
    all_called();
    while (sem_trywait(&fired) == 0) continue;
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    all_called();
    sem_getvalue(&fired, &value);
    is_int(value, 0, "and then no more");
}

static void older_ones(void) {
    struct itimerval v = {.it_value = {.tv_usec = 1000}}, old;

    block(SIGALRM);
    is_int(setitimer(ITIMER_REAL, &v, NULL), 0, "setitimer");
    is_int(next(SIGALRM).si_signo, SIGALRM, "SIGALRM");
    is_int(alarm(1000), 0, "alarm, and none before it");
    is_int(getitimer(ITIMER_REAL, &old), 0, "getitimer");
    ok(old.it_value.tv_sec > 900 && old.it_value.tv_sec <= 1000, "they are one");
    ok(alarm(0) > 900, "alarm(0) answers what was left");
    fails(setitimer(99, &v, NULL), EINVAL, "a timer that is none");
}

static void after_fork(void) {
    struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = call};
    int status = -1;
    timer_t t;

    e.sigev_value.sival_int = 77;
    pid_t child = fork();
    if (child == 0) {
        main_thread = pthread_self();
        sem_init(&fired, 0, 0);
        if (timer_create(CLOCK_MONOTONIC, &e, &t) || timer_settime(t, 0, &soon, NULL)) _exit(1);
        while (sem_wait(&fired)) continue;
        pthread_exit(NULL); /* the helper does not keep the process alive */
    }
    waitpid(child, &status, 0);
    is_int(status, 0, "a child has a helper of its own, which does not count");
}

int main(void) {
    plan(0);
    by_signal();
    by_thread_id();
    by_function();
    older_ones();
    after_fork();
    return done_testing();
}
