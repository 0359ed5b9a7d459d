/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Vector registers are each thread's own: all of YMM, MXCSR, the x87's stack and control word, over many switches
 * between threads that each have their own, with signals among them; and a child of fork goes on with its parent's.
 */
#include "tests/user/signals.h"
#include "tests/user/threads.h"
#include "tests/user/vectors.h"

#define THREADS 4
#define ROUNDS  300

struct state {
    uint8_t vin[16][32], vout[16][32];
    double x87_in, x87_out;
    uint32_t mxcsr_in, mxcsr_out;
    uint16_t control_in, control_out;
    long result;
};

/* A pattern of its own for each seed, in every byte. */
static void fill(struct state *s, unsigned seed) {
    uint8_t *p = &s->vin[0][0];
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < sizeof s->vin; i++) p[i] = (uint8_t)(i * 31 + seed * 67 + i / 32 * seed);
    s->x87_in = 1.5 + seed;
    s->mxcsr_in = MXCSR_USUAL | (seed & 3) << 13; /* a rounding of its own */
    s->control_in = (uint16_t)(CONTROL_USUAL | (~seed & 3) << 10);
}

/* Registers loaded, the call made so often, registers stored. */
#define CALLS(L, S)                                                                                             \
    __asm__ volatile("movq %[s], %%r14\nmovq %[times], %%r15\n" LOAD_FLOAT EACH_VECTOR(L)                        \
                     "1:\nmovq %[number], %%rax\nmovq %[first], %%rdi\nmovq %[second], %%rsi\nsyscall\n"        \
                     "decq %%r15\njnz 1b\nmovq %%rax, %c[result](%%r14)\n" EACH_VECTOR(S) STORE_FLOAT            \
                     :                                                                                          \
                     : [s] "r"(s), [times] "r"(times), [number] "r"(number), [first] "r"(first), [second] "r"(second), \
                       [result] "i"(offsetof(struct state, result)), VECTOR_FIELDS(struct state)                \
                     : "rax", "rcx", "rdi", "rsi", "r11", "r14", "r15", "memory", "cc", VECTORS_LOST)

__attribute__((target("avx"), noinline)) static void calls_avx(struct state *s, long times, long number, long first, long second) {
    CALLS(LOAD_AVX, STORE_AVX);
    __asm__ volatile("vzeroupper" ::: "memory");
}

__attribute__((noinline)) static void calls_sse(struct state *s, long times, long number, long first, long second) {
    CALLS(LOAD_SSE, STORE_SSE);
}

static void calls(struct state *s, long times, long number, long first, long second) {
    memset(s->vout, 0, sizeof s->vout);
    if (has_avx()) calls_avx(s, times, number, first, second);
    else calls_sse(s, times, number, first, second);
    float_as_usual();
}

static int wrong(const struct state *s) {
    int n = 0;
    for (int i = 0; i < 16; i++) n += memcmp(s->vin[i], s->vout[i], has_avx() ? 32 : 16) != 0;
    /* The exceptions that were raised, the low bits, are nobody's matter. */
    return n + (s->mxcsr_in != (s->mxcsr_out & 0xffc0)) + (s->control_in != s->control_out) + (s->x87_in != s->x87_out);
}

static volatile int bad, handled;
static struct state of[THREADS];

static void yields_often(void *arg) {
    struct state *s = arg;
    int n = 0;
    for (int i = 0; i < ROUNDS; i++) {
        fill(s, (unsigned)(s - of) * 1000 + (unsigned)i);
        calls(s, 5, SYS_sched_yield, 0, 0);
        n += wrong(s);
    }
    __atomic_add_fetch(&bad, n, __ATOMIC_SEQ_CST);
}

static void run(void) {
    struct raw_thread t[THREADS];
    for (int i = 0; i < THREADS; i++) raw_begin(&t[i], yields_often, &of[i]);
    for (int i = 0; i < THREADS; i++) raw_join(&t[i]);
}

static void switches(void) {
    bad = 0;
    run();
    is_int(bad, 0, "%d threads, %d switches: each has its own registers", THREADS, THREADS * ROUNDS * 5);
    unsigned long one = 1, before;
    long size = syscall(SYS_sched_getaffinity, 0, sizeof before, &before);
    syscall(SYS_sched_setaffinity, 0, sizeof one, &one);
    run();
    is_int(bad, 0, "and all on one CPU");
    syscall(SYS_sched_setaffinity, 0, (size_t)size, &before);
}

/* ---- and a signal in each call, whose handler has a state of its own and is switched away from ---- */

static void own_state(int sig) {
    static struct state s;
    (void)sig;
    handled++;
    fill(&s, 12345 + (unsigned)handled);
    calls(&s, 1, SYS_sched_yield, 0, 0);
    bad += wrong(&s);
}

static volatile int stop;
static struct state others;

static void disturbs(void *arg) {
    int n = 0;
    (void)arg;
    while (!stop) {
        fill(&others, 77u + (unsigned)n);
        calls(&others, 1, SYS_sched_yield, 0, 0);
        n += wrong(&others);
    }
    __atomic_add_fetch(&bad, n, __ATOMIC_SEQ_CST);
}

static void interrupted(void) {
    static struct state s;
    struct raw_thread t;
    handle(SIGUSR1, own_state, 0);
    bad = 0;
    raw_begin(&t, disturbs, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        fill(&s, (unsigned)i);
        calls(&s, 3, SYS_tkill, getpid(), SIGUSR1);
        bad += wrong(&s);
    }
    stop = 1;
    raw_join(&t);
    is_int(handled, ROUNDS * 3, "a handler in each of %d calls", ROUNDS * 3);
    is_int(bad, 0, "leaves nothing behind, nor does who ran meanwhile");
}

/* ---- fork ---- */

static void forks(void) {
    static struct state s;
    int good = 0, status;
    for (unsigned i = 0; i < 20; i++) {
        fill(&s, i);
        calls(&s, 1, SYS_fork, 0, 0);
        if (s.result == 0) _exit(wrong(&s));
        good += waitpid((pid_t)s.result, &status, 0) == s.result && status == 0 && !wrong(&s);
    }
    is_int(good, 20, "after fork both have what the parent had");
}

int main(void) {
    plan(6);
    ok(!has_avx() || avx_enabled(), "a CPU that has AVX is used with it");
    switches();
    interrupted();
    forks();
    return done_testing();
}
