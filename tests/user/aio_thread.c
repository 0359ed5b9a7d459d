/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * SIGEV_THREAD: the end of a request calls a function in a thread of its own, exactly once.
 *
 * clauses: W6 X7 Q3 Q6 R3
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#define REQUESTS 16

static char *p;
static struct aiocb cb[REQUESTS];
static sem_t called;
static int times[REQUESTS], unfinished, in_caller;
static pthread_t me;

static void note(union sigval value) {
    struct aiocb *c = value.sival_ptr;

    if (aio_error(c) != 0) __atomic_add_fetch(&unfinished, 1, __ATOMIC_SEQ_CST);
    if (pthread_equal(me, pthread_self())) in_caller++;
    __atomic_add_fetch(&times[c - cb], 1, __ATOMIC_SEQ_CST);
    sem_post(&called);
}

static void ask(struct aiocb *c, char *at, size_t n, pthread_attr_t *attr) {
    fill(c, at, n);
    c->aio_sigevent.sigev_notify = SIGEV_THREAD;
    c->aio_sigevent.sigev_notify_function = note;
    c->aio_sigevent.sigev_notify_attributes = attr;
    c->aio_sigevent.sigev_value.sival_ptr = c;
}

static void wait_called(int n) {
    while (n--)
        while (sem_wait(&called)) continue;
}

static void one(void) {
    pthread_attr_t a;

    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 1 << 17);
    ask(&cb[0], p, 4 * PG, &a);
    struct sigevent before = cb[0].aio_sigevent;
    is_int(aio_mlock(&cb[0]), 0, "W6: SIGEV_THREAD is accepted");
    ok(memcmp(&before, &cb[0].aio_sigevent, sizeof before) == 0, "W6: the block is as it was");
    wait_called(1);
    is_int(times[0], 1, "X7: called once");
    is_int(unfinished, 0, "X7: after the result can be seen");
    is_int(in_caller, 0, "W6: in another thread");
    is_int(aio_return(&cb[0]), 0, "R3: the result is still there");
}

static void many(void) {
    int good = 0, returned = 0;

    for (int i = 0; i < REQUESTS; i++) {
        times[i] = 0;
        ask(&cb[i], p + i * 4 * PG, 4 * PG, NULL);
        good += aio_mlock(&cb[i]) == 0;
    }
    is_int(good, REQUESTS, "W6: %d requests", REQUESTS);
    wait_called(REQUESTS);
    good = 0;
    for (int i = 0; i < REQUESTS; i++) {
        good += times[i] == 1;
        returned += aio_return(&cb[i]) == 0;
    }
    is_int(good, REQUESTS, "X7: a call for each");
    is_int(returned, REQUESTS, "R3: and a result");
}

static void refused(void) {
    int value = -1;

    hold(HOLD);
    times[0] = 0;
    ask(&cb[0], p, PG, NULL);
    is_int(aio_mlock(&cb[0]), 0, "W6: a request that waits");
    fails(aio_mlock(&cb[0]), EINVAL, "Q4: and is outstanding");
    ask(&cb[1], p, PG, NULL);
    is_int(aio_mlock(&cb[1]), 0, "W6: and one behind both");
    hold(GO);
    wait_called(2);
    sem_getvalue(&called, &value);
    ok(times[0] == 1 && value == 0, "Q6: what was refused notifies nobody");
    aio_return(&cb[0]);
    aio_return(&cb[1]);
    ask(&cb[0], p, (size_t)-1, NULL);
    fails(aio_mlock(&cb[0]), EINVAL, "Q4: more than there can be");
}

int main(void) {
    aio_test();
    plan(0);
    me = pthread_self();
    sem_init(&called, 0, 0);
    p = anon(REQUESTS * 4);
    one();
    many();
    refused();
    return done_testing();
}
