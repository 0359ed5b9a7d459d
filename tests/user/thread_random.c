/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Processes whose threads do whatever comes, until one of them ends it all: from a seed, they make threads, exit, call
 * exit_group, exec, kill each other, fault, fork, vfork, lock memory and let it go. What the parent sees is an end that one
 * of them asked for, and afterwards nothing is left.
 *
 *     thread_random [SEED [ROUNDS]]     without: three seeds, 25 rounds each
 *
 * clauses: I8
 */
#include <sys/syscall.h>

#include "tests/user/threads.h"

#define THREADS 6
#define STEPS   40

static char *self;
static volatile int word;
static char *area;
static volatile int *volatile nowhere = (volatile int *)8;

static unsigned next(uint64_t *state) {
    *state = *state * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(*state >> 33);
}

static void step(void *arg);

static void more(uint64_t *s) {
    /* Its stack stays mapped: the process is short-lived. */
    char *stack = (char *)raw(SYS_mmap, 0, 8 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((unsigned long)stack > USER_END) return;
    raw_clone(T_SHARE, stack + 8 * PG, NULL, NULL, 0, step, (void *)(unsigned long)next(s));
}

static void end_child(void *arg) {
    raw(SYS_exit_group, arg);
}

static void make_child(uint64_t *s) {
    long pid;
    if (next(s) % 2) {
        char *stack = (char *)raw(SYS_mmap, 0, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        pid = raw_clone(T_VM | T_VFORK | SIGCHLD, stack + 4 * PG, NULL, NULL, 0, end_child, NULL);
    } else {
        pid = raw(SYS_fork);
        if (pid == 0) raw(SYS_exit_group, 0);
    }
    if (pid > 0) raw(SYS_wait4, pid, 0, 0, 0);
}

static void memory(uint64_t *s) {
    char *p = area + next(s) % 32 * PG;
    long len = (long)(next(s) % 16 + 1) * (long)PG;
    switch (next(s) % 6) {
    case 0: raw(SYS_mlock, p, len); break;
    case 1: raw(SYS_munlock, p, len); break;
    case 2: raw(SYS_mmap, p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); break;
    case 3: raw(SYS_mlockall, next(s) % 4); break;
    case 4: raw(SYS_munlockall); break;
    default: raw(SYS_getrandom, p, len, 0); break;
    }
}

/* The ends, each of which the parent can tell. */
static void end(uint64_t *s) {
    char *const argv[] = {self, "0", NULL}, *const envp[] = {NULL};
    switch (next(s) % 6) {
    case 0: raw(SYS_exit_group, 1); break;
    case 1: raw(SYS_execve, self, argv, envp); break; /* ends with 2 */
    case 2: raw(SYS_kill, raw(SYS_getpid), SIGKILL); break;
    case 3: raw(SYS_tgkill, raw(SYS_getpid), raw(SYS_gettid), SIGTERM); break;
    case 4: *nowhere = 1; break;
    default: raw(SYS_exit, 3); break;
    }
}

static void step(void *arg) {
    uint64_t s = (uint64_t)arg * 2654435761u + 12345;
    struct timespec t = {0, 10000};
    for (int i = 0; i < STEPS; i++) {
        unsigned what = next(&s) % 100;
        if (what < 4) end(&s);
        else if (what < 6) raw(SYS_exit, 3);
        else if (what < 12) more(&s);
        else if (what < 18) make_child(&s);
        else if (what < 50) memory(&s);
        else if (what < 60) raw_futex(&word, FUTEX_WAIT, 0, &t);
        else if (what < 65) raw_futex(&word, FUTEX_WAKE, 2, NULL);
        else raw(SYS_sched_yield);
    }
    raw(SYS_exit, 3);
}

static void process(void *arg) {
    uint64_t seed = (uint64_t)arg;
    area = anon(64);
    for (int i = 0; i < THREADS; i++) more(&seed);
    step((void *)(seed >> 40));
}

static bool known_end(int status) {
    if (WIFEXITED(status)) return WEXITSTATUS(status) >= 1 && WEXITSTATUS(status) <= 3;
    int sig = WTERMSIG(status);
    return sig == SIGKILL || sig == SIGTERM || sig == SIGSEGV;
}

/* One such process; when this returns, the children that it left to themselves are gone too: nobody writes to the pipe any more. */
static int one_round(uint64_t seed) {
    int ends[2];
    char c;
    if (pipe(ends) != 0) bail_out("no pipe");
    int status = as_root(process, (void *)seed);
    close(ends[1]);
    while (read(ends[0], &c, 1) > 0) {}
    close(ends[0]);
    while (waitpid(-1, NULL, WNOHANG) > 0) {} /* orphans, when this is process 1 */
    return status;
}

static void rounds(uint64_t seed, int n) {
    int good = 0;
    uint64_t threads = knob("kern.threads"), spaces = knob("vm.stats.spaces");
    for (int i = 0; i < n; i++) {
        int status = one_round(seed * 1000 + (uint64_t)i);
        good += known_end(status);
        if (!known_end(status)) diag("round %d: wait status %#x", i, (unsigned)status);
    }
    is_int(good, n, "%d processes end as one of their threads wanted (repeat: thread_random %lu %d)", n, (unsigned long)seed, n);
    is_int(knob_change("kern.threads", threads), 0, "I8: no thread is left");
    is_int(knob_change("vm.stats.spaces", spaces), 0, "I8: nor a space");
    ok(audit_clean(), "I1-I6: audit clean");
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
    if (argc == 2 && seed == 0) return 2; /* what end() executes */
    self = on_holdfast() ? argv[0] : "/proc/self/exe";
    plan(argc > 1 ? 4 : 12);
    if (argc > 1) rounds(seed, argc > 2 ? atoi(argv[2]) : 25);
    else
        for (seed = 1; seed <= 3; seed++) rounds(seed, 25);
    return done_testing();
}
