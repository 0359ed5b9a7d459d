/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A process whose four threads fight over its space (stress.h) is ended amid it: killed from outside, left by one
 * of its threads, stopped by a fault, become another program; with requests at work, ranges waited for, children
 * being made. It always ends, with the status that it should, and nothing of it is left.
 *
 *     stress_exit [SEED [ENDS [YIELDS]]]     24 ends without; YIELDS at each point of the kernel's (debug.yield.all)
 *
 * clauses: P1 P3 X7 I3 I5 I8
 * pitfalls: A2
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/stress.h"

enum { BY_KILL, BY_EXIT, BY_RETURN, BY_FAULT, BY_EXEC, WAYS };
static const char *const names[WAYS] = {"killed", "exit_group by a thread", "return of the first thread", "a fault", "exec"};

static struct stress s;
static volatile int way;
static volatile unsigned long *progress; /* shared with the parent: all threads' steps */
static unsigned long enough;

static void end_here(int how) {
    char *no_words[] = {NULL};
    sigset_t usr1;
    switch (how) {
    case BY_EXIT: _exit(7);
    case BY_FAULT:
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)PG = 1;
        break;
    case BY_EXEC: /* a signal that another thread sends now stays pending, and the new program has no handler */
        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &usr1, NULL);
        execve("/proc/self/exe", (char *[]){(char *)"stress_exit", (char *)"exec", NULL}, no_words);
        _exit(8);
    default: break;
    }
}

static void *live(void *arg) {
    struct worker *w = arg;
    s.tids[w->id] = gettid();
    while (!w->line) {
        one_step(w);
        if (__atomic_add_fetch(progress, 1, __ATOMIC_SEQ_CST) == enough) end_here(way);
    }
    printf("# thread %d: line %d, errno %d\n", w->id, w->line, w->error);
    _exit(100);
}

static void child(uint64_t seed) {
    struct rlimit no_core = {0, 0};
    pthread_t t;
    setrlimit(RLIMIT_CORE, &no_core);
    stress_init(&s, seed, seed & 1);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t, NULL, live, &s.worker[i])) _exit(9);
    while (way == BY_RETURN && *progress < enough) sched_yield();
    if (way == BY_RETURN) exit(7);
    pthread_join(t, NULL);
    _exit(10);
}

/* Its children outlive it; where this is process 1 they become ours. */
static void reap_orphans(void) {
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
}

/* The child's end: its status as a shell has it. */
static int one_end(uint64_t seed) {
    int status;
    struct rng r = {seed};
    below(&r, 2);
    enough = 50 + below(&r, 600);
    *progress = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) bail_out("fork: %s", strerror(errno));
    if (pid == 0) child(seed);
    if (way == BY_KILL) {
        while (*progress < enough && waitpid(pid, &status, WNOHANG) == 0) sched_yield();
        kill(pid, SIGKILL);
    }
    if (waitpid(pid, &status, 0) != pid) return -1;
    reap_orphans();
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    static const int wanted[WAYS] = {128 + SIGKILL, 7, 7, 128 + SIGSEGV, 6};
    if (argc > 1 && strcmp(argv[1], "exec") == 0) return 6;
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 10) : (uint64_t)time(NULL) % 1000000;
    int ends = argc > 2 ? atoi(argv[2]) : 24, wrong[WAYS] = {0};
    diag("seed %lu, %d ends", (unsigned long)seed, ends);
    diag("to repeat: tools/hf run --cpus 4 build/tests/user/stress_exit %lu %d", (unsigned long)seed, ends);
    plan(WAYS + 6);
    progress = shared(sizeof *progress);
    uint64_t slice = knob("vfs.aio.slice");
    if (argc > 3) set_knob("debug.yield.all", strtoul(argv[3], NULL, 10)); /* at every point there is */
    set_knob("vfs.aio.slice", 1);
    uint64_t locked = knob("vm.stats.locked"), pins = knob("vm.stats.pins"), requests = knob("vfs.aio.requests"),
             spaces = knob("vm.stats.spaces"), heap = 0;
    int unclean = 0;
    for (int i = 0; i < ends; i++) {
        way = i % WAYS;
        int status = one_end(seed * 1000 + (uint64_t)i);
        if (status != wanted[way]) diag("end %d, %s: status %d, wanted %d", i, names[way], status, wanted[way]);
        wrong[way] += status != wanted[way];
        unclean += !audit_clean();
        if (i == WAYS) heap = knob("vm.stats.heap_live");
    }
    set_knob("vfs.aio.slice", slice);
    set_knob("debug.yield.all", 0);
    for (int i = 0; i < WAYS; i++) is_int(wrong[i], 0, "P1: %s amid it all: the process ends as it should", names[i]);
    is_int(unclean, 0, "I1-I6: and the audit is clean each time");
    is_int(knob_change("vm.stats.locked", locked), 0, "I3: nothing is locked");
    is_int(knob_change("vm.stats.pins", pins), 0, "I8: no pin is left");
    is_int(knob_change("vfs.aio.requests", requests), 0, "I5: no request is left");
    is_int(knob_change("vm.stats.spaces", spaces), 0, "I8: no space is left");
    int grown = ends > WAYS ? knob_change("vm.stats.heap_live", heap) : 0;
    ok(grown <= 0, "I8: the heap has not grown since the first ends: %d", grown);
    return done_testing();
}
