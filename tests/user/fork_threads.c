/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A process with threads on other CPUs copies what it shares with a child, page by page, while the child ends: both let go
 * of the same frame at the same moment, the one late, because those CPUs have to forget it first. At no moment may more
 * frames be given than are promised; the kernel panics if they are.
 *
 * clauses: I1 I4
 * cpus: 4
 */
#include "tests/user/threads.h"

#define ROUNDS 150
#define PAGES  64
#define BESIDE 2

static char *area;
static volatile int stop;

static void look_on(void *arg) {
    (void)arg;
    while (!stop)
        for (size_t i = 0; i < PAGES; i++) (void)((volatile char *)area)[i * PG];
}

int main(void) {
    struct raw_thread t[BESIDE];
    int bad = 0;
    uint64_t promised = knob("vm.stats.promised");
    plan(4);
    area = anon(PAGES);
    memset(area, 1, PAGES * PG);
    for (int i = 0; i < BESIDE; i++) raw_begin(&t[i], look_on, NULL);
    for (int round = 1; round <= ROUNDS; round++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        for (size_t i = 0; i < PAGES; i++) area[i * PG] = (char)round;
        bad += waitpid(pid, &status, 0) != pid || status != 0;
        for (size_t i = 0; i < PAGES; i++) bad += area[i * PG] != (char)round;
    }
    stop = 1;
    for (int i = 0; i < BESIDE; i++) raw_join(&t[i]);
    is_int(bad, 0, "%d children end while their parent copies what they shared", ROUNDS);
    munmap(area, PAGES * PG);
    ok(knob_change("vm.stats.promised", promised) <= 4, "I1: no promise is left over");
    is_int(knob("vm.stats.given") > knob("vm.stats.promised"), 0, "I1: no more is given than is promised");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
