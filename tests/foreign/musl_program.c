/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A program that another toolchain made, from another C library (musl-gcc -static), runs unmodified: stdio,
 * malloc, mmap, mlock and fork, as that library calls them.
 *
 * clauses: L1 L13 A7
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"

#define PG 4096ul

static void stdio(void) {
    char text[64];
    int a = 0;
    double d = 0;
    snprintf(text, sizeof text, "%d %5.2f %s %#lx", -3, 2.5, "x", 255ul);
    is_str(text, "-3  2.50 x 0xff", "the library's printf");
    is_int(sscanf("17 0.25", "%d %lf", &a, &d), 2, "its scanf");
    ok(a == 17 && d == 0.25, "reads both numbers");
}

/* Small ones come from brk, the big one from mmap; each keeps its own pattern. */
static void allocate(void) {
    enum { N = 64 };
    unsigned char *block[N], *big = malloc(8 << 20);
    bool good = big != NULL;
    for (int i = 0; i < N; i++) {
        block[i] = malloc((size_t)(i + 1) * 100);
        if (block[i]) memset(block[i], i, (size_t)(i + 1) * 100);
        else good = false;
    }
    for (int i = 0; good && i < N; i++) good = block[i][0] == i && block[i][(i + 1) * 100 - 1] == i;
    ok(good, "its malloc keeps what is written");
    if (big) memset(big, 0xa5, 8 << 20);
    big = realloc(big, 16 << 20);
    ok(big && big[0] == 0xa5 && big[(8 << 20) - 1] == 0xa5, "and realloc moves it along");
    free(big);
    for (int i = 0; i < N; i++) free(block[i]);
}

static void lock_and_fork(void) {
    char *p = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    ok(p != MAP_FAILED, "mmap");
    is_int(mlock(p, 4 * PG), 0, "L1: mlock");
    fails(msync(p, PG, MS_INVALIDATE), EBUSY, "L1: it is locked");
    p[0] = 'p';
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        bool unlocked = msync(p, PG, MS_INVALIDATE) == 0;
        bool copied = p[0] == 'p';
        p[0] = 'c';
        _exit(unlocked && copied ? 7 : 1);
    }
    ok(child > 0 && waitpid(child, &status, 0) == child, "fork and waitpid");
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "A7: the child has a copy, unlocked");
    is_int(p[0], 'p', "whose writes stay its own");
    is_int(munlock(p, 4 * PG), 0, "L13: munlock");
    is_int(munmap(p, 4 * PG), 0, "munmap");
}

int main(void) {
    plan(13);
    stdio();
    allocate();
    lock_and_fork();
    return done_testing();
}
