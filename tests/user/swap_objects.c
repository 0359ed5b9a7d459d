/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Objects of the kernel, made in a loop that touches no new page, while all of memory is in use: each finds its memory,
 * because who has taken from the kernel's share sets page-out going, and waits for it once much of that share is gone.
 * Such a wait is none that a signal cuts short, nor does it cut another short; it can be killed.
 *
 * clauses: L1 P1 I1 I4 I8
 * needs: holdfast
 * mem: 24M
 * swap: 64M
 * timeout: 120
 */
#include <poll.h>
#include <time.h>

#include "tests/user/swaps.h"

static size_t ram;
static char *filler, *locked;

#define LOCKED 64ul

/* ---- objects: of at most a frame each, and at most some 500 descriptors, whose table fits into one ---- */

static int make_memfd(void) {
    int fd = memfd_create("object", 0);
    return fd < 0 ? -1 : ftruncate(fd, (off_t)PG);
}

/* A page that a pipe holds; eight to a pipe. */
static int fill_pipe(void) {
    static char page[PG];
    static int fd[2];
    static unsigned n;
    if (n++ % 8 == 0 && pipe(fd) != 0) return -1;
    return write(fd[1], page, PG) == (ssize_t)PG ? 0 : -1;
}

static int queue_signal(void) {
    return sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
}

static int make_timer(void) {
    struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
    timer_t t;
    return timer_create(CLOCK_MONOTONIC, &nothing, &t);
}

/* Every other page of a reservation is a region of its own. */
static int make_region(void) {
    static char *at;
    if (!at) at = mmap(NULL, 1ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    at += 2 * PG;
    return madvise(at, PG, MADV_WIPEONFORK);
}

struct kind {
    const char *name;
    int (*make)(void);
    unsigned n; /* their memory is several times the kernel's share */
};

static void make_all(void *arg) {
    const struct kind *k = arg;
    struct rlimit many = {1 << 16, 1 << 16};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setrlimit(RLIMIT_SIGPENDING, &many);
    for (unsigned i = 0; i < k->n; i++)
        if (k->make() != 0) _exit(errno ? errno : 255);
    _exit(0);
}

/* A child wants as many regions again, at once, and tables promised for them. */
static void make_and_fork(void *arg) {
    const struct kind *k = arg;
    for (unsigned i = 0; i < k->n; i++)
        if (k->make() != 0) _exit(errno);
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    int status = -1;
    _exit(pid < 0 ? errno : waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 255);
}

/* ---- memory in use ---- */

static void fill_memory(void) {
    ram = ram_pages();
    filler = anon(ram);
    madvise(filler, ram * PG, MADV_DONTFORK);
    put(filler, ram, 2);
}

/* ---- while the disk does not answer ---- */

#define FDS 600 /* so many that poll wants a frame for them */

static volatile int *stage;

static void wait_for_stage(int n) {
    while (*stage < n) sched_yield();
}

static _Noreturn void takes_all(void) {
    static const struct kind pages = {"pages in pipes", fill_pipe, 1600};
    wait_for_stage(1);
    make_all((void *)&pages);
    _exit(0);
}

/* Owes a frame from the first moment, and sleeps all the same for as long as it was to. */
static _Noreturn void polls(void) {
    static struct pollfd fd[FDS];
    int ends[2];
    if (pipe(ends) != 0) _exit(1);
    for (unsigned i = 0; i < FDS; i++) fd[i] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    wait_for_stage(2);
    _exit(poll(fd, FDS, 20) == 0 ? 0 : errno);
}

static pid_t start(void (*what)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    if (mlockall(MCL_CURRENT) != 0) _exit(99);
    what();
    _exit(98);
}

/* Until somebody more waits for page-out. */
static void next_stage(int n) {
    uint64_t stalls = knob("vm.swap.stalls");
    *stage = n;
    while (knob("vm.swap.stalls") == stalls) sched_yield();
}

static int status_of(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void held_up(void) {
    stage = shared(PG);
    if (mlockall(MCL_CURRENT) != 0) bail_out("mlockall: %s", strerror(errno));
    pid_t greedy = start(takes_all), sleeper = start(polls), killed = start(takes_all);
    fill_memory();
    hold_disk();
    next_stage(1);
    next_stage(2);
    kill(killed, SIGKILL);
    is_int(status_of(killed), SIGKILL, "P1: who waits so, while the disk does not answer, can be killed");
    go_disk();
    is_int(status_of(sleeper), 0, "poll sleeps for its time, though it owes a frame");
    is_int(status_of(greedy), 0, "all go on when the disk answers");
    munlockall();
    ok(has(filler, ram, 2), "and nothing is lost");
    ok(audit_clean(), "I4: audit");
    munmap(filler, ram * PG);
    munmap((void *)stage, PG);
}

int main(void) {
    static const struct kind kinds[] = {
        {"memfds", make_memfd, 480},      {"pages in pipes", fill_pipe, 1600}, {"timers", make_timer, 12000},
        {"queued signals", queue_signal, 12000}, {"regions", make_region, 9000},
    };
    needs_holdfast();
    fill_memory();
    locked = anon(LOCKED);
    put(locked, LOCKED, 1);
    if (mlock(locked, LOCKED * PG) != 0) bail_out("mlock: %s", strerror(errno));
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *k = &kinds[i];
        uint64_t rounds = knob("vm.swap.rounds");
        is_int(WEXITSTATUS(as_root(make_all, (void *)k)), 0, "%u %s, while all of memory is in use", k->n, k->name);
        ok(knob("vm.swap.rounds") > rounds, "%s: page-out was at it", k->name);
        ok(has(filler, ram, 2), "%s: what had to make room is not lost", k->name);
        is_int((long)resident(locked, LOCKED), (long)LOCKED, "L1: %s: what is locked has stayed", k->name);
        ok(audit_clean(), "I1 I4: %s: audit", k->name);
    }
    is_int(WEXITSTATUS(as_root(make_and_fork, (void *)&kinds[4])), 0, "a process of %u regions is forked", kinds[4].n);
    ok(has(filler, ram, 2) && audit_clean(), "which costs nobody anything");
    munmap(filler, ram * PG);
    held_up();
    munmap(locked, LOCKED * PG);
    return done_testing();
}
