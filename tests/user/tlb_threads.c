/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What one thread does to the mappings holds for all of them when the call returns, on whatever CPU they
 * run: rights taken away, pages replaced, copies made by fork, locks that must not fault.
 *
 * clauses: L2 X6
 * cpus: 4
 */
#include <pthread.h>

#include "tests/user/support.h"

#define WRITERS 3
#define ROUNDS  60

static volatile unsigned long *page; /* word i is writer i's count */
static volatile int stop, gate;      /* gate: rounds that are over */
static volatile int stopped;         /* writers that have faulted in this round */
static volatile unsigned long expected, wrong;

static void on_fault(int sig) {
    (void)sig;
    int round = gate;
    __atomic_add_fetch(&stopped, 1, __ATOMIC_SEQ_CST);
    while (gate == round) sched_yield();
}

static void *writer(void *arg) {
    unsigned long i = (unsigned long)arg;
    while (!stop)
        if (++page[i] % 1024 == 0) sched_yield(); /* or on one CPU all wait for slices */
    return NULL;
}

static void start(pthread_t *t, void *(*fn)(void *)) {
    stop = 0;
    for (unsigned long i = 0; i < WRITERS; i++)
        if (pthread_create(&t[i], NULL, fn, (void *)i)) bail_out("no thread");
}

static void finish(pthread_t *t) {
    stop = 1;
    for (int i = 0; i < WRITERS; i++) pthread_join(t[i], NULL);
}

static unsigned long sum(void) {
    unsigned long n = 0;
    for (int i = 0; i < WRITERS; i++) n += page[i];
    return n;
}

/* Nobody writes after mprotect has taken the right away; everybody does after it has been given back. */
static void rights(void) {
    pthread_t t[WRITERS];
    unsigned long late = 0, idle = 0;
    page = (volatile unsigned long *)anon(1);
    signal(SIGSEGV, on_fault);
    start(t, writer);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned long before = sum();
        while (sum() == before) sched_yield();
        stopped = 0;
        mprotect((void *)page, PG, PROT_READ);
        unsigned long then = sum();
        while (stopped < WRITERS) sched_yield();
        late += sum() != then;
        mprotect((void *)page, PG, PROT_READ | PROT_WRITE);
        gate++;
        idle += sum() < then;
    }
    finish(t);
    signal(SIGSEGV, SIG_DFL);
    is_int(late, 0, "no thread writes after mprotect has taken the right away (%d rounds)", ROUNDS);
    is_int(idle, 0, "and none loses what it wrote");
    munmap((void *)page, PG);
}

/* A reader may see nothing yet, this round's number or a later one; never what was there before. */
static void *reader(void *arg) {
    (void)arg;
    for (unsigned n = 1; !stop; n++) {
        if (n % 1024 == 0) sched_yield();
        unsigned long least = expected, seen = page[0];
        if (seen && (seen < least || seen > ROUNDS)) __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void replaced(void) {
    pthread_t t[WRITERS];
    char *spare = anon(1);
    page = (volatile unsigned long *)anon(1);
    expected = wrong = 0;
    start(t, reader);
    for (unsigned long round = 1; round <= ROUNDS; round++) {
        page[0] = round;
        expected = round;
        for (int i = 0; i < 20; i++) sched_yield();
        mmap((void *)page, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        expected = round + 1; /* what was there is stale from here on */
        memset(spare, 0xdb, PG); /* the frame that was let go, likely */
        spare = mmap(spare, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    finish(t);
    is_int(wrong, 0, "no thread reads a page that mmap has replaced (%d rounds)", ROUNDS);
    munmap(spare, PG);
    munmap((void *)page, PG);
}

/* What the parent's threads go on writing never shows in the child: their right to write is gone before it is born. */
static void forked(void) {
    pthread_t t[WRITERS];
    int bad = 0;
    page = (volatile unsigned long *)anon(1);
    start(t, writer);
    for (int round = 0; round < ROUNDS / 4; round++) {
        unsigned long before = sum();
        while (sum() == before) sched_yield();
        pid_t pid = fork();
        if (pid == 0) {
            unsigned long seen = sum();
            for (int i = 0; i < 20; i++) sched_yield();
            _exit(sum() != seen);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        bad += status != 0;
    }
    finish(t);
    is_int(bad, 0, "no thread writes into a child that has been forked off (%d children)", ROUNDS / 4);
    munmap((void *)page, PG);
}

/* ---- locked pages ---- */

static volatile int turn; /* 1: read; 2: write; back to 0 when done */

static void *obedient(void *arg) {
    (void)arg;
    while (!stop) {
        if (turn == 1) expected = page[0];
        if (turn == 2) page[0] = 7;
        turn = 0;
        while (turn == 0 && !stop) sched_yield();
    }
    return NULL;
}

static void order(int what) {
    turn = what;
    while (turn != 0) sched_yield();
}

/* The other thread's CPU knows the page as read-only. Once it is locked writable, writing there takes no fault. */
static void locked(void) {
    pthread_t t;
    long taken = 0;
    page = (volatile unsigned long *)anon(1);
    page[0] = 1;
    stop = 0;
    if (pthread_create(&t, NULL, obedient, NULL)) bail_out("no thread");
    for (int round = 0; round < ROUNDS; round++) {
        munlock((void *)page, PG);
        mprotect((void *)page, PG, PROT_READ);
        order(1);
        if (round % 2) mprotect((void *)page, PG, PROT_READ | PROT_WRITE);
        mlock((void *)page, PG);
        if (round % 2 == 0) mprotect((void *)page, PG, PROT_READ | PROT_WRITE);
        long before = faults();
        order(2);
        taken += faults() - before;
    }
    stop = 1;
    pthread_join(t, NULL);
    if (on_holdfast()) is_int(taken, 0, "L2: writing a locked page faults on no CPU (%d rounds)", ROUNDS);
    else pass("L2: elsewhere it may fault");
    munmap((void *)page, PG);
}

int main(void) {
    plan(6);
    faults();
    rights();
    replaced();
    forked();
    locked();
    if (on_holdfast())
        diag("%lu CPUs: %lu batches, %lu shootdowns of %lu CPUs; %lu left alone", knob("hw.ncpu"), knob("vm.stats.tlb_batches"),
             knob("vm.stats.tlb_shootdowns"), knob("vm.stats.tlb_interrupted"), knob("vm.stats.tlb_lazy"));
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
