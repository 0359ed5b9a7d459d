/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads of one process: they share its memory, descriptors and identity, have a number and registers
 * of their own, and are gone when they end.
 */
#include "tests/user/threads.h"

static volatile int seen_pid, seen_tid, go, fd_seen;

static void look(void *arg) {
    (void)arg;
    seen_pid = (int)raw(SYS_getpid);
    seen_tid = (int)raw(SYS_gettid);
    fd_seen = (int)raw(SYS_dup, 1);
    raw_wait_while(&go, 0);
}

static void one(void) {
    struct raw_thread t;
    raw_begin(&t, look, NULL);
    while (!fd_seen) sched_yield();
    is_int(seen_pid, getpid(), "a thread has its process's pid");
    is_int(seen_tid, t.born, "and a tid, the one that its creator was told");
    ok(seen_tid != getpid() && t.tid == seen_tid, "of its own, stored before it runs");
    is_int(fcntl(fd_seen, F_GETFD), 0, "a descriptor that it opens is everybody's");
    close(fd_seen);
    is_int(raw(SYS_tgkill, getpid(), t.born, 0), 0, "tgkill finds it");
    is_int(raw(SYS_tgkill, 4000000, t.born, 0), -ESRCH, "in its own process alone");
    raw_post(&go, 1);
    raw_join(&t);
    is_int(t.tid, 0, "its tid is cleared when it is gone");
    int left;
    while ((left = (int)raw(SYS_tgkill, getpid(), t.born, 0)) == 0) sched_yield();
    is_int(left, -ESRCH, "and means nothing any more");
}

/* ---- registers ---- */

static volatile unsigned long fs_value, xmm_errors, tls_word[2] = {0x1234, 0x5678};

static void registers(void *arg) {
    unsigned long fs, seed = (unsigned long)arg;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
    fs_value = fs;
    for (int i = 0; i < 200; i++) {
        unsigned long back;
        __asm__ volatile("movq %1, %%xmm7\n\tmov $24, %%eax\n\tsyscall\n\tmovq %%xmm7, %0"
                         : "=r"(back)
                         : "r"(seed + (unsigned)i)
                         : "rax", "rcx", "r11", "xmm7", "memory");
        if (back != seed + (unsigned)i) __atomic_add_fetch(&xmm_errors, 1, __ATOMIC_SEQ_CST);
    }
}

static void own_registers(void) {
    struct raw_thread t[4];
    char *stack = anon(4);
    volatile int tid = 1;
    unsigned long flags = T_SHARE | T_SETTLS | T_CHILD_CLEARTID, tls = (unsigned long)tls_word;
    long born = raw_clone(flags, stack + 4 * PG, NULL, &tid, tls, registers, NULL);
    ok(born > 0, "a thread with a TLS pointer");
    while (tid) raw_futex(&tid, FUTEX_WAIT, tid, NULL);
    is_int(fs_value, 0x1234, "finds its data there");
    for (long i = 0; i < 4; i++) raw_begin(&t[i], registers, (void *)(i << 40));
    for (int i = 0; i < 4; i++) raw_join(&t[i]);
    is_int(xmm_errors, 0, "vector registers stay each thread's own over 800 switches");
}

/* ---- many ---- */

#define MANY 200

static volatile int counter;

static void count(void *arg) {
    (void)arg;
    for (int i = 0; i < 10; i++) {
        __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
        raw(SYS_sched_yield);
    }
}

static void wait_for_go(void *arg) {
    (void)arg;
    count(NULL);
    raw_wait_while(&go, 0);
}

static void many(void) {
    static struct raw_thread t[MANY];
    uint64_t before = knob("kern.threads");
    go = 0;
    for (int i = 0; i < MANY; i++) raw_begin(&t[i], wait_for_go, NULL);
    is_int(threads_here(), MANY + 1, "%d threads are in /proc/self/status", MANY + 1);
    raw_post(&go, 1);
    for (int i = 0; i < MANY; i++) raw_join(&t[i]);
    is_int(counter, MANY * 10, "and all did their work");
    is_int(threads_here(), 1, "afterwards one is left");
    is_int(knob_change("kern.threads", before), 0, "I8: the kernel's count of threads is what it was");
    for (int i = 0; i < 300; i++) {
        raw_begin(&t[0], count, NULL);
        raw_join(&t[0]);
    }
    is_int(counter, MANY * 10 + 3000, "one after the other as well");
}

/* ---- CPU time ---- */

static volatile unsigned long spun;
static struct rusage spinner_usage;

static void spin(void *arg) {
    for (unsigned long i = 0; i < 20000000; i++) spun = spun + 1;
    raw(SYS_getrusage, 1 /* RUSAGE_THREAD */, arg);
}

static long used(const struct rusage *r) {
    return r->ru_utime.tv_sec * 1000000 + r->ru_utime.tv_usec + r->ru_stime.tv_sec * 1000000 + r->ru_stime.tv_usec;
}

static void accounts(void) {
    struct rusage before, after, own;
    struct raw_thread t;
    getrusage(RUSAGE_SELF, &before);
    raw_begin(&t, spin, &spinner_usage);
    raw_join(&t);
    getrusage(RUSAGE_SELF, &after);
    raw(SYS_getrusage, 1, &own);
    ok(used(&after) - used(&before) >= used(&spinner_usage), "an ended thread's CPU time stays with the process");
    ok(used(&spinner_usage) > 0 && used(&own) <= used(&after) - used(&spinner_usage),
       "RUSAGE_THREAD is the thread's own part of it");
}

int main(void) {
    plan(8 + 3 + 5 + 2 + 1);
    one();
    own_registers();
    many();
    accounts();
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
