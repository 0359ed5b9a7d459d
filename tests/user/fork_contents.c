/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Private memory after fork is the child's own and the parent's own, through generations, for pages never
 * touched, read, written before and after, unlocked and locked; shared memory is one.
 *
 * clauses: A8 L16
 */
#include "tests/user/support.h"

#define N 24
#define GENERATIONS 5

static volatile unsigned char *priv;
static volatile unsigned char *common;

/* Page i is written by generation g when bit g of i is set; else it keeps what the ancestors left. */
static unsigned char expected(size_t i, int generation) {
    unsigned char value = 0;
    for (int g = 0; g <= generation; g++)
        if (i >> g & 1) value = (unsigned char)(100 + g);
    return value;
}

static bool as_expected(int generation) {
    for (size_t i = 0; i < N; i++)
        if (priv[i * PG] != expected(i, generation)) return false;
    return true;
}

/* Exit status: 0, or the generation that saw something wrong. */
static int generation(int g) {
    for (size_t i = 0; i < N; i++)
        if (i >> g & 1) priv[i * PG] = (unsigned char)(100 + g);
    if (!as_expected(g)) return g + 1;
    if (g % 2 && mlock((void *)priv, N / 2 * PG) != 0) return 50 + g;
    common[g]++;
    if (g + 1 < GENERATIONS) {
        int status = 0;
        pid_t pid = fork();
        if (pid < 0) return 60 + g;
        if (pid == 0) _exit(generation(g + 1));
        waitpid(pid, &status, 0);
        if (status != 0) return WEXITSTATUS(status);
    }
    return as_expected(g) ? 0 : 70 + g; /* what the descendants wrote is not seen here */
}

static void many_children(void) {
    int wrong = 0;
    pid_t pids[8];
    for (int c = 0; c < 8; c++) {
        pids[c] = fork();
        if (pids[c] == 0) {
            for (size_t i = 0; i < N; i++) priv[i * PG + 1] = (unsigned char)c;
            sched_yield();
            for (size_t i = 0; i < N; i++)
                if (priv[i * PG + 1] != c) _exit(1);
            common[100 + c] = (unsigned char)c;
            _exit(0);
        }
    }
    for (int c = 0; c < 8; c++) {
        int status = 0;
        waitpid(pids[c], &status, 0);
        wrong += status != 0 || common[100 + c] != c;
    }
    is_int(wrong, 0, "A8: eight children at once, each with its own copy");
    for (size_t i = 0; i < N; i++) wrong += priv[i * PG + 1] != 0;
    is_int(wrong, 0, "A8: and the parent with its");
}

int main(void) {
    plan(9);
    priv = (unsigned char *)anon(N);
    common = shared(PG);
    is_int(generation(0), 0, "A8: five generations see their ancestors' pages and nobody else's");
    for (int g = 0; g < GENERATIONS; g++) is_int(common[g], 1, "A8: shared memory shows generation %d to all", g);
    many_children();
    munlockall();
    ok(audit_clean(), "I4: the audit agrees on every reference");
    return done_testing();
}
