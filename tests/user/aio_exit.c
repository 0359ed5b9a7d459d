/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A process ends, in each of the ways there are, with requests in every state; and becomes another
 * program. Nothing of its requests is left, and nobody waits for them to be done.
 *
 * clauses: P1 P3 X4 I5 I8 A7
 * pitfalls: A2
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

#define BIG 512ul

enum ending { BY_EXIT, BY_KILL, BY_TERM, BY_FAULT, BY_EXEC, BY_EXEC_FAILING };

static const char *const names[] = {"exit", "SIGKILL", "SIGTERM", "SIGSEGV", "exec", "exec that fails"};

struct board {
    volatile int ready, go, failed, still_there, after;
};
static struct board *board;
static const char *self;

static void wait_for_go(void) {
    board->ready = 1;
    while (!board->go) sched_yield();
}

static _Noreturn void come_to_an_end(enum ending how) {
    char *const argv[] = {(char *)self, (char *)"after-exec", NULL}, *const envp[] = {NULL};
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (how == BY_EXIT) _exit(7);
    if (how == BY_FAULT) *(volatile int *)8 = 1;
    if (how == BY_EXEC) execve(self, argv, envp);
    for (;;) sched_yield(); /* to be killed */
}

/* One of each: running, parked behind it, finished, queued (the limit lets one run). */
static struct aiocb cbs[4];

static void ask_for_everything(void) {
    char *p = anon(BIG), *q = anon(2);
    must_submit(&cbs[2], q, PG);
    step(1);
    must_submit(&cbs[0], p, BIG * PG);
    step(2);
    must_submit(&cbs[1], p + PG, PG);
    step(2); /* the one that goes on and the new one take turns */
    must_set("vfs.aio.max_aio_per_proc", 1);
    must_submit(&cbs[3], q + PG, PG);
}

static pid_t child_with_requests(enum ending how) {
    memset(board, 0, sizeof *board);
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    ask_for_everything();
    wait_for_go();
    come_to_an_end(how);
}

static void end_it(pid_t pid, enum ending how) {
    if (how == BY_KILL) kill(pid, SIGKILL);
    if (how == BY_TERM) kill(pid, SIGTERM);
}

static int expected(enum ending how) {
    static const int status[] = {7, 1000 + SIGKILL, 1000 + SIGTERM, 1000 + SIGSEGV, 42};
    return status[how];
}

static void in_every_state(enum ending how, int holding) {
    struct books before = books();
    slice_pages(1);
    hold(HOLD);
    pid_t pid = child_with_requests(how);
    while (!board->ready) sched_yield();
    uint64_t slices = knob("vfs.aio.slices");
    is_int(knob("vfs.aio.running"), 1, "P1: %s with a request that runs", names[how]);
    is_int(knob("vfs.aio.parked"), 1, "P1: %s with one that is parked", names[how]);
    is_int(knob("vfs.aio.queued"), 1, "P1: %s with one that is queued", names[how]);
    is_int(knob("vfs.aio.finished"), 1, "P1: %s with one whose result nobody took", names[how]);
    is_int(knob("debug.audit"), 0, "I5: the audit is clean");
    if (holding == FREEZE) {
        must_set("vfs.aio.max_aio_per_proc", MAX_RUNNING);
        hold(FREEZE);
        ok(await_knob("vfs.aio.active", 2), "P1: workers have two of them in hand");
    }
    board->go = 1;
    end_it(pid, how);
    is_int(wait_for(pid), expected(how), "P1: %s: the process ends", names[how]);
    ok(knob("vfs.aio.slices") - slices <= 2, "P1: %s: nobody has waited for the work to be done", names[how]);
    ok(same_books(before, books()), "P1: %s: nothing of it is left", names[how]);
    is_int(knob("vfs.aio.processes"), 1, "I5: nor of its process");
    aio_defaults();
}

/* An exec that fails leaves the requests alone; one that succeeds begins without any. */
static void failing_exec(void) {
    struct books before = books();
    slice_pages(1);
    hold(HOLD);
    memset(board, 0, sizeof *board);
    pid_t pid = fork();
    if (pid == 0) {
        char *const none[] = {NULL};
        ask_for_everything();
        board->failed = execve("/no/such/program", none, none) == -1 && errno == ENOENT;
        board->failed += execve("/tests", none, none) == -1;
        board->still_there = aio_error(&cbs[0]) == EINPROGRESS && aio_error(&cbs[1]) == EINPROGRESS &&
                             aio_error(&cbs[2]) == 0 && aio_error(&cbs[3]) == EINPROGRESS;
        must_set("vfs.aio.max_aio_per_proc", MAX_RUNNING);
        hold(GO);
        for (int i = 0; i < 4; i++) board->after += outcome(&cbs[i]) == 0;
        _exit(0);
    }
    wait_for(pid);
    is_int(board->failed, 2, "P1: an exec fails");
    ok(board->still_there, "P1: and every request is as it was");
    is_int(board->after, 4, "P1: and ends well");
    ok(same_books(before, books()), "P1: nothing is left");
    aio_defaults();
}

/* The process sleeps in munmap, for the range that its own request holds; the request is held. Only a kill ends it. */
static void killed_while_waiting(void) {
    struct books before = books();
    slice_pages(1);
    hold(HOLD);
    memset(board, 0, sizeof *board);
    pid_t pid = fork();
    if (pid == 0) {
        char *p = anon(BIG);
        must_submit(&cbs[0], p, BIG * PG);
        step(2);
        board->ready = 1;
        munmap(p, PG);
        _exit(1);
    }
    while (!board->ready) sched_yield();
    await_state(pid, "SD");
    kill(pid, SIGKILL);
    uint64_t slices = knob("vfs.aio.slices");
    hold(GO);
    is_int(wait_for(pid), 1000 + SIGKILL, "P1: killed in munmap, which waited for a range of %lu pages", BIG);
    ok(knob("vfs.aio.slices") - slices <= 2, "P1: at the next slice, not when all of it was locked");
    ok(same_books(before, books()), "P1: nothing is left");
    aio_defaults();
}

/* Killed at whatever moment, while requests run and run out of frames. */
static void killed_short_of_memory(void) {
    enum { ROUNDS = 40 };
    struct books before = books();
    int killed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        memset(board, 0, sizeof *board);
        pid_t pid = fork();
        if (pid == 0) {
            char *p = anon(BIG);
            slice_pages(16);
            must_set(i % 2 ? "debug.inject.frame" : "debug.inject.reserve", (uint64_t)(1 + i));
            for (int n = 0; n < 4; n++) submit(&cbs[n], p, BIG * PG);
            board->ready = 1;
            for (;;) {
                for (int n = 0; n < 4; n++) {
                    if (aio_error(&cbs[n]) != EINPROGRESS && aio_return(&cbs[n]) == 0) munlock(p, BIG * PG);
                    submit(&cbs[n], p, BIG * PG);
                }
            }
        }
        while (!board->ready) sched_yield();
        for (int y = 0; y < i % 5; y++) sched_yield();
        kill(pid, SIGKILL);
        killed += wait_for(pid) == 1000 + SIGKILL;
    }
    is_int(killed, ROUNDS, "P3: %d processes are killed amid locks that fail", ROUNDS);
    ok(same_books(before, books()), "P3: and end like any other");
    aio_defaults();
}

int main(int argc, char **argv) {
    if (argc > 1) return vmlck() == 0 && aio_error(&cbs[0]) == -1 ? 42 : 43; /* after exec */
    aio_test();
    self = argv[0];
    board = shared(sizeof *board);
    warm_up();
    for (int how = BY_EXIT; how <= BY_EXEC; how++) {
        in_every_state(how, HOLD);
        in_every_state(how, FREEZE);
    }
    failing_exec();
    killed_while_waiting();
    killed_short_of_memory();
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
