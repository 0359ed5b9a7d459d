/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Cancellation: at every call that blocks, before it and while it sleeps; never where it is
 * disabled; cleanup routines; what a call has done is not lost.
 */
#include "tests/user/support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int hollow[2], full[2]; /* a pipe that nobody writes, one that nobody reads */
static sem_t never, inside;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_t sleeper;
static const struct timespec hour = {.tv_sec = 3600};
static char buffer[100];

/* --- Calls that sleep until they are cancelled ----------------------------------------------- */

static void in_read(void) {
    read(hollow[0], buffer, 1);
}
static void in_readv(void) {
    readv(hollow[0], &(struct iovec){buffer, 1}, 1);
}
static void in_write(void) {
    write(full[1], buffer, sizeof buffer);
}
static void in_poll(void) {
    poll(&(struct pollfd){.fd = hollow[0], .events = POLLIN}, 1, -1);
}
static void in_nanosleep(void) {
    nanosleep(&hour, NULL);
}
static void in_clock_nanosleep(void) {
    clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL);
}
static void in_sleep(void) {
    sleep(3600);
}
static void in_pause(void) {
    pause();
}
static void in_sigsuspend(void) {
    sigset_t none;

    sigemptyset(&none);
    sigsuspend(&none);
}
static void in_sigwait(void) {
    sigset_t set;
    int got;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigwait(&set, &got);
}
static void in_sigtimedwait(void) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigtimedwait(&set, NULL, &hour);
}
static void in_waitpid(void) {
    waitpid(-1, NULL, 0);
}
static void in_waitid(void) {
    waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED);
}
static void in_sem_wait(void) {
    sem_wait(&never);
}
static void in_sem_timedwait(void) {
    sem_timedwait(&never, &(struct timespec){.tv_sec = time(NULL) + 3600});
}
static void unlock_it(void *m) {
    pthread_mutex_unlock(m);
}
static void in_cond_wait(void) {
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock_it, &mutex);
    for (;;) pthread_cond_wait(&cond, &mutex);
    pthread_cleanup_pop(1);
}
static void in_cond_timedwait(void) {
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock_it, &mutex);
    for (;;) pthread_cond_timedwait(&cond, &mutex, &(struct timespec){.tv_sec = time(NULL) + 3600});
    pthread_cleanup_pop(1);
}
static void in_join(void) {
    pthread_join(sleeper, NULL);
}
static void in_testcancel(void) {
    for (;;) pthread_testcancel();
}
static void in_open_close(void) {
    for (;;) close(open("/", O_RDONLY | O_CLOEXEC));
}

struct call {
    const char *name;
    void (*run)(void);
};

static const struct call calls[] = {
    {"read", in_read},
    {"readv", in_readv},
    {"write", in_write},
    {"poll", in_poll},
    {"nanosleep", in_nanosleep},
    {"clock_nanosleep", in_clock_nanosleep},
    {"sleep", in_sleep},
    {"pause", in_pause},
    {"sigsuspend", in_sigsuspend},
    {"sigwait", in_sigwait},
    {"sigtimedwait", in_sigtimedwait},
    {"waitpid", in_waitpid},
    {"waitid", in_waitid},
    {"sem_wait", in_sem_wait},
    {"sem_timedwait", in_sem_timedwait},
    {"pthread_cond_wait", in_cond_wait},
    {"pthread_cond_timedwait", in_cond_timedwait},
    {"pthread_join", in_join},
    {"pthread_testcancel", in_testcancel},
    {"open and close", in_open_close},
};

static int cleaned;
static volatile pid_t tid; /* of who called last */

static void clean(void *by) {
    cleaned += (int)(long)by;
}

static void *call_it(void *call) {
    pthread_cleanup_push(clean, (void *)1);
    tid = gettid();
    sem_post(&inside);
    ((const struct call *)call)->run();
    pthread_cleanup_pop(0);
    return NULL;
}

/* Cancelled in its sleep, and with more and more turns given to the thread first, so that it is met
 * before, in and behind the system call's entry. */
static void cancel_in(const struct call *c) {
    bool sleeps = c->run != in_testcancel && c->run != in_open_close;
    int good = 0;
    pthread_t t;

    cleaned = 0;
    for (int i = 0; i < 30; i++) {
        void *result = NULL;
        if (pthread_create(&t, NULL, call_it, (void *)(unsigned long)c)) break;
        while (sem_wait(&inside)) continue;
        if (i % 2 && sleeps) await_state(tid, "S");
        else for (int turn = 0; turn < i / 4; turn++) sched_yield();
        good += pthread_cancel(t) == 0 && pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED;
    }
    is_int(good, 30, "cancelled in %s", c->name);
    is_int(cleaned, 30, "and cleaned up");
    ok(pthread_mutex_trylock(&mutex) == 0, "and the mutex is free");
    pthread_mutex_unlock(&mutex);
}

/* --- What cancellation must not do ----------------------------------------------------------- */

static void *disabled(void *unused) {
    int old = -1;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    tid = gettid();
    sem_post(&inside);
    bool answered = read(hollow[0], buffer, 1) == 1 && old == PTHREAD_CANCEL_ENABLE;
    pthread_testcancel();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    if (!answered || old != PTHREAD_CANCEL_DISABLE) return unused;
    sem_post(&never); /* not a cancellation point */
    pthread_testcancel();
    return unused;
}

static void while_disabled(void) {
    pthread_t t;
    void *result = NULL;
    int value = 0;

    pthread_create(&t, NULL, disabled, NULL);
    while (sem_wait(&inside)) continue;
    await_state(tid, "S");
    pthread_cancel(t);
    await_state(tid, "S");
    write(hollow[1], "x", 1);
    pthread_join(t, &result);
    sem_getvalue(&never, &value);
    is_int(value, 1, "a call goes on while cancellation is disabled");
    ok(result == PTHREAD_CANCELED, "and it comes when it is enabled again");
    sem_trywait(&never);
}

/* Bytes that a cancelled thread has taken from a pipe would be missing afterwards. */
static void *read_on(void *counter) {
    char c;

    sem_post(&inside);
    while (read(hollow[0], &c, 1) == 1) ++*(int *)counter;
    return NULL;
}

static void nothing_is_lost(void) {
    int given = 0, taken = 0, left = 0;
    char c;

    for (int i = 0; i < 200; i++) {
        pthread_t t;
        pthread_create(&t, NULL, read_on, &taken);
        while (sem_wait(&inside)) continue;
        for (int k = 0; k < 20; k++) given += write(hollow[1], "y", 1) == 1;
        pthread_cancel(t);
        pthread_join(t, NULL);
    }
    fcntl(hollow[0], F_SETFL, O_NONBLOCK);
    while (read(hollow[0], &c, 1) == 1) left++;
    fcntl(hollow[0], F_SETFL, 0);
    is_int(taken + left, given, "what a call has taken, it has told");
}

static volatile int cancelled;

/* The cancellation arrives while this runs. */
static void handler(int signal) {
    (void)signal;
    sem_post(&inside);
    while (!cancelled) sched_yield();
}

static void in_handler(void) {
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
    pthread_t t;
    int good = 0;

    sigaction(SIGUSR1, &a, NULL);
    for (int i = 0; i < 30; i++) {
        void *result = NULL;
        pthread_create(&t, NULL, call_it, (void *)(unsigned long)&calls[0]);
        while (sem_wait(&inside)) continue;
        await_state(tid, "S");
        cancelled = 0;
        pthread_kill(t, SIGUSR1);
        while (sem_wait(&inside)) continue;
        pthread_cancel(t);
        cancelled = 1;
        pthread_join(t, &result);
        good += result == PTHREAD_CANCELED;
    }
    is_int(good, 30, "cancelled although a handler ran on top of the call");
}

/* --- Cleanup --------------------------------------------------------------------------------- */

static char order[8];

static void note(void *letter) {
    strlcat(order, letter, sizeof order);
}

static void *nest(void *leave) {
    pthread_cleanup_push(note, (char[]){"a"});
    pthread_cleanup_push(note, (char[]){"b"});
    pthread_cleanup_push(note, (char[]){"c"});
    pthread_cleanup_pop(1);
    pthread_cleanup_push(note, (char[]){"d"});
    pthread_cleanup_pop(0);
    if (leave) pthread_exit(NULL);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *cancel_self(void *unused) {
    pthread_cancel(pthread_self());
    strlcat(order, "x", sizeof order);
    pthread_testcancel();
    return unused;
}

static void cleanup(void) {
    pthread_t t;
    void *result = NULL;

    pthread_create(&t, NULL, nest, NULL);
    pthread_join(t, NULL);
    is_str(order, "c", "cleanup routines run when popped so");
    order[0] = '\0';
    pthread_create(&t, NULL, nest, (void *)1);
    pthread_join(t, NULL);
    is_str(order, "cba", "and at pthread_exit, the last one first");
    order[0] = '\0';
    pthread_create(&t, NULL, cancel_self, NULL);
    pthread_join(t, &result);
    ok(result == PTHREAD_CANCELED && strcmp(order, "x") == 0, "a thread may cancel itself, later");
    is_int(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL), ENOTSUP, "not asynchronously");
    is_int(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL), 0, "deferred it is");
    is_int(pthread_setcancelstate(7, NULL), EINVAL, "a state that is none");
}

static int once_ran;

static void once_body(void) {
    once_ran++;
    if (once_ran == 1) in_read();
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *once_in_thread(void *unused) {
    sem_post(&inside);
    pthread_once(&once, once_body);
    return unused;
}

static void cancelled_once(void) {
    pthread_t t;

    pthread_create(&t, NULL, once_in_thread, NULL);
    while (sem_wait(&inside)) continue;
    pthread_cancel(t);
    pthread_join(t, NULL);
    pthread_once(&once, once_body);
    is_int(once_ran, 2, "a routine that was cancelled runs again");
}

static void *sleep_on(void *unused) {
    in_pause();
    return unused;
}

int main(void) {
    sigset_t set;

    plan(0);
    if (pipe(hollow) || pipe(full)) bail_out("no pipes");
    fcntl(full[1], F_SETFL, O_NONBLOCK);
    while (write(full[1], buffer, sizeof buffer) > 0) continue;
    fcntl(full[1], F_SETFL, 0);
    sem_init(&never, 0, 0);
    sem_init(&inside, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pid_t child = fork(); /* so that there is one to wait for */
    if (child == 0)
        for (;;) pause();
    pthread_create(&sleeper, NULL, sleep_on, NULL);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) cancel_in(&calls[i]);
    while_disabled();
    nothing_is_lost();
    in_handler();
    cleanup();
    cancelled_once();
    kill(child, SIGKILL);
    is_int(waitpid(child, NULL, 0), child, "the child was not reaped by anybody cancelled");
    pthread_cancel(sleeper);
    is_int(pthread_join(sleeper, NULL), 0, "a thread whose joiners were cancelled can be joined");
    return done_testing();
}
