/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * futex between processes that share memory, and alone: who waits is woken, by the change that it waits
 * for and nothing else.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/user/support.h"

static long futex(volatile int *word, int op, int value, const struct timespec *timeout) {
    return syscall(SYS_futex, word, op, value, timeout, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void alone(int flag, const char *kind) {
    int *word = (int *)anon(1);
    struct timespec soon = {0, 2000000}, bad = {0, 1000000000};
    *word = 5;
    fails(futex(word, FUTEX_WAIT | flag, 4, NULL), EAGAIN, "%s: another value: no sleep", kind);
    fails(futex(word, FUTEX_WAIT | flag, 5, &soon), ETIMEDOUT, "%s: nobody wakes: the time passes", kind);
    fails(futex(word, FUTEX_WAIT | flag, 5, &bad), EINVAL, "%s: no such time", kind);
    is_int(futex(word, FUTEX_WAKE | flag, 1, NULL), 0, "%s: nobody to wake", kind);
    fails(futex((int *)((char *)word + 2), FUTEX_WAIT | flag, 0, NULL), EINVAL, "%s: not aligned", kind);
    fails(futex((int *)KERNEL, FUTEX_WAIT | flag, 0, NULL), EFAULT, "%s: a kernel address", kind);
    fails(futex(word, 99 | flag, 0, NULL), ENOSYS, "%s: no such operation", kind);
    struct timespec past = {1, 0};
    fails(futex(word, FUTEX_WAIT_BITSET | flag, 5, &past), ETIMEDOUT, "%s: an absolute time that is past", kind);
    munmap(word, PG);
    fails(futex(word, FUTEX_WAIT | flag, 0, NULL), EFAULT, "%s: not mapped", kind);
}

#define SLEEPERS 5

/* The word is in shared memory at an address of the child's own: it is the frame that counts. */
static void sleeper(int fd, volatile int *asleep) {
    volatile int *word = (int *)map_fd(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED) + 16;
    __atomic_add_fetch(asleep, 1, __ATOMIC_SEQ_CST);
    while (*word == 0)
        if (futex(word, FUTEX_WAIT, 0, NULL) != 0 && errno != EAGAIN) _exit(1);
    _exit(0);
}

static void between(void) {
    int fd = memfd(1), status, good = 0;
    volatile int *word = (int *)map_fd(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED) + 16, *asleep = shared(4096);
    pid_t pids[SLEEPERS];
    for (int i = 0; i < SLEEPERS; i++)
        if ((pids[i] = fork()) == 0) sleeper(fd, asleep);
    while (*asleep != SLEEPERS) sched_yield();
    for (int i = 0; i < SLEEPERS; i++) await_state(pids[i], "S");
    is_int(futex(word, FUTEX_WAKE, 1000, NULL), SLEEPERS, "all of them are woken");
    /* The word has not changed: they lie down again. */
    for (int i = 0; i < SLEEPERS; i++) await_state(pids[i], "SZ");
    is_int(waitpid(-1, NULL, WNOHANG), 0, "woken for nothing, each sleeps on");
    *word = 1;
    while (good < SLEEPERS) {
        futex(word, FUTEX_WAKE, 1000, NULL);
        if (waitpid(-1, &status, WNOHANG) <= 0) sched_yield();
        else if (status == 0) good++;
        else break;
    }
    is_int(good, SLEEPERS, "when the word changes, all of them go on");
}

/* A round is a wake each way: a lost one would hang. */
static void ping_pong(void) {
    volatile int *word = shared(4096);
    int status;
    pid_t pid = fork();
    for (int i = 0; i < 300; i++) {
        int mine = pid == 0;
        while (*word != mine) futex(word, FUTEX_WAIT, !mine, NULL);
        *word = !mine;
        futex(word, FUTEX_WAKE, 1, NULL);
    }
    if (pid == 0) _exit(0);
    waitpid(pid, &status, 0);
    is_int(status, 0, "300 rounds of ping-pong lose no wake-up");
}

static void killed(void) {
    volatile int *word = shared(4096);
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        word[1] = 1;
        futex(word, FUTEX_WAIT, 0, NULL);
        _exit(1);
    }
    while (!word[1]) sched_yield();
    await_state(pid, "S");
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    is_int(status, SIGTERM, "a sleeper can be killed");
    is_int(futex(word, FUTEX_WAKE, 10, NULL), 0, "and is no longer there to be woken");
}

int main(void) {
    plan(9 + 9 + 3 + 1 + 2);
    alone(0, "shared");
    alone(FUTEX_PRIVATE_FLAG, "private");
    between();
    ping_pong();
    killed();
    return done_testing();
}
