/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What counts as a meeting at the kernel's points: two threads of a process do, two processes do not, however often both
 * pass there; and nobody meets himself.
 *
 * needs: holdfast
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/race.h"

#define PASSES 50

static volatile int *passes; /* of each side; shared */
static char *area;

/* Past the point, until the other side has been there often enough, too. */
static void pass_by(int side) {
    while (passes[0] < PASSES || passes[1] < PASSES) {
        if (munlock(area + 2 * side * (long)PG, PG) != 0) abort(); /* each its own page: who is there has it */
        passes[side]++;
    }
}

static void *first(void *arg) {
    pass_by(0);
    return arg;
}

static void *second(void *arg) {
    pass_by(1);
    return arg;
}

static void begin(void) {
    passes[0] = passes[1] = 0;
    arming_begin();
    arm("unlock_held", 2);
}

static void two_threads(void) {
    begin();
    both(first, second, NULL);
    ok(arming_end() > 0, "two threads of a process meet");
}

static void two_processes(void) {
    int status = -1;
    begin();
    pid_t pid = fork();
    if (pid == 0) {
        go_to_cpu_(1);
        pass_by(1);
        _exit(0);
    }
    go_to_cpu_(0);
    pass_by(0);
    waitpid(pid, &status, 0);
    is_int(status, 0, "two processes pass by");
    is_int(arming_end(), 0, "and do not meet");
}

static void alone(void) {
    begin();
    passes[1] = PASSES;
    pass_by(0);
    is_int(arming_end(), 0, "nor does anybody meet himself");
}

int main(void) {
    aio_test();
    plan(2 * 4);
    area = anon(4);
    passes = shared(PG);
    for (int wide = 0; wide < 2; wide++) {
        spread(wide);
        two_threads();
        two_processes();
        alone();
    }
    return done_testing();
}
