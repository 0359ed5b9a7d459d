/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Scheduling policies: what can be set by whom, what is refused, and who runs before whom. All on one CPU, so that
 * the order of events says it.
 */
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <stdint.h>
#include <unistd.h>

#include "tests/user/support.h"

#define UID 65534

static long set(pid_t pid, int policy, int priority) {
    return syscall(SYS_sched_setscheduler, pid, policy, &priority);
}

static long get(pid_t pid) {
    return syscall(SYS_sched_getscheduler, pid);
}

static int priority_of(pid_t pid) {
    int priority = -1;
    return syscall(SYS_sched_getparam, pid, &priority) ? -1 : priority;
}

static long pin(unsigned cpu) {
    uint64_t mask = 1ul << cpu;
    return syscall(SYS_sched_setaffinity, 0, sizeof mask, &mask);
}

/* What children and parent write down, in the order in which they come to it. */
static struct {
    volatile int n;
    volatile int who[64];
    volatile int flag[2];
} *log_;

static void note(int who) {
    log_->who[log_->n] = who;
    log_->n++;
}

static int all_ended(int n) {
    int status, bad = 0;
    while (n--) bad += wait(&status) < 0 || status != 0;
    return bad;
}

static void arguments(void) {
    int priority = 1;
    is_int(get(0), SCHED_NORMAL, "a program starts time-shared");
    is_int(priority_of(0), 0, "with priority 0");
    fails(set(0, SCHED_FIFO, 0), EINVAL, "SCHED_FIFO wants a priority");
    fails(set(0, SCHED_FIFO, 100), EINVAL, "of 99 at most");
    fails(set(0, SCHED_NORMAL, 1), EINVAL, "SCHED_OTHER has none");
    fails(set(0, 42, 0), EINVAL, "an unknown policy");
    fails(set(-1, SCHED_FIFO, 1), EINVAL, "a negative pid");
    fails(set(999999, SCHED_FIFO, 1), ESRCH, "nobody of that pid");
    fails(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, NULL), EINVAL, "no parameter");
    fails(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, 8), EFAULT, "a bad pointer");
    fails(syscall(SYS_sched_setparam, 0, &priority), EINVAL, "setparam: not a priority of the present policy");
    is_int(syscall(SYS_sched_get_priority_max, SCHED_FIFO), 99, "the highest priority");
    is_int(syscall(SYS_sched_get_priority_min, SCHED_RR), 1, "the lowest");
    is_int(syscall(SYS_sched_get_priority_max, SCHED_NORMAL), 0, "without real time: 0");
    fails(syscall(SYS_sched_get_priority_max, 42), EINVAL, "of an unknown policy");
    is_int(set(0, SCHED_RR, 7), 0, "SCHED_RR, 7");
    ok(get(0) == SCHED_RR && priority_of(0) == 7, "is what it says");
    priority = 9;
    is_int(syscall(SYS_sched_setparam, 0, &priority), 0, "setparam: 9");
    ok(get(0) == SCHED_RR && priority_of(0) == 9, "changes the priority alone");
    is_int(set(0, SCHED_NORMAL, 0), 0, "and back");
}

/* As another user: real time is a matter of RLIMIT_RTPRIO. */
static int as_another(void) {
    const struct rlimit some = {5, 5};
    setrlimit(RLIMIT_RTPRIO, &some);
    if (set(0, SCHED_FIFO, 50) || setuid(UID)) return 1;
    if (set(getppid(), SCHED_NORMAL, 0) == 0 || errno != EPERM) return 2; /* root's */
    if (set(0, SCHED_FIFO, 51) == 0 || errno != EPERM) return 3;
    if (set(0, SCHED_FIFO, 49)) return 4; /* down is free */
    if (set(0, SCHED_FIFO, 50) == 0 || errno != EPERM) return 5;
    if (set(0, SCHED_NORMAL, 0)) return 6;
    if (set(0, SCHED_FIFO, 6) == 0 || errno != EPERM) return 7;
    return on_holdfast() && set(0, SCHED_RR, 5) ? 8 : 0; /* a Linux in a container may refuse whatever the limit says */
}

static void privilege(void) {
    int status;
    if (fork() == 0) _exit(as_another());
    wait(&status);
    is_int(status, 0, "RLIMIT_RTPRIO holds for another uid, up and down");
}

/* Three children, made by a thread that is more urgent than all; they run when it waits. */
static void strict(void) {
    const int priority[3] = {0, 20, 30};
    log_->n = 0;
    set(0, SCHED_FIFO, 50);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            set(0, priority[i] ? SCHED_FIFO : SCHED_NORMAL, priority[i]);
            note(priority[i]);
            _exit(0);
        }
    }
    note(50);
    is_int(all_ended(3), 0, "children of three priorities");
    set(0, SCHED_NORMAL, 0);
    ok(log_->n == 4 && log_->who[0] == 50 && log_->who[1] == 30 && log_->who[2] == 20 && log_->who[3] == 0,
       "run in the order of their priorities: %d %d %d %d", log_->who[0], log_->who[1], log_->who[2], log_->who[3]);
}

static void two_children(int policy, int priority, int yields) {
    log_->n = 0;
    set(0, SCHED_FIFO, 50);
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            set(0, policy, priority);
            for (int k = 0; k < 4; k++) {
                note(i);
                if (yields) syscall(SYS_sched_yield);
            }
            _exit(0);
        }
    }
    is_int(all_ended(2), 0, "two equals");
    set(0, SCHED_NORMAL, 0);
}

static void first_in_first_out(void) {
    int turns = 0;
    two_children(SCHED_FIFO, 10, 0);
    for (int i = 1; i < 8; i++) turns += log_->who[i] != log_->who[i - 1];
    is_int(turns, 1, "SCHED_FIFO: the first runs to its end");
    turns = 0;
    two_children(SCHED_FIFO, 10, 1);
    for (int i = 1; i < 8; i++) turns += log_->who[i] != log_->who[i - 1];
    is_int(turns, 7, "but sched_yield lets the other in, each time");
}

/* Each spins until it has seen the other: that ends only if they take turns. */
static void turns(int policy, int priority) {
    log_->flag[0] = log_->flag[1] = 0;
    set(0, SCHED_FIFO, 50);
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            set(0, policy, priority);
            log_->flag[i] = 1;
            while (!log_->flag[!i]) {}
            _exit(0);
        }
    }
    is_int(all_ended(2), 0, "policy %d: two that wait for each other without sleeping both end", policy);
    set(0, SCHED_NORMAL, 0);
}

/* A real-time thread that wakes runs at once, whatever a time-shared one is doing. */
static void preempts(void) {
    int go[2];
    char c;
    if (pipe(go)) bail_out("no pipe");
    log_->n = 0;
    if (fork() == 0) {
        set(0, SCHED_FIFO, 10);
        note(1);
        if (read(go[0], &c, 1) == 1) note(2);
        _exit(0);
    }
    while (log_->n == 0) syscall(SYS_sched_yield);
    if (write(go[1], "x", 1) != 1) bail_out("no write");
    note(3);
    is_int(all_ended(1), 0, "a real-time thread waits for a time-shared one");
    ok(log_->who[1] == 2 && log_->who[2] == 3, "woken, it runs before its waker goes on: %d %d", log_->who[1], log_->who[2]);
    close(go[0]);
    close(go[1]);
}

static void affinity(void) {
    uint64_t all = 0, none = 0;
    unsigned cpu, wrong = 0, n = 0;
    is_int(syscall(SYS_sched_getaffinity, 0, sizeof all, &all), sizeof all, "getaffinity says how many bytes");
    for (unsigned i = 0; i < 64; i++) {
        if (!(all & 1ul << i)) continue;
        n++;
        wrong += pin(i) != 0 || syscall(SYS_getcpu, &cpu, NULL, NULL) != 0 || cpu != i;
    }
    is_int(wrong, 0, "a program moves to each of %u CPUs, and is there when the call returns", n);
    fails(syscall(SYS_sched_setaffinity, 0, sizeof none, &none), EINVAL, "an empty set");
    fails(syscall(SYS_sched_setaffinity, 999999, sizeof all, &all), ESRCH, "nobody");
    fails(syscall(SYS_sched_setaffinity, 0, sizeof all, 8), EFAULT, "a bad pointer");
    fails(syscall(SYS_sched_getaffinity, 0, 3, &all), EINVAL, "room for three bytes");
}

int main(void) {
    plan(0);
    if (geteuid() != 0) plan_skip_all("needs root");
    log_ = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    affinity();
    if (pin(0)) bail_out("cannot stay on CPU 0");
    arguments();
    privilege();
    strict();
    first_in_first_out();
    turns(SCHED_RR, 10);
    turns(SCHED_NORMAL, 0);
    preempts();
    return done_testing();
}
