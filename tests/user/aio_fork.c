/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * fork with requests in every state: the child has none of them, whatever it calls, and can make its own
 * with the same blocks; the parent's are not disturbed.
 *
 * clauses: P2 R5 A7 X5
 * pitfalls: A10
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

#define BIG 64ul

static char *p, *q;
static struct aiocb running, parked, finished, queued;
static struct aiocb *const all[] = {&running, &parked, &finished, &queued};
static volatile int *wrong;

static void set_the_scene(void) {
    slice_pages(1);
    hold(HOLD);
    must_submit(&finished, q, PG);
    step(1);
    must_submit(&running, p, BIG * PG);
    step(2);
    must_submit(&parked, p + PG, PG);
    step(2);
    must_set("vfs.aio.max_aio_per_proc", 1);
    must_submit(&queued, q + PG, PG);
}

/* 0: the child sees no request; else the number of the line that is wrong. */
static int child_sees_nothing(void) {
    const struct aiocb *list[4];
    struct aiocb *done = &running;
    struct timespec zero = {0, 0};
    for (int i = 0; i < 4; i++) {
        list[i] = all[i];
        errno = 0;
        if (aio_error(all[i]) != -1 || errno != EINVAL) return __LINE__;
        errno = 0;
        if (aio_return(all[i]) != -1 || errno != EINVAL) return __LINE__;
        if (aio_cancel(-1, all[i]) != AIO_ALLDONE) return __LINE__;
    }
    if (aio_cancel(0, NULL) != AIO_ALLDONE) return __LINE__;
    if (aio_suspend(list, 4, NULL) != 0) return __LINE__;
    errno = 0;
    if (aio_waitcomplete(&done, NULL) != -1 || errno != EAGAIN || done) return __LINE__;
    errno = 0;
    if (aio_waitcomplete(&done, &zero) != -1 || errno != EAGAIN) return __LINE__;
    if (vmlck() != 0) return __LINE__;
    return 0;
}

static void seen_from_the_child(void) {
    pid_t pid = fork();
    if (pid == 0) {
        wrong[0] = child_sees_nothing();
        _exit(0);
    }
    is_int(wait_for(pid), 0, "A10: a child that calls everything on its parent's blocks lives");
    is_int(wrong[0], 0, "R5: and finds none of its parent's requests (or the line that did)");
}

/* The child uses the parent's blocks for requests of its own, on its own copy of the pages. */
static void own_requests(void) {
    pid_t pid = fork();
    if (pid == 0) {
        if (submit(&queued, q, 2 * PG) != 0) _exit(1);
        if (submit(&running, p, 2 * PG) != 0) _exit(2);
        for (int i = 0; i < 100 && (aio_error(&queued) == EINPROGRESS || aio_error(&running) == EINPROGRESS); i++) step(1);
        if (aio_return(&queued) != 0 || aio_return(&running) != 0) _exit(3);
        if (vmlck() != 4) _exit(4);
        _exit(0);
    }
    is_int(wait_for(pid), 0, "P2: a child makes requests of its own with the same blocks");
}

static void the_parents_go_on(void) {
    is_int(aio_error(&running), EINPROGRESS, "P2: the parent's running request still runs");
    is_int(aio_error(&parked), EINPROGRESS, "P2: the parked one waits");
    is_int(aio_error(&queued), EINPROGRESS, "P2: the queued one as well");
    is_int(aio_error(&finished), 0, "P2: the finished one has its result");
    must_set("vfs.aio.max_aio_per_proc", MAX_RUNNING);
    hold(GO);
    for (int i = 0; i < 4; i++) is_int(outcome(all[i]), 0, "P2: request %d of the parent ends well", i);
    is_int(vmlck(), (long)BIG + 2, "P2: with all of its pages locked");
    is_int(faults_writing(p, BIG), 0, "A8: and no fault on any");
}

/* Fork after fork while requests run for real. */
static void while_they_run(void) {
    enum { ROUNDS = 60 };
    char *r = anon(512);
    struct aiocb cb;
    int good = 0;
    slice_pages(8);
    for (int i = 0; i < ROUNDS; i++) {
        memset(r, i, 512 * PG);
        must_submit(&cb, r, 512 * PG);
        if (i % 2) sched_yield();
        pid_t pid = fork();
        if (pid == 0) {
            int same = 1;
            for (size_t n = 0; n < 512; n++) same &= r[n * PG] == (char)i;
            _exit(same && aio_error(&cb) == -1 && vmlck() == 0 ? 0 : 1);
        }
        good += wait_for(pid) == 0 && outcome(&cb) == 0 && faults_writing(r, 512) == 0;
        munlock(r, 512 * PG);
    }
    is_int(good, ROUNDS, "A8: %d forks amid running requests: contents, locks and requests are all in order", ROUNDS);
    munmap(r, 512 * PG);
}

int main(void) {
    aio_test();
    p = anon(BIG);
    q = anon(2);
    wrong = shared(PG);
    warm_up();
    set_the_scene();
    seen_from_the_child();
    own_requests();
    the_parents_go_on();
    aio_defaults();
    while_they_run();
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
