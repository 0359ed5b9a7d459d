/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * aio_cancel in every state of a request: the answer and the result agree, and what was locked is undone.
 *
 * clauses: C1 C2 C4 C5 C6 X4 X7 L4 E3
 * pitfalls: A9
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

static char *p;
static struct aiocb cb, other;

/* The request is over: cancelled, nothing of it is left, and it can be cancelled no more. */
static void was_cancelled(const char *what) {
    is_int(aio_error(&cb), ECANCELED, "C6: %s: aio_error says ECANCELED", what);
    is_str(lock_map(p, 8), "........", "L4: %s: nothing is locked", what);
    is_int(vmlck(), 0, "L4: %s: nothing is charged", what);
    is_int(aio_cancel(-1, &cb), AIO_ALLDONE, "C4: %s: a second cancel finds it done", what);
    fails(aio_return(&cb), ECANCELED, "C6: %s: aio_return says it too", what);
    fails(aio_return(&cb), EINVAL, "X7: %s: once", what);
    is_int(aio_cancel(-1, &cb), AIO_ALLDONE, "C4: %s: a cancel after reaping", what);
}

static void queued(void) {
    hold(HOLD);
    must_submit(&cb, p, 8 * PG);
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C1: a queued request is cancelled");
    is_str(core_map(p, 8), "00000000", "C1: no page was brought in");
    was_cancelled("queued");
    hold(GO);
}

static void running(void) {
    slice_pages(1);
    hold(HOLD);
    must_submit(&cb, p, 8 * PG);
    ok(step(5), "C2: a request runs");
    is_int(aio_error(&cb), EINPROGRESS, "C2: and is not done");
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C2: it is cancelled between two slices");
    was_cancelled("running");
    is_str(core_map(p, 8), "11111000", "C2: its pages stay resident, as munlock would leave them");
    hold(GO);
    slice_pages(SLICE);
    madvise(p, 8 * PG, MADV_DONTNEED);
}

/* A worker has it in hand and is not to do anything until it is cancelled. */
static void in_hand(void) {
    hold(FREEZE);
    must_submit(&cb, p, 8 * PG);
    ok(await_knob("vfs.aio.active", 1), "C2: a worker has taken it");
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C2: cancelled in the worker's hand");
    was_cancelled("in hand");
    hold(GO);
}

/* The canceller sleeps until the worker's slice is over. */
static void in_hand_and_begun(void) {
    slice_pages(1);
    hold(HOLD);
    must_submit(&cb, p, 8 * PG);
    ok(step(5), "C2: a request runs");
    hold(FREEZE);
    ok(await_knob("vfs.aio.active", 1), "C2: a worker has taken it again");
    uint64_t asked = knob("vfs.aio.cancels");
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C2: cancelled in hand with five pages in");
    is_int(knob("vfs.aio.cancels"), asked + 1, "C2: the worker was asked");
    was_cancelled("in hand and begun");
    hold(GO);
    slice_pages(SLICE);
    madvise(p, 8 * PG, MADV_DONTNEED);
}

static void parked(void) {
    slice_pages(1);
    hold(HOLD);
    must_submit(&other, p, 8 * PG);
    must_submit(&cb, p, 2 * PG);
    ok(step(3), "C1: a request stands behind another's range");
    is_int(knob("vfs.aio.parked"), 1, "C1: it is set aside");
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C1: it is cancelled at once");
    is_int(aio_error(&other), EINPROGRESS, "C1: the other goes on");
    is_int(aio_cancel(-1, &other), AIO_CANCELED, "C2: until it is cancelled as well");
    was_cancelled("parked");
    fails(aio_return(&other), ECANCELED, "C6: the other's result");
    hold(GO);
    slice_pages(SLICE);
}

static void finished(void) {
    must_submit(&cb, p, 8 * PG);
    await_end(&cb);
    is_int(aio_cancel(-1, &cb), AIO_ALLDONE, "C4: a finished request");
    is_str(lock_map(p, 8), "########", "C4: is not touched");
    is_int(aio_return(&cb), 0, "C4: nor is its result");
    is_int(aio_cancel(-1, &cb), AIO_ALLDONE, "C4: a reaped one");
    is_str(lock_map(p, 8), "########", "C4: is not touched");
    munlock(p, 8 * PG);
    struct aiocb stranger;
    is_int(aio_cancel(-1, fill(&stranger, p, PG)), AIO_ALLDONE, "C4: one that never was");
    is_int(aio_cancel(-1, (struct aiocb *)KERNEL), AIO_ALLDONE, "C4: an address in the kernel is just a name");
    is_int(aio_cancel(-1, (struct aiocb *)8), AIO_ALLDONE, "C4: so is one that is not mapped");
    madvise(p, 8 * PG, MADV_DONTNEED);
}

/* What is undone is what this request locked, not what was locked before. */
static void locked_before(void) {
    mlock(p + 2 * PG, 2 * PG);
    slice_pages(1);
    hold(HOLD);
    must_submit(&cb, p, 8 * PG);
    ok(step(3), "C2: a request runs over pages that mlock has locked");
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C2: it is cancelled");
    is_str(lock_map(p, 8), "..##....", "L4: what mlock locked stays locked");
    is_int(vmlck(), 2, "L4: and charged");
    aio_return(&cb);
    munlock(p, 8 * PG);
    hold(GO);
    slice_pages(SLICE);
}

/* Lock requests belong to no descriptor. */
static void descriptors(void) {
    int fds[2], saved = dup(0);
    if (pipe(fds) != 0) bail_out("pipe: %s", strerror(errno));
    hold(HOLD);
    must_submit(&cb, p, PG);
    is_int(aio_cancel(0, NULL), AIO_ALLDONE, "C5: all requests of descriptor 0: there are none");
    is_int(aio_cancel(fds[0], NULL), AIO_ALLDONE, "C5: of a pipe: none");
    is_int(aio_error(&cb), EINPROGRESS, "C5: the lock request, whose aio_fildes is 0, is not among them");
    close(0);
    fails(aio_cancel(0, NULL), EBADF, "C5: a descriptor that is not open");
    fails(aio_cancel(-1, NULL), EBADF, "C5: -1");
    fails(aio_cancel(12345, NULL), EBADF, "C5: far too high");
    is_int(aio_cancel(0, &cb), AIO_CANCELED, "C5: with a name, a closed descriptor does not matter");
    dup2(saved, 0);
    close(saved);
    was_cancelled("by name, descriptor 0 closed");
    must_submit(&cb, p, PG);
    is_int(aio_cancel(77777, &cb), AIO_CANCELED, "C5: nor does a wild one");
    aio_return(&cb);
    close(fds[0]);
    close(fds[1]);
    hold(GO);
}

/* Cancelled at a random moment of a real run: the answer agrees with the result each time. */
static void races(void) {
    enum { ROUNDS = 80, BIG = 4096 }; /* long enough for a worker to be preempted amid a slice */
    char *q = anon(BIG);
    int cancelled = 0, done = 0, agree = 0, clean = 0;
    for (int i = 0; i < ROUNDS; i++) {
        slice_pages((uint64_t)(1 + i % 3 * 300));
        must_submit(&cb, q, BIG * PG);
        for (int y = 0; y < i % 4; y++) sched_yield();
        int answer = aio_cancel(-1, &cb), error = aio_error(&cb);
        ssize_t result = aio_return(&cb);
        cancelled += answer == AIO_CANCELED;
        done += answer == AIO_ALLDONE;
        agree += answer == AIO_CANCELED ? error == ECANCELED && result == -1 : error == 0 && result == 0;
        clean += vmlck() == (answer == AIO_CANCELED ? 0 : BIG);
        munlock(q, BIG * PG);
        madvise(q, BIG * PG, MADV_DONTNEED);
    }
    diag("%d cancelled, %d done", cancelled, done);
    is_int(agree, ROUNDS, "C6: cancelled if and only if the result is ECANCELED");
    is_int(clean, ROUNDS, "L4: all or nothing is locked");
    is_int(cancelled + done, ROUNDS, "C2: no other answer");
    munmap(q, BIG * PG);
    slice_pages(SLICE);
}

int main(void) {
    aio_test();
    p = anon(8);
    warm_up();
    struct books before = books();
    queued();
    running();
    in_hand();
    in_hand_and_begun();
    parked();
    finished();
    locked_before();
    descriptors();
    races();
    ok(same_books(before, books()), "I5: nothing is left");
    ok(audit_clean(), "I3: the audit is clean");
    return done_testing();
}
