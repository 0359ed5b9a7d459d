/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Unnamed semaphores: counts, limits, deadlines, signals, two processes, and destruction by the one
 * who got the last unit.
 */
#include "tests/user/support.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define UNITS   20000

static sem_t units, spare;
static int taken;

static void *take(void *unused) {
    for (int i = 0; i < UNITS; i++) {
        while (sem_wait(&units)) continue;
        __atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static void *give(void *unused) {
    for (int i = 0; i < UNITS; i++) sem_post(&units);
    return unused;
}

static void counts(void) {
    pthread_t t[2 * THREADS];
    int value = -1;

    for (int i = 0; i < 2 * THREADS; i++) pthread_create(&t[i], NULL, i % 2 ? take : give, NULL);
    for (int i = 0; i < 2 * THREADS; i++) pthread_join(t[i], NULL);
    is_int(taken, THREADS * UNITS, "as many units taken as given");
    sem_getvalue(&units, &value);
    is_int(value, 0, "none is left");
    is_int(sem_destroy(&units), 0, "destroyed");
}

static void answers(void) {
    const struct timespec past = {.tv_sec = 1}, none = {.tv_nsec = -1};
    int value = -1;

    fails(sem_init(&spare, 0, SEM_VALUE_MAX + 1u), EINVAL, "more than there can be");
    is_int(sem_init(&spare, 0, 2), 0, "two units");
    is_int(sem_trywait(&spare) | sem_timedwait(&spare, &past), 0, "are had without waiting");
    fails(sem_trywait(&spare), EAGAIN, "a third is not there");
    fails(sem_timedwait(&spare, &past), ETIMEDOUT, "nor until a time that is past");
    fails(sem_timedwait(&spare, &none), EINVAL, "nor until a time that is none");
    fails(sem_clockwait(&spare, CLOCK_MONOTONIC, &past), ETIMEDOUT, "nor by another clock");
    sem_init(&spare, 0, SEM_VALUE_MAX);
    fails(sem_post(&spare), EOVERFLOW, "one more than there can be");
    sem_getvalue(&spare, &value);
    is_int(value, SEM_VALUE_MAX, "changes nothing");
}

/* The poster must not touch the semaphore after the unit is given: here it goes away with its page. */
static void *post_it(void *sem) {
    sem_post(sem);
    return NULL;
}

static void destroyed_at_once(void) {
    pthread_t t;
    int good = 0;

    for (int i = 0; i < 500; i++) {
        sem_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        sem_init(s, 0, 0);
        pthread_create(&t, NULL, post_it, s);
        while (sem_wait(s)) continue;
        good += munmap(s, 4096) == 0;
        pthread_join(t, NULL);
    }
    is_int(good, 500, "who got the unit may destroy the semaphore");
}

static void handler(int signal) {
    (void)signal;
    sem_post(&units);
}

static void with_signals(void) {
    struct sigaction a = {.sa_handler = handler};
    int status = -1;

    sem_init(&units, 0, 0);
    sem_init(&spare, 0, 0);
    sigaction(SIGUSR1, &a, NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        await_state(parent, "S");
        kill(parent, SIGUSR1);
        _exit(0);
    }
    int interrupted = 0;
    while (sem_wait(&units)) interrupted += errno == EINTR;
    is_int(interrupted, 1, "a handler may post what is waited for, and ends the wait");
    waitpid(child, &status, 0);
}

static void two_processes(void) {
    sem_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = -1, got = 0;

    sem_init(&s[0], 1, 0);
    sem_init(&s[1], 1, 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 2000; i++) {
            while (sem_wait(&s[0])) continue;
            sem_post(&s[1]);
        }
        _exit(0);
    }
    for (; got < 2000; got++) {
        sem_post(&s[0]);
        while (sem_wait(&s[1])) continue;
    }
    waitpid(child, &status, 0);
    is_int(status, 0, "two processes play ping-pong");
}

int main(void) {
    plan(0);
    sem_init(&units, 0, 0);
    counts();
    answers();
    destroyed_at_once();
    with_signals();
    two_processes();
    return done_testing();
}
