/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Fork where memory is short and others take what becomes free: of a parent with page tables by the hundred, of one with a good
 * part of memory locked, and of one that has locked more on fault than there is. It may wait; it does not fail, and what
 * parent and child have is right.
 *
 * clauses: A7 A8 L14 P1
 * needs: holdfast
 * mem: 24M
 * swap: 96M
 * timeout: 240
 */
#include "tests/user/swaps.h"

#define ROUNDS 4
#define REACH  (512 * PG) /* of a page table */
#define TABLES 250ul

static size_t ram;
static volatile int *stop;
static char *p;
static size_t n;

/* Others: each goes over half of memory, again and again. */
static void eat(void) {
    char *mine = anon(ram / 2);
    for (unsigned g = 1; !*stop; g++)
        for (size_t i = 0; i < ram / 2 && !*stop; i++) mine[i * PG] = (char)g;
    _exit(0);
}

static void begin(pid_t *eaters) {
    *stop = 0;
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        eaters[i] = fork();
        if (eaters[i] == 0) eat();
        if (eaters[i] < 0) bail_out("fork: %s", strerror(errno));
    }
    uint64_t written = knob("vm.swap.written");
    while (knob("vm.swap.written") - written < ram / 4) sched_yield(); /* memory is short */
}

static void end(const pid_t *eaters) {
    *stop = 1;
    for (int i = 0; i < 2; i++) waitpid(eaters[i], NULL, 0);
}

/* One page behind each of many tables. */
static bool sparse_is(unsigned generation) {
    for (size_t i = 0; i < n; i++)
        if (!has_as(p + i * REACH, p + i * REACH, generation)) return false;
    return true;
}

static bool dense_is(unsigned generation) {
    return has(p, n, generation);
}

/* Forks again and again; each child looks at all of it. What went wrong. */
static int forks(bool (*is)(unsigned), const char *what) {
    int wrong = 0, status;
    for (int i = 0; i < ROUNDS; i++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) _exit(is(1) ? 0 : 1);
        status = errno;
        if (child < 0) wrong++, diag("%s: fork %d: %s", what, i, strerror(status));
        else if (waitpid(child, &status, 0) != child || status != 0) wrong++, diag("%s: child %d: status %#x", what, i, status);
    }
    return wrong;
}

static void many_tables(void) {
    pid_t eaters[2];
    n = TABLES;
    p = map_pages(n * 512, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    for (size_t i = 0; i < n; i++) put_as(p + i * REACH, p + i * REACH, 1);
    begin(eaters);
    is_int(forks(sparse_is, "tables"), 0, "P1: a parent with %zu page tables forks %d times beside others", n, ROUNDS);
    end(eaters);
    ok(sparse_is(1), "and has what it had");
    munmap(p, n * 512 * PG);
}

/* Another that has memory locked and forks: each has to wait for its turn to collect frames. */
static void rival(void) {
    n = ram / 8;
    p = anon(n);
    put(p, n, 1);
    if (mlock(p, n * PG) != 0) _exit(1);
    int wrong = 0;
    while (!*stop && !wrong) wrong = forks(dense_is, "the rival");
    _exit(wrong ? 2 : 0);
}

static void much_locked(void) {
    pid_t eaters[2];
    int status = -1;
    n = ram / 4;
    p = anon(n);
    put(p, n, 1);
    is_int(errno_of(mlock(p, n * PG)), 0, "L1: a quarter of memory is locked");
    begin(eaters);
    pid_t other = fork();
    if (other == 0) rival();
    is_int(forks(dense_is, "locked"), 0, "A8: its owner forks %d times beside others", ROUNDS);
    is_int(faults_writing(p, n), 0, "A8: and takes no fault for it");
    end(eaters);
    waitpid(other, &status, 0);
    is_int(status, 0, "A8: so does another owner at the same time");
    munmap(p, n * PG);
}

static void locked_on_fault(void) {
    pid_t eaters[2];
    size_t all = ram * 6 / 10;
    n = 64;
    p = anon(all);
    is_int(errno_of(mlock2(p, all * PG, MLOCK_ONFAULT)), 0, "L14: more than half of memory is locked on fault");
    put(p, n, 1);
    begin(eaters);
    is_int(forks(dense_is, "on fault"), 0, "A8: its owner, who has touched little of it, forks %d times", ROUNDS);
    end(eaters);
    is_int((long)resident(p, n), (long)n, "L14: what was touched is there");
    munmap(p, all * PG);
}

int main(void) {
    needs_holdfast();
    plan(10);
    ram = ram_pages();
    stop = shared(sizeof *stop);
    many_tables();
    much_locked();
    locked_on_fault();
    ok(audit_clean(), "audit");
    return done_testing();
}
