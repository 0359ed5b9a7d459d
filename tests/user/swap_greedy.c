/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The server of swap is killed while another program takes all that there is to take, and does not give it back: what can be
 * locked, what can be committed, kernel memory, threads. What the server had is taken, too. All the same another server
 * comes, and the pages that are in swap come back. As they do while it lives.
 *
 *      greedy   FIFO 50, locked: takes all there is, and looks every few microseconds whether there is more
 *      owner    has pages in swap, and is told to look at one after each kill
 *
 * clauses: L10 L12
 * needs: holdfast
 * mem: 96M
 * disks: 32M
 * timeout: 200
 */
#include "tests/user/disks.h"
#include "tests/user/swaps.h"
#include "tests/user/threads.h"

#define ROUNDS 7u
#define THREADS 4096 /* of all processes */
#define RW     (PROT_READ | PROT_WRITE)

static struct shared_ {
    volatile unsigned long taken; /* pieces, by the greedy one */
    volatile bool full;           /* for the first time, nothing more was to be had */
    volatile unsigned look, seen; /* the owner is to look at page number .., and found it as it was */
} *sh;

static void moment(void) {
    usleep(200);
}

/* ---- the greedy one ---- */

static char stacks[THREADS][256] __attribute__((aligned(16))); /* one call deep */
static size_t threads;

static void sleep_for_ever(void *unused) {
    (void)unused;
    for (;;) raw(SYS_pause);
}

static bool take_thread(void) {
    if (threads == THREADS) return false;
    bool ok = raw_clone(T_SHARE, stacks[threads] + sizeof stacks[0], NULL, NULL, 0, sleep_for_ever, NULL) > 0;
    threads += ok;
    return ok;
}

/* A pipe with 64 KiB in it, or as much as there is memory for. */
static bool take_pipe(void) {
    static const char some[16 * PG];
    int end[2];
    return pipe2(end, O_NONBLOCK) == 0 && write(end[1], some, sizeof some) > 0;
}

static bool take_pages(size_t n, int flags) {
    return mmap(NULL, n * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0) != MAP_FAILED;
}

static unsigned long take_all(void) {
    unsigned long before = sh->taken;
    for (int flags = MAP_LOCKED;; flags = 0) {
        for (size_t n = 1024; n; n /= 2)
            while (take_pages(n, flags)) sh->taken++;
        if (!flags) break;
    }
    while (take_thread()) sh->taken++;
    while (take_pipe()) sh->taken++;
    return sh->taken - before;
}

/* Threads until there are no more, or only as many as there is memory for after all else. */
static _Noreturn void greedy(bool many_threads) {
    struct rlimit files = {4000, 4000};
    setrlimit(RLIMIT_NOFILE, &files);
    if (mlockall(MCL_CURRENT) != 0) _exit(1);
    while (many_threads && take_thread()) sh->taken++;
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 50});
    for (;;) {
        if (take_all() == 0) sh->full = true;
        usleep(20);
    }
}

/* ---- who needs swap ---- */

static _Noreturn void owner(void) {
    char *p = mlockall(MCL_CURRENT) == 0 ? anon(64 * ROUNDS) : NULL; /* looks at one in 64: nobody reads so far ahead */
    put(p, 64 * ROUNDS, 5);
    out(p, 64 * ROUNDS);
    sh->seen = 1;
    for (unsigned i = 1; i < ROUNDS; i++) {
        while (sh->look != i) moment();
        if (!has_as(p + i * 64 * PG, p + i * 64 * PG, 5)) _exit(1);
        sh->seen = i + 1;
    }
    _exit(0);
}

static bool seen_or_ended(pid_t pid, unsigned n, int *status) {
    while (sh->seen < n)
        if (waitpid(pid, status, WNOHANG) == pid) return false;
        else moment();
    return true;
}

/* In the first round nobody is killed. In some nobody may lock any more: the cap has been lowered. */
static bool kill_amid(pid_t supervisor, pid_t pid, unsigned i, int *status) {
    pid_t server = server_of(supervisor);
    uint64_t cap = knob("vm.max_user_wired");
    sh->full = false;
    fflush(stdout);
    pid_t g = fork();
    if (g == 0) greedy(i % 2);
    while (!sh->full) moment();
    unsigned long before = sh->taken, many = knob("kern.threads");
    if (i % 3 == 0) set_knob("vm.max_user_wired", knob("vm.stats.locked") / 2);
    if (i > 1) kill(server, SIGKILL);
    sh->look = i;
    bool ok = seen_or_ended(pid, i + 1, status);
    unsigned long late = sh->taken - before;
    kill(g, SIGKILL);
    waitpid(g, NULL, 0);
    set_knob("vm.max_user_wired", cap);
    diag("%lu pieces taken, %lu threads; and of what the server had %lu", before, many, late);
    return ok;
}

int main(void) {
    int status = 0;
    needs_holdfast();
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    sh = shared(sizeof *sh);
    pid_t supervisor = blockd_start("00:03.0", "vda");
    if (swapon("/dev/vda", 0) != 0) bail_out("swapon: %s", strerror(errno));
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) owner();
    seen_or_ended(pid, 1, &status);
    bool good = true;
    for (unsigned i = 1; i < ROUNDS && good; i++) {
        good = kill_amid(supervisor, pid, i, &status);
        const char *what = i == 1 ? "a page in swap comes back" : "a server that is killed is replaced";
        ok(good, "round %u: while there is nothing to be had %s", i, what);
    }
    if (good) waitpid(pid, &status, 0);
    is_int(status, 0, "who has pages in swap has noticed nothing");
    ok(audit_clean(), "audit");
    is_int(errno_of(swapoff("/dev/vda")), 0, "swap is turned off");
    blockd_end(supervisor);
    return done_testing();
}
