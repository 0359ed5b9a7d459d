/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A program that works on locked memory alone adds nothing to its fault counts, whatever it calls meanwhile:
 * the zero-fault guarantee, and the counter that proves it.
 *
 * clauses: I7 L2
 * pitfalls: C9
 */
#include "tests/user/support.h"

#define N 64

static unsigned long state = 12345;

static unsigned long next(void) {
    return state = state * 6364136223846793005ul + 1442695040888963407ul;
}

/* Sorts N pages of numbers: reads and writes all over. */
static void work(unsigned long *v, size_t n) {
    for (size_t i = 0; i < n; i++) v[i] = next();
    for (size_t gap = n / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < n; i++)
            for (size_t j = i; j >= gap && v[j - gap] > v[j]; j -= gap) {
                unsigned long t = v[j];
                v[j] = v[j - gap];
                v[j - gap] = t;
            }
}

int main(void) {
    plan(6);
    size_t n = N * PG / sizeof(unsigned long);
    unsigned long *v = (unsigned long *)anon(N);
    char *other = anon(N);
    is_int(mlockall(MCL_CURRENT | MCL_FUTURE), 0, "I7: the process locks itself");
    faults();
    long before = faults();
    work(v, n);
    is_int(faults() - before, 0, "I7: sorting %d pages takes no fault", N);
    int wrong = 0;
    for (size_t i = 1; i < n; i++) wrong += v[i - 1] > v[i];
    is_int(wrong, 0, "I7: and is done right");
    before = faults();
    for (int i = 0; i < 100; i++) {
        mprotect(other, N / 2 * PG, PROT_READ);
        mprotect(other, N / 2 * PG, PROT_READ | PROT_WRITE);
        other[i % N * (long)PG]++;
        char *p = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[0] = p[3 * PG] = 1;
        munmap(p, 4 * PG);
    }
    if (on_holdfast()) is_int(faults() - before, 0, "I7: mapping, protecting and unmapping meanwhile takes none");
    else skip(1, "Linux counts pages brought in by mmap as faults");
    before = faults();
    char *big = malloc(40 * PG);
    for (size_t i = 0; i < 40; i++) big[i * PG] = 1;
    free(big);
    if (on_holdfast()) is_int(faults() - before, 0, "I7: nor does malloc");
    else skip(1, "Linux counts pages brought in by mmap as faults");
    munlockall();
    char *plain = anon(N);
    before = faults();
    plain[0] = 1;
    ok(faults() > before, "I7: unlocked memory does: the counter is awake");
    return done_testing();
}
