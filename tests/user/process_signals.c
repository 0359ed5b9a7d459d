/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals that end a process: each says so in the wait status, whether it was sent or raised by the
 * program's own doing, and wherever the process was just then: running, sleeping, reading, waiting.
 */
#include <time.h>

#include "tests/user/support.h"

static void none(void *arg) {
    (void)arg;
}

static pid_t child(void (*fn)(void *), void *arg) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    fn(arg);
    _exit(0);
}

static int reap(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

/* ---- sent ---- */

static void raises(void *sig) {
    kill(getpid(), *(int *)sig);
}

static void by_default(void) {
    static const int fatal[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,   SIGBUS,  SIGFPE,   SIGKILL, SIGUSR1,
                                SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ,  SIGVTALRM,
                                SIGPROF, SIGIO,   SIGPWR,  SIGSYS,  34,      64};
    static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
    for (unsigned i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        int status = reap(child(raises, (void *)&fatal[i]));
        ok(WIFSIGNALED(status) && WTERMSIG(status) == fatal[i] && !WCOREDUMP(status),
           "signal %d ends the process and its status says so (%x)",
           fatal[i], (unsigned)status);
    }
    for (unsigned i = 0; i < sizeof harmless / sizeof *harmless; i++)
        is_int(reap(child(raises, (void *)&harmless[i])), 0, "signal %d does nothing", harmless[i]);
}

/* ---- the program's own doing ---- */

static void divides(void *arg) {
    volatile int hundred = 100, zero = arg != NULL;
    hundred = hundred / zero;
}

static void undefined(void *arg) {
    (void)arg;
    __asm__ volatile("ud2");
}

static void breakpoint(void *arg) {
    (void)arg;
    __asm__ volatile("int3");
}

static void privileged(void *arg) {
    (void)arg;
    __asm__ volatile("hlt");
}

static void port(void *arg) {
    (void)arg;
    __asm__ volatile("outb %al, $0x80");
}

static void non_canonical(void *arg) {
    (void)arg;
    *(volatile char *)0x8000000000000000ul = 1;
}

static void null(void *arg) {
    *(volatile char *)arg = 1;
}

static void kernel_read(void *arg) {
    (void)arg;
    (void)*(volatile char *)KERNEL;
}

static void jumps(void *arg) {
    ((void (*)(void))arg)();
}

static void beyond_file(void *arg) {
    (void)arg;
    char *p = map_fd(memfd(1), 2, PROT_READ, MAP_SHARED);
    (void)*(volatile char *)(p + PG);
}

static void overflow(void *arg) {
    volatile char block[4096];
    block[0] = (char)(arg != NULL);
    if (block[0] != 2) overflow((void *)block);
    block[1] = 1;
}

static void own_doing(void) {
    static const struct {
        const char *what;
        void (*fn)(void *);
        int sig;
    } cases[] = {
        {"division by zero", divides, SIGFPE},         {"an undefined instruction", undefined, SIGILL},
        {"a breakpoint", breakpoint, SIGTRAP},         {"HLT in ring 3", privileged, SIGSEGV},
        {"a port", port, SIGSEGV},                     {"a non-canonical address", non_canonical, SIGSEGV},
        {"page zero", null, SIGSEGV},                  {"reading the kernel", kernel_read, SIGSEGV},
        {"jumping to page zero", jumps, SIGSEGV},      {"beyond a file's end", beyond_file, SIGBUS},
        {"a stack without end", overflow, SIGSEGV},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = reap(child(cases[i].fn, NULL));
        ok(WIFSIGNALED(status) && WTERMSIG(status) == cases[i].sig, "%s: signal %d (status %x)", cases[i].what, cases[i].sig,
           (unsigned)status);
    }
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int status = reap(child(null, NULL));
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a fault is not to be blocked (%x)", (unsigned)status);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- wherever it is ---- */

static void spins(void *ready) {
    ++*(volatile int *)ready;
    for (;;) continue;
}

static void sleeps(void *ready) {
    struct timespec t = {1000, 0};
    ++*(volatile int *)ready;
    nanosleep(&t, NULL);
}

static void reads(void *ready) {
    int p[2];
    char c;
    (void)!pipe(p);
    ++*(volatile int *)ready;
    (void)!read(p[0], &c, 1);
}

static void waits(void *ready) {
    pid_t pid = child(sleeps, ready);
    ((volatile int *)ready)[1] = pid;
    waitpid(pid, NULL, 0);
}

static void wherever(void) {
    void (*const places[])(void *) = {spins, sleeps, reads};
    static const char *const names[] = {"running", "sleeping", "reading a pipe"};
    volatile int *ready = shared(4096);
    for (unsigned i = 0; i < 3; i++) {
        *ready = 0;
        pid_t pid = child(places[i], (void *)ready);
        while (!*ready) sched_yield();
        if (places[i] != spins) await_state(pid, "S");
        kill(pid, SIGKILL);
        is_int(reap(pid), SIGKILL, "killed while %s", names[i]);
    }
    *ready = 0;
    pid_t pid = child(waits, (void *)ready);
    while (!ready[0] || !ready[1]) sched_yield();
    await_state(pid, "S");
    kill(pid, SIGTERM);
    is_int(reap(pid), SIGTERM, "ended while waiting for a child");
    kill(ready[1], SIGKILL);
}

int main(void) {
    plan(25 + 4 + 11 + 1 + 4 + 1);
    by_default();
    own_doing();
    wherever();
    is_int(reap(child(none, NULL)), 0, "and who gets none ends as it likes");
    return done_testing();
}
