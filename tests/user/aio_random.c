/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Several processes at once do all that can be done with requests, at random, over a few overlapping
 * ranges: each accepted request ends exactly once, in one of the results there are, and nothing is left.
 *
 * The seed is printed; SEED=number as the first argument repeats a run.
 *
 * clauses: X7 C6 X3 X5 I5 I8 R4
 * needs: holdfast
 * timeout: 120
 */
#include "tests/user/aio_support.h"

enum { PROCESSES = 3, STEPS = 3000, BLOCKS = 12, PAGES = 64 };

struct report {
    volatile long accepted, ended, wrong;
    volatile int line; /* of the first thing that was wrong */
};

static uint64_t state;

static uint64_t draw(uint64_t n) {
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    return (state >> 33) % n;
}

static struct aiocb cbs[BLOCKS];
static bool live[BLOCKS];      /* accepted and not reaped */
static int must_be[BLOCKS];    /* -1: not known; else the error that it must end in */
static struct report *me;
static char *p;

#define CHECK(cond)                              \
    do {                                         \
        if (!(cond)) {                           \
            me->wrong++;                         \
            if (!me->line) me->line = __LINE__;  \
        }                                        \
    } while (0)

static bool a_result(int error) {
    return error == 0 || error == ENOMEM || error == EAGAIN || error == ECANCELED;
}

static void reaped(int i, ssize_t result, int error) {
    CHECK(live[i]);
    CHECK(result == (error ? -1 : 0));
    CHECK(a_result(error));
    CHECK(must_be[i] < 0 || must_be[i] == error);
    live[i] = false;
    me->ended++;
}

static void ask(int i) {
    size_t from = draw(PAGES), n = 1 + draw(PAGES - from);
    struct aiocb fresh;
    bool was = live[i];
    fill(was ? &fresh : &cbs[i], p + from * PG, n * PG);
    int result = aio_mlock(was ? (memcpy(&cbs[i], &fresh, sizeof fresh), &cbs[i]) : &cbs[i]);
    CHECK(result == (was ? -1 : 0));
    if (result != 0 || was) return;
    live[i] = true;
    must_be[i] = -1;
    me->accepted++;
}

static void take(int i) {
    int before = aio_error(&cbs[i]);
    ssize_t result = aio_return(&cbs[i]);
    int error = result == 0 ? 0 : errno;
    if (before == EINPROGRESS && result == -1 && error == EINVAL) return;
    if (before == -1) {
        CHECK(!live[i] && result == -1 && error == EINVAL);
        return;
    }
    reaped(i, result, error);
}

static void cancel(int i) {
    int answer = aio_cancel(-1, &cbs[i]), error = aio_error(&cbs[i]);
    if (!live[i]) {
        CHECK(answer == AIO_ALLDONE && error == -1);
        return;
    }
    CHECK(answer == AIO_CANCELED || answer == AIO_ALLDONE);
    if (answer == AIO_CANCELED) CHECK(error == ECANCELED);
    must_be[i] = error;
}

static void next_one(void) {
    struct aiocb *done;
    struct timespec zero = {0, 0};
    ssize_t result = aio_waitcomplete(&done, &zero);
    int error = result == 0 ? 0 : errno;
    if (!done) CHECK(result == -1 && error == EAGAIN);
    else reaped((int)(done - cbs), result, error);
}

static void change_memory(void) {
    size_t from = draw(PAGES), n = 1 + draw(PAGES - from);
    switch (draw(5)) {
    case 0: CHECK(munlock(p + from * PG, n * PG) == 0 || errno == ENOMEM); break;
    case 1: CHECK(mprotect(p + from * PG, n * PG, draw(4) ? PROT_READ | PROT_WRITE : PROT_NONE) == 0 || errno == ENOMEM); break;
    case 2: munmap(p + from * PG, n * PG); break;
    case 3:
        CHECK(mmap(p + from * PG, n * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
        break;
    default: CHECK(mlock(p + from * PG, n * PG) == 0 || errno == ENOMEM || errno == EAGAIN); break;
    }
}

static void one_step(void) {
    int i = (int)draw(BLOCKS);
    uint64_t kind = draw(20);
    if (kind < 7) ask(i);
    else if (kind < 11) take(i);
    else if (kind < 13) cancel(i);
    else if (kind < 15) next_one();
    else if (kind < 17) change_memory();
    else sched_yield();
}

static void run(uint64_t seed) {
    state = seed;
    p = anon(PAGES);
    for (int i = 0; i < STEPS; i++) one_step();
    for (int i = 0; i < BLOCKS; i++) {
        if (live[i]) await_end(&cbs[i]);
        take(i);
    }
    struct aiocb *done;
    CHECK(aio_waitcomplete(&done, NULL) == -1 && errno == EAGAIN);
    _exit(0);
}

/* While spaces come and go, the auditor's sums over all of them are not exact; the requests' always are. */
static int requests_do_not_add_up(void) {
    char text[256] = "";
    size_t len = sizeof text;
    sysctlbyname("debug.audit_text", text, &len, NULL, 0);
    if (strncmp(text, "I5", 2) != 0) return 0;
    diag("%s", text);
    return 1;
}

int main(int argc, char **argv) {
    pid_t pids[PROCESSES];
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 10) : (uint64_t)time(NULL);
    aio_test();
    diag("seed %lu", (unsigned long)seed);
    warm_up();
    struct report *reports = shared(sizeof *reports * PROCESSES);
    struct books before = books();
    slice_pages(3);
    must_set("vfs.aio.max_aio_per_proc", 4);
    for (int i = 0; i < PROCESSES; i++) {
        me = &reports[i];
        if ((pids[i] = fork()) == 0) run(seed + (uint64_t)i);
    }
    int dirty = 0;
    for (int i = 0; i < 50; i++) {
        dirty += requests_do_not_add_up();
        sched_yield();
    }
    is_int(dirty, 0, "I5: fifty audits amid it all are clean");
    for (int i = 0; i < PROCESSES; i++) {
        is_int(wait_for(pids[i]), 0, "X7: process %d ends", i);
        ok(reports[i].accepted > 100, "X7: process %d has had %ld requests accepted", i, reports[i].accepted);
        is_int(reports[i].ended, reports[i].accepted, "X7: process %d: each ended exactly once", i);
        is_int(reports[i].line, 0, "C6: process %d: every answer is possible (or the line of one that is not)", i);
    }
    ok(same_books(before, books()), "I8: nothing is left");
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
