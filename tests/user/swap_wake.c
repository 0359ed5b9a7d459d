/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Whoever makes memory short wakes page-out, and before anybody has to wait: not faults alone, but writes to a memfd,
 * MADV_POPULATE_WRITE, and what the kernel allocates for itself, which would be refused in the end.
 *
 * clauses: P1
 * needs: holdfast
 * mem: 48M
 * swap: 64M
 * timeout: 120
 */
#include "tests/user/swaps.h"

#define CHUNK    16ul    /* pages: as many as a pipe holds */
#define PIPES    90ul    /* more than the kernel finds below the low mark */
#define PATIENCE 1000000 /* yields before page-out is said to sleep */

static char *filler, *area;
static size_t filled;
static int fd, pipes[PIPES][2];
static char bytes[CHUNK * PG];

/* With so few frames free, page-out has to be awake: the low mark, or somewhat less. */
static size_t low(void) {
    return 64 + knob("vm.stats.total_frames") / 32;
}

/* Pages that may be evicted, until little is free: some hundred frames more than the low mark. */
static void fill(void) {
    size_t stop = low() + 300, i = 0, free;
    filled = knob("vm.stats.total_frames");
    filler = anon(filled);
    while (i < filled && (free = knob("vm.stats.free_frames")) > stop)
        for (size_t n = free - stop; n && i < filled; n--) filler[i++ * PG] = 1;
}

static void empty(void) {
    munmap(filler, filled * PG);
}

/* Has page-out made a round since? Where it has to, it is waited for. */
static bool awake(uint64_t rounds) {
    for (int i = 0; i < PATIENCE && knob("vm.swap.rounds") == rounds; i++) {
        if (knob("vm.stats.free_frames") >= low()) break;
        sched_yield();
    }
    return knob("vm.swap.rounds") != rounds;
}

static bool write_file(size_t i) {
    return pwrite(fd, bytes, sizeof bytes, (off_t)(i * sizeof bytes)) == (ssize_t)sizeof bytes;
}

static bool populate(size_t i) {
    return madvise(area + i * sizeof bytes, sizeof bytes, MADV_POPULATE_WRITE) == 0;
}

static bool fill_pipe(size_t i) {
    return i < PIPES && pipe2(pipes[i], O_NONBLOCK) == 0 && write(pipes[i][1], bytes, sizeof bytes) == (ssize_t)sizeof bytes;
}

/* A chunk more each time, until page-out is awake. */
static void wakes(const char *what, bool (*more)(size_t)) {
    fill();
    uint64_t rounds = knob("vm.swap.rounds"), stalls = knob("vm.swap.stalls");
    size_t i = 0;
    bool good = true, woken = false;
    for (; good && !woken && (i == 0 || knob("vm.stats.free_frames") >= low()); i++) {
        good = more(i);
        woken = good && awake(rounds);
    }
    ok(good && woken, "%s: %zu pages, and page-out is awake", what, i * CHUNK);
    is_int((long)(knob("vm.swap.stalls") - stalls), 0, "%s: nobody had to wait", what);
}

/* Then all of them, which is more than is free. */
static void rest_of_pipes(void) {
    size_t i = 0;
    while (i < PIPES && pipes[i][1]) i++;
    for (; i < PIPES && fill_pipe(i); i++)
        for (int k = 0; k < PATIENCE && knob("vm.stats.free_frames") < low(); k++) sched_yield();
    if (i < PIPES) diag("pipe %zu: %s", i, strerror(errno));
    is_int((long)i, (long)PIPES, "the kernel gets what it needs, since others' pages make room");
    for (i = 0; i < PIPES; i++)
        for (int end = 0; end < 2; end++)
            if (pipes[i][end]) close(pipes[i][end]);
}

int main(void) {
    needs_holdfast();
    plan(8);
    mlockall(MCL_CURRENT); /* so that the test itself takes no fault */
    wakes("kernel memory", fill_pipe);
    rest_of_pipes();
    empty();
    fd = memfd(2000);
    wakes("writes to a memfd", write_file);
    close(fd);
    empty();
    area = anon(2000);
    wakes("MADV_POPULATE_WRITE", populate);
    empty();
    ok(audit_clean(), "audit");
    return done_testing();
}
