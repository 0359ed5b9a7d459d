/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * needs: holdfast
 * timeout: 180
 *
 * Threads until there are no more, by each limit: RLIMIT_NPROC (EAGAIN), the kernel's own (EAGAIN; there is memory for all of
 * them), and memory made to run out at each allocation (ENOMEM or EAGAIN). Whatever was refused left nothing, and what there
 * was goes on.
 *
 * clauses: I8
 * mem: 256M
 * timeout: 180
 */
#include "tests/user/threads.h"

#define MOST 4096

static volatile int go;

static void wait_for_go(void *arg) {
    (void)arg;
    raw_wait_while(&go, 0);
}

static char *one_page_stack(void) {
    return mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* As many as there can be, up to `most`: how many, and why no more. */
static int start_many(int most, long *error) {
    int n = 0;
    *error = 0;
    while (n < most) {
        char *stack = one_page_stack();
        if (stack == MAP_FAILED) {
            *error = -errno;
            break;
        }
        *error = raw_clone(T_SHARE, stack + PG, NULL, NULL, 0, wait_for_go, NULL);
        if (*error < 0) break;
        n++;
    }
    return n;
}

static void all_end(void) {
    raw_post(&go, 1);
    while (threads_here() != 1) sched_yield(); /* without memory it cannot be read (-1) */
    go = 0;
}

static void with_nproc(void *arg) {
    long *seen = arg;
    struct rlimit r = {20, 20};
    setrlimit(RLIMIT_NPROC, &r);
    seen[0] = start_many(100, &seen[1]);
    all_end();
    seen[2] = start_many(5, &seen[3]);
    all_end();
}

static void nproc(void) {
    long *seen = shared(4 * sizeof *seen);
    as_user(64, with_nproc, seen);
    is_int(seen[0], 19, "RLIMIT_NPROC counts threads: with 20, 19 more");
    is_int(seen[1], -EAGAIN, "and then EAGAIN");
    is_int(seen[2], 5, "when they have ended there may be others");
}

static void until_the_limit(void *arg) {
    long *seen = arg;
    seen[0] = start_many(MOST, &seen[1]);
    all_end();
}

static void limit(void) {
    long *seen = shared(2 * sizeof *seen);
    uint64_t threads = knob("kern.threads"), heap = knob("vm.stats.heap_live");
    int status = as_root(until_the_limit, seen);
    is_int(status, 0, "a process makes threads until no more can be had, and ends them");
    ok(seen[0] > MOST - 100, "there were %ld: all that there can be but the kernel's and this process's own", seen[0]);
    is_int(seen[1], -EAGAIN, "the next was refused");
    is_int(knob_change("kern.threads", threads), 0, "I8: no thread is left over");
    is_int(knob_change("vm.stats.heap_live", heap), 0, "I8: nor a heap block");
}

/* ---- a signal, at the limit ---- */

static volatile int may_end, in_clone, handled;

static void on_signal(int sig) {
    (void)sig;
    handled++;
}

static void set_policy(int policy, int priority) {
    const uint64_t first = 1;
    const struct sched_param p = {priority};
    if (raw(SYS_sched_setaffinity, 0, sizeof first, &first) != 0 || raw(SYS_sched_setscheduler, 0, policy, &p) != 0) _exit(1);
}

static void ends_slowly(void *arg) {
    (void)arg;
    set_policy(SCHED_FIFO, 2);
    raw_wait_while(&may_end, 0);
}

/* The other does not yield: when this one comes to see that it is in its call, it sleeps there. */
static void signals_it(void *arg) {
    (void)arg;
    set_policy(SCHED_FIFO, 2);
    raw_wait_while(&may_end, 0);
    while (!in_clone) raw(SYS_sched_yield);
    raw(SYS_tgkill, raw(SYS_getpid), raw(SYS_getpid), SIGUSR1);
}

/* One ends, and yields before it is gone; this one wants its place, waits for it, and gets a signal. All as urgent as
 * one another on one CPU: if this one did not sleep, nobody else would run. */
static void signalled(void *arg) {
    long *seen = arg;
    struct raw_thread ends, signals;
    signal(SIGUSR1, on_signal);
    raw_begin(&ends, ends_slowly, NULL);
    raw_begin(&signals, signals_it, NULL);
    seen[0] = start_many(MOST, &seen[1]);
    char *stack = one_page_stack();
    set_policy(SCHED_FIFO, 2);
    set_knob("debug.yield.thread_ends", 100);
    raw_post(&may_end, 1);
    raw(SYS_sched_yield);
    in_clone = 1;
    seen[2] = raw_clone(T_SHARE, stack + PG, NULL, NULL, 0, wait_for_go, NULL);
    seen[3] = handled;
    set_knob("debug.yield.thread_ends", 0);
    set_policy(SCHED_OTHER, 0);
    all_end();
}

static void signal_at_the_limit(void) {
    long *seen = shared(4 * sizeof *seen);
    is_int(as_root(signalled, seen), 0, "a process at the limit is sent a signal while it waits for one to end");
    is_int(seen[1], -EAGAIN, "(it is at the limit)");
    ok(seen[2] > 0, "it gets that one's place (%ld)", seen[2]);
    is_int(seen[3], 1, "and the signal");
}

/* A process with a thousand threads, killed as it is. */
static void be_killed(void *arg) {
    long *seen = arg;
    seen[0] = start_many(1000, &seen[1]);
    raise(SIGKILL);
}

static void killed(void) {
    long *seen = shared(2 * sizeof *seen);
    uint64_t threads = knob("kern.threads");
    int status = as_root(be_killed, seen);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a process of %ld threads can be killed", seen[0] + 1);
    is_int(knob_change("kern.threads", threads), 0, "I8: and all of them are gone");
}

/* ---- no memory ---- */

#define STACKS 1000ul

/* All memory is locked up or used, but for some frames: threads are made of those, on stacks that are there already. */
static void hogged(void *arg) {
    long *seen = arg;
    char *stacks = anon(STACKS);
    volatile int born = 0;
    memset(stacks, 1, STACKS * PG);
    char *spare = anon(256);
    if (mlock(spare, 256 * PG) != 0) _exit(1);
    for (int flag = MAP_LOCKED; flag; flag = flag == MAP_LOCKED ? MAP_POPULATE : 0)
        for (size_t n = 256; n; n /= 2)
            while (mmap(NULL, n * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flag, -1, 0) != MAP_FAILED) continue;
    munmap(spare, 256 * PG);
    for (; born < (int)STACKS; born++) {
        seen[1] = raw_clone(T_SHARE, stacks + (size_t)(born + 1) * PG, NULL, NULL, 0, wait_for_go, NULL);
        if (seen[1] < 0) break;
    }
    seen[0] = born;
    all_end();
    while (seen[2] <= 0) { /* the last of them are gone a moment later */
        sched_yield();
        seen[2] = raw_clone(T_SHARE, stacks + PG, NULL, NULL, 0, wait_for_go, NULL);
    }
    all_end();
}

static void no_memory(void) {
    long *seen = shared(3 * sizeof *seen);
    uint64_t threads = knob("kern.threads"), heap = knob("vm.stats.heap_live"), locked = knob("vm.stats.locked");
    is_int(as_root(hogged, seen), 0, "threads while all memory is in use");
    ok(seen[0] > 0 && seen[0] < (long)STACKS && seen[1] == -ENOMEM, "%ld can be had, and then ENOMEM (%ld)", seen[0], seen[1]);
    ok(seen[2] > 0, "when they have ended there may be others (%ld)", seen[2]);
    is_int(knob_change("kern.threads", threads), 0, "I8: no thread is left over");
    is_int(knob_change("vm.stats.heap_live", heap), 0, "I8: nor a heap block");
    is_int(knob_change("vm.stats.locked", locked), 0, "I8: nor a locked frame");
}

static void injected(void) {
    static const char *const site[] = {"debug.inject.frame", "debug.inject.heap", "debug.inject.reserve"};
    volatile int tid = 0;
    char *stack = anon(4);
    for (int s = 0; s < 3; s++) {
        int n = 1, refused = 0, wrong = 0;
        for (; n < 100; n++) {
            set_knob(site[s], (uint64_t)n);
            long r = raw_clone(T_ALL, stack + 4 * PG, &tid, &tid, 0, wait_for_go, NULL);
            bool fired = knob(site[s]) == 0;
            set_knob(site[s], 0);
            if (r < 0) {
                refused++;
                if (r != -ENOMEM && r != -EAGAIN) wrong++;
                continue;
            }
            all_end();
            if (!fired) break;
        }
        ok(n < 100 && !wrong, "%s: refused %d times, and then not: ENOMEM or EAGAIN", site[s], refused);
    }
    is_int(threads_here(), 1, "what was refused left no thread");
}

int main(void) {
    needs_holdfast();
    plan(3 + 5 + 4 + 2 + 6 + 4 + 1);
    nproc();
    limit();
    signal_at_the_limit();
    killed();
    no_memory();
    injected();
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
