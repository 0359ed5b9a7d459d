/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the tests of asynchronous requests share.
 *
 * Nothing here waits for time. A test that needs a request in some state holds the workers, lets a known
 * number of slices go, and looks:
 *
 *     hold(HOLD); slice_pages(1);
 *     submit(&cb, p, 8 * PG);     queued
 *     step(3);                    running, 3 of its 8 pages are in
 *     hold(GO);                   runs to its end
 *
 * The knobs are the machine's, not the test's: aio_test() puts them back to their defaults first, and
 * again when the test ends.
 */
#pragma once

#include <aio.h>
#include <sched.h>
#include <time.h>

#include "tests/user/support.h"

#define GO     0
#define HOLD   1
#define FREEZE 2

#define PATIENCE 1000000 /* yields before a test says that something never came */

#define MAX_QUEUE    1024ul
#define MAX_PER_PROC 256ul
#define MAX_RUNNING  32ul
#define SLICE        256ul

/* Sets a knob, or ends the test. */
UNUSED static void must_set(const char *name, uint64_t value) {
    if (set_knob(name, value) != 0) bail_out("knob %s = %lu: %s", name, (unsigned long)value, strerror(errno));
}

UNUSED static void hold(int how) {
    must_set("debug.aio.hold", (uint64_t)how);
}

UNUSED static void slice_pages(uint64_t pages) {
    must_set("vfs.aio.slice", pages);
}

UNUSED static void aio_defaults(void) {
    set_knob("debug.aio.hold", GO);
    set_knob("vfs.aio.max_aio_queue", MAX_QUEUE);
    set_knob("vfs.aio.max_aio_queue_per_proc", MAX_PER_PROC);
    set_knob("vfs.aio.max_aio_per_proc", MAX_RUNNING);
    set_knob("vfs.aio.slice", SLICE);
}

/* First in main. */
UNUSED static void aio_test(void) {
    needs_holdfast();
    aio_defaults();
    atexit(aio_defaults);
}

/* Yields until the knob has reached the value; false if it never does. */
UNUSED static bool await_knob(const char *name, uint64_t value) {
    for (int i = 0; i < PATIENCE; i++) {
        if (knob(name) >= value) return true;
        sched_yield();
    }
    diag("%s stays at %lu, short of %lu", name, (unsigned long)knob(name), (unsigned long)value);
    return false;
}

/* Lets n slices go under HOLD, and waits until they are done. There must be as many to do. */
UNUSED static bool step(uint64_t n) {
    uint64_t before = knob("vfs.aio.slices");
    must_set("debug.aio.step", n);
    return await_knob("vfs.aio.slices", before + n);
}

UNUSED static void yield_for_a_while(void) {
    for (int i = 0; i < 300; i++) sched_yield();
}

UNUSED static struct aiocb *fill(struct aiocb *cb, const void *addr, size_t len) {
    memset(cb, 0, sizeof *cb);
    cb->aio_buf = (volatile void *)addr;
    cb->aio_nbytes = len;
    cb->aio_sigevent.sigev_notify = SIGEV_NONE;
    return cb;
}

UNUSED static int submit(struct aiocb *cb, const void *addr, size_t len) {
    return aio_mlock(fill(cb, addr, len));
}

/* Submits, or ends the test. */
UNUSED static void must_submit(struct aiocb *cb, const void *addr, size_t len) {
    if (submit(cb, addr, len) != 0) bail_out("aio_mlock: %s", strerror(errno));
}

/* Sleeps until it has ended: aio_error's answer. */
UNUSED static int await_end(struct aiocb *cb) {
    const struct aiocb *list[1] = {cb};
    while (aio_suspend(list, 1, NULL) != 0 && errno == EINTR) continue;
    return aio_error(cb);
}

/* Waits for its end and reaps it: 0 or its errno. */
UNUSED static int outcome(struct aiocb *cb) {
    int error = await_end(cb);
    errno = 0;
    ssize_t result = aio_return(cb);
    if (result == 0 && error == 0) return 0;
    return result == -1 && errno == error ? error : -1000; /* they must agree */
}

/* What a request for the range ends in, from submission to reaping: 0 or an errno; -1: not accepted. */
UNUSED static int lock_by_request(const void *addr, size_t len) {
    struct aiocb cb;
    return submit(&cb, addr, len) == 0 ? outcome(&cb) : -1;
}

/* A child's exit status; 1000 + its signal. */
UNUSED static int wait_for(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Lets the workers go on, some time after the caller has gone to sleep in a call. */
UNUSED static pid_t let_go_later(void) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    await_state(getppid(), "SD");
    _exit(set_knob("debug.aio.hold", GO) == 0 ? 0 : 1);
}

/* What must be as before: requests, locked pages, pins. */
struct books {
    uint64_t requests, locked, pins, heap;
    long charged;
};

UNUSED static struct books books(void) {
    return (struct books){knob("vfs.aio.requests"), knob("vm.stats.locked"), knob("vm.stats.pins"),
                          knob("vm.stats.heap_live"), vmlck()};
}

UNUSED static bool same_books(struct books a, struct books b) {
    bool same = a.requests == b.requests && a.locked == b.locked && a.pins == b.pins && a.heap == b.heap && a.charged == b.charged;
    if (!same)
        diag("requests %lu %lu, locked %lu %lu, pins %lu %lu, heap %lu %lu, charged %ld %ld", (unsigned long)a.requests,
             (unsigned long)b.requests, (unsigned long)a.locked, (unsigned long)b.locked, (unsigned long)a.pins,
             (unsigned long)b.pins, (unsigned long)a.heap, (unsigned long)b.heap, a.charged, b.charged);
    return same;
}

/* The process has had a request, so that what it keeps for them is not news. */
UNUSED static void warm_up(void) {
    lock_by_request((void *)PG, 0);
    vmlck();
}
