/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The CPU is taken from those who do not give it: processes that only compute all get on, a sleeper is woken
 * although others compute, and registers survive.
 */
#include <time.h>

#include "tests/user/support.h"

#define SPINNERS 4

/* Each counts until everybody has counted far: without preemption the first would spin for ever. */
static void spinners(void) {
    volatile long *count = shared(4096);
    int status, good = 0;
    for (int i = 0; i < SPINNERS; i++) {
        if (fork() != 0) continue;
        for (;;) {
            int done = 0;
            count[i]++;
            for (int j = 0; j < SPINNERS; j++) done += count[j] > 1000;
            if (done == SPINNERS) _exit(0);
        }
    }
    while (wait(&status) > 0) good += status == 0;
    is_int(good, SPINNERS, "processes that never stop computing all get on");
}

static void sleeper(void) {
    struct timespec t = {0, 1000000};
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) continue;
    }
    int woken = 0;
    for (int i = 0; i < 5; i++) woken += nanosleep(&t, NULL) == 0;
    is_int(woken, 5, "a sleeper wakes although another computes");
    kill(pid, SIGKILL);
    int status;
    waitpid(pid, &status, 0);
    is_int(status, SIGKILL, "who can be stopped");
}

/* Fills the registers that a C program does not watch, computes on, and compares. */
static int registers_hold(unsigned long seed, volatile int *stop) {
    unsigned long wrong = 0;
    while (!*stop) {
        unsigned long bad;
        __asm__ volatile(
            "movq %1, %%xmm0; movq %1, %%xmm7; movq %1, %%xmm15; movq %1, %%r12; movq %1, %%r15\n\t"
            "movl $2000000, %%ecx\n"
            "1: decl %%ecx; jnz 1b\n\t"
            "xorl %%ecx, %%ecx\n\t"
            "movq %%xmm0, %0; cmpq %0, %1; setne %%cl; movq %%xmm7, %0; cmpq %0, %1; jne 2f\n\t"
            "movq %%xmm15, %0; cmpq %0, %1; jne 2f; cmpq %%r12, %1; jne 2f; cmpq %%r15, %1; je 3f\n"
            "2: movl $1, %%ecx\n"
            "3: movq %%rcx, %0"
            : "=&r"(bad)
            : "r"(seed)
            : "rcx", "r12", "r15", "xmm0", "xmm7", "xmm15", "cc");
        wrong += bad;
    }
    return wrong != 0;
}

static void registers(void) {
    volatile int *stop = shared(4096);
    int status, wrong = 0;
    for (unsigned long i = 0; i < 3; i++)
        if (fork() == 0) _exit(registers_hold(0x1111111111111111ul * (i + 1), stop));
    for (int i = 0; i < 10; i++) {
        struct timespec t = {0, 20000000};
        nanosleep(&t, NULL);
    }
    *stop = 1;
    while (wait(&status) > 0) wrong += status != 0;
    is_int(wrong, 0, "general and vector registers survive being preempted");
}

static void yields(void) {
    volatile int *turn = shared(4096);
    int status, laps = 0;
    pid_t pid = fork();
    for (; laps < 500; laps++) {
        while (*turn != (pid == 0)) sched_yield();
        *turn = pid != 0;
    }
    if (pid == 0) _exit(0);
    waitpid(pid, &status, 0);
    is_int(status, 0, "sched_yield lets the other have its turn");
}

int main(void) {
    plan(1 + 2 + 1 + 1);
    spinners();
    sleeper();
    registers();
    yields();
    return done_testing();
}
