/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A server whose requests are served by a thread that it had before it opened its port: who waits for the device lends its
 * priority to that thread, too. One CPU, where a real-time thread computes that is more urgent than the server by itself.
 *
 *      waits 50       reads a sector
 *      computes 10    until it sees that the other is done, or has counted very far
 *      serves 0       the first thread sleeps, its other one answers
 *
 * needs: holdfast
 * cpus: 1
 * timeout: 120
 */
#include <pthread.h>

#include "tests/user/ports.h"

#define FAR 200000000ul /* steps: a second or so */

static struct shared_ {
    volatile unsigned long steps;
    volatile bool opened, ready, done;
    volatile long got;
} *sh;

static void be_urgent(int priority) {
    if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = priority}) != 0) _exit(99);
}

static void *answer_all(void *unused) {
    while (!sh->opened) sched_yield();
    for (;;) {
        while (!unseen_requests()) sched_yield();
        answer(next_request().id, 0);
    }
    return unused;
}

static _Noreturn void serves(void) {
    pthread_t t;
    lock_whole();
    if (pthread_create(&t, NULL, answer_all, NULL) != 0) _exit(98);
    serve("vdy", 64);
    sh->opened = true;
    for (;;) pause();
}

static _Noreturn void waits(int go) {
    char byte, *sector = anon(1);
    if (mlockall(MCL_CURRENT) != 0) _exit(97);
    int fd = open("/dev/vdy", O_RDONLY);
    be_urgent(50);
    sh->ready = true;
    read(go, &byte, 1);
    sh->got = pread(fd, sector, 512, 0);
    sh->done = true;
    _exit(0);
}

static _Noreturn void computes(void) {
    if (mlockall(MCL_CURRENT) != 0) _exit(97);
    be_urgent(10);
    while (!sh->done && sh->steps < FAR) sh->steps++;
    _exit(0);
}

static int status_of(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

int main(void) {
    int go[2];
    needs_holdfast();
    plan(5);
    sh = shared(sizeof *sh);
    pipe(go);
    be_urgent(60);
    pid_t server = fork();
    if (server == 0) sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}), serves();
    while (!sh->opened) usleep(1000);
    pid_t waiter = fork();
    if (waiter == 0) waits(go[0]);
    while (!sh->ready) usleep(1000);
    pid_t other = fork();
    if (other == 0) computes();
    while (sh->steps == 0) usleep(1000);
    write(go[1], "", 1);
    is_int(status_of(other), 0, "one computes, and one that is more urgent waits for a device");
    ok(sh->steps < FAR, "which a thread serves that its server had before: it gets on");
    is_int(status_of(waiter), 0, "the one that waited ends");
    is_int(sh->got, 512, "with its sector");
    kill(server, SIGKILL);
    is_int(status_of(server), SIGKILL, "and the server when it is told to");
    return done_testing();
}
