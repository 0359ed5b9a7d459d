/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Who comes first: in a process, who asked first; between processes, nobody for longer than a slice.
 *
 * clauses: X3 X4 X7 W2
 * needs: holdfast
 * mem: 256M
 */
#include "tests/user/aio_support.h"

enum { N = 10 };

static void fifo(void) {
    static struct aiocb cbs[N];
    struct aiocb *done;
    char *p = anon(N);
    int in_order = 0;
    hold(HOLD);
    for (int i = 0; i < N; i++) must_submit(&cbs[i], p + i * PG, PG);
    ok(step(1) && step(1) && step(1), "X3: three slices for ten requests of a page");
    is_str(core_map(p, N), "1110000000", "X3: the first three were served");
    /* One slice at a time: left to themselves, two workers may end two requests in either order. */
    for (int i = 3; i < N; i++)
        in_order += step(1) && aio_error(&cbs[i]) == 0 && (i + 1 == N || aio_error(&cbs[i + 1]) == EINPROGRESS);
    is_int(in_order, N - 3, "X3: each slice goes to whoever asked first of those that wait");
    in_order = 0;
    for (int i = 0; i < N; i++) in_order += aio_waitcomplete(&done, NULL) == 0 && done == &cbs[i];
    is_int(in_order, N, "W2: reaped in the order in which they ended");
    hold(GO);
    munmap(p, N * PG);
}

static long resident(const char *p, size_t pages) {
    unsigned char in[64];
    long n = 0;
    mincore((void *)p, pages * PG, in);
    for (size_t i = 0; i < pages; i++) n += in[i] & 1;
    return n;
}

static void among_own(void) {
    struct aiocb big, small;
    char *p = anon(64), *q = anon(1);
    slice_pages(1);
    hold(HOLD);
    must_submit(&big, p, 64 * PG);
    ok(step(5), "X3: a long request runs");
    must_submit(&small, q, PG);
    ok(step(2), "X3: two slices after a short one was asked for");
    is_int(aio_error(&small), 0, "X3: the short one has ended");
    is_int(aio_error(&big), EINPROGRESS, "X3: the long one goes on");
    aio_return(&small);
    static struct aiocb shorts[20];
    long before = resident(p, 64);
    for (int i = 0; i < 20; i++) must_submit(&shorts[i], q, PG);
    ok(step(20), "X3: twenty slices with twenty short ones waiting");
    long moved = resident(p, 64) - before;
    ok(moved >= 9 && moved <= 11, "X3: of which the long one had its half (%ld)", moved);
    hold(GO);
    int failed = outcome(&big) != 0;
    for (int i = 0; i < 20; i++) failed += outcome(&shorts[i]) != 0;
    is_int(failed, 0, "X7: all end well");
    munmap(p, 64 * PG);
    munmap(q, PG);
    slice_pages(SLICE);
}

/* Another process asks for many megabytes in small slices; ours asks for a page and has it two slices later. */
static void among_others(void) {
    volatile int *ready = shared(PG);
    struct aiocb mine;
    char *q = anon(1);
    slice_pages(1);
    hold(HOLD);
    pid_t pid = fork();
    if (pid == 0) {
        struct aiocb big[4];
        char *p = anon(8192);
        for (int i = 0; i < 4; i++) must_submit(&big[i], p + i * 2048 * PG, 2048 * PG);
        *ready = 1;
        for (;;) sched_yield();
    }
    while (!*ready) sched_yield();
    ok(step(9), "X3: another process's 32 MiB are under way");
    must_submit(&mine, q, PG);
    ok(step(2), "X3: two slices after asking for one page");
    is_int(aio_error(&mine), 0, "X3: it is locked");
    ok(knob("vfs.aio.running") + knob("vfs.aio.queued") >= 4, "X3: while all the other's requests go on");
    is_int(aio_return(&mine), 0, "X3: our result");
    kill(pid, SIGKILL);
    is_int(wait_for(pid), 1000 + SIGKILL, "P1: the other is killed");
    hold(GO);
    slice_pages(SLICE);
    munmap(q, PG);
    munmap((void *)ready, PG);
}

/* Two processes with long requests, one of them with many: each has every other slice. */
static void equal_turns(void) {
    struct board {
        volatile int ready;
        volatile long resident, looks;
    } *b = shared(sizeof *b);
    struct aiocb mine;
    char *q = anon(64);
    slice_pages(1);
    hold(HOLD);
    pid_t pid = fork();
    if (pid == 0) {
        struct aiocb cbs[4];
        char *p = anon(64);
        for (int i = 0; i < 4; i++) must_submit(&cbs[i], p + i * 16 * PG, 16 * PG);
        for (b->ready = 1;; b->looks++) {
            b->resident = resident(p, 64);
            sched_yield();
        }
    }
    while (!b->ready) sched_yield();
    must_submit(&mine, q, 64 * PG);
    ok(step(20), "X3: twenty slices for two processes");
    for (long seen = b->looks; b->looks < seen + 2;) sched_yield();
    long ours = resident(q, 64);
    ok(ours >= 9 && ours <= 11, "X3: the one with one request had ten (%ld)", ours);
    is_int(b->resident + ours, 20, "X3: the one with four had the rest");
    kill(pid, SIGKILL);
    wait_for(pid);
    hold(GO);
    is_int(outcome(&mine), 0, "X7: ours ends well");
    slice_pages(SLICE);
    munmap(q, 64 * PG);
    munmap(b, PG);
}

/* A process at its limit of running requests does not keep a place that another could use. */
static void passed_over(void) {
    volatile int *ready = shared(PG);
    struct aiocb mine;
    char *q = anon(1);
    slice_pages(1);
    must_set("vfs.aio.max_aio_per_proc", 2);
    hold(HOLD);
    pid_t pid = fork();
    if (pid == 0) {
        struct aiocb cbs[20];
        char *p = anon(20 * 16);
        for (int i = 0; i < 20; i++) must_submit(&cbs[i], p + i * 16 * PG, 16 * PG);
        *ready = 1;
        for (;;) sched_yield();
    }
    while (!*ready) sched_yield();
    ok(step(10), "X3: another process has twenty requests, of which two may run");
    must_submit(&mine, q, PG);
    ok(step(2), "X3: two slices later");
    is_int(aio_error(&mine), 0, "X3: it was passed over, and ours is locked");
    is_int(knob("vfs.aio.running"), 2, "Q7: two of its run");
    aio_return(&mine);
    kill(pid, SIGKILL);
    wait_for(pid);
    hold(GO);
    must_set("vfs.aio.max_aio_per_proc", MAX_RUNNING);
    slice_pages(SLICE);
    munmap(q, PG);
    munmap((void *)ready, PG);
}

/* The same with nobody holding the workers: 128 MiB against a page. */
static void for_real(void) {
    volatile int *stage = shared(PG);
    char *q = anon(1);
    pid_t pid = fork();
    if (pid == 0) {
        struct aiocb big;
        char *p = anon(128 << 8);
        must_submit(&big, p, 128ul << 20);
        *stage = 1;
        while (*stage == 1) {
            if (aio_error(&big) != EINPROGRESS) _exit(1); /* ended before the small one */
            sched_yield();
        }
        _exit(aio_error(&big) == EINPROGRESS ? 0 : 2);
    }
    while (!*stage) sched_yield();
    is_int(lock_by_request(q, PG), 0, "X3: a page is asked for while another process locks 128 MiB");
    *stage = 2;
    is_int(wait_for(pid), 0, "X3: and had before those are");
    munmap(q, PG);
    munmap((void *)stage, PG);
}

int main(void) {
    aio_test();
    fifo();
    among_own();
    among_others();
    equal_turns();
    passed_over();
    for_real();
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
