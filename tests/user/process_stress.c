/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Random lives: processes that fork, run programs, sleep, compute, write, fault and get killed in the middle
 * of it. What each must have ended with is known to its parent beforehand, and checked.
 *
 *     process_stress [SEED [ROUNDS]]
 *
 * timeout: 120
 */
#include <time.h>

#include "tests/user/support.h"

#define CROWD 8

static uint64_t state;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

enum life { EXITS, FAULTS, TRAPS, EXECS, WRITES, PARENTS, SLEEPS, LIVES };

static const char *self;

static void live(enum life what, int code, uint64_t seed);
static void (*volatile live_on)(enum life, int, uint64_t) = live; /* a generation on: no compiler sees it as a loop */

static void live(enum life what, int code, uint64_t seed) {
    struct timespec forever = {1000, 0};
    char *argv[] = {(char *)self, "second", (char[]){(char)('a' + code), 0}, NULL}, *envp[] = {NULL}, buf[3000];
    int p[2], status;
    state = seed | 1;
    switch (what) {
    case EXITS:
        for (volatile uint64_t i = next() % 200000; i > 0; i--) continue;
        _exit(code);
    case FAULTS: *(volatile char *)(next() % 2 ? 8 : KERNEL) = 1; _exit(99);
    case TRAPS: __asm__ volatile("ud2"); _exit(99);
    case EXECS: execve(self, argv, envp); _exit(98);
    case WRITES: /* more than a pipe holds, to a child that reads it all */
        if (pipe(p) != 0) _exit(97);
        if (fork() == 0) {
            long n = 0, got;
            close(p[1]);
            while ((got = read(p[0], buf, 1 + next() % sizeof buf)) > 0) n += got;
            _exit(n == 200000 ? 0 : 1);
        }
        memset(buf, 1, sizeof buf);
        for (long n = 0; n < 200000;) n += write(p[1], buf, 200000 - n < 2000 ? 200000 - (size_t)n : 2000);
        close(p[1]);
        wait(&status);
        _exit(status == 0 ? code : 96);
    case PARENTS:
        for (int i = 0; i < 4; i++)
            if (fork() == 0) live_on((enum life)(next() % PARENTS), i, next() + (uint64_t)i);
        for (int i = 0; i < 4; i++)
            if (wait(NULL) <= 0) _exit(95);
        _exit(wait(NULL) == -1 && errno == ECHILD ? code : 94);
    case SLEEPS: nanosleep(&forever, NULL); _exit(93);
    default: _exit(92);
    }
}

static int expected(enum life what, int code) {
    if (what == FAULTS) return SIGSEGV;
    if (what == TRAPS) return SIGILL;
    if (what == SLEEPS) return SIGKILL;
    return code << 8;
}

/* A crowd at a time; some are killed at a moment that the scheduler chooses. */
static int round_of(void) {
    pid_t pid[CROWD];
    int want[CROWD], wrong = 0, status;
    bool killed[CROWD];
    for (int i = 0; i < CROWD; i++) {
        enum life what = (enum life)(next() % LIVES);
        int code = (int)(next() % 26);
        uint64_t seed = next();
        want[i] = expected(what, code);
        pid[i] = fork();
        if (pid[i] == 0) live(what, code, seed);
        if (pid[i] < 0) bail_out("fork: %s", strerror(errno));
        killed[i] = what == SLEEPS || next() % 6 == 0;
    }
    for (int i = 0; i < CROWD; i++) {
        if (!killed[i]) continue;
        for (uint64_t n = next() % 8; n > 0; n--) sched_yield();
        kill(pid[i], SIGKILL);
    }
    for (int i = 0; i < CROWD; i++) {
        if (waitpid(pid[i], &status, 0) != pid[i]) bail_out("a child is lost");
        if (status == want[i] || (killed[i] && status == SIGKILL)) continue;
        diag("child %d: status %x, wanted %x%s", i, (unsigned)status, (unsigned)want[i], killed[i] ? " or killed" : "");
        wrong++;
    }
    return wrong;
}

static void rounds(uint64_t seed, int count) {
    int wrong = 0;
    state = seed * 2 + 1;
    for (int i = 0; i < count && !wrong; i++) wrong += round_of();
    is_int(wrong, 0, "%d crowds end as they should (repeat: process_stress %lu %d)", count, (unsigned long)seed, count);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "second") == 0) return argv[2][0] - 'a';
    self = argv[0];
    if (argc > 1) {
        plan(1);
        rounds(strtoul(argv[1], NULL, 0), argc > 2 ? atoi(argv[2]) : 40);
    } else {
        plan(3);
        for (uint64_t seed = 1; seed <= 3; seed++) rounds(seed, 15);
    }
    return done_testing();
}
