/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * After anything, everything is back: frames, promises, charges, pins, spaces, regions and kernel memory are at
 * the baseline when a program that did all kinds of work has ended, in order or by a signal.
 *
 * clauses: I8 L1 I4
 * pitfalls: B1 B2 B3 B24
 * needs: holdfast
 */
#include "tests/user/support.h"

#define N 48
#define RW (PROT_READ | PROT_WRITE)

static const char *const names[] = {"vm.stats.free_frames", "vm.stats.promised", "vm.stats.given",   "vm.stats.locked",
                                    "vm.stats.pins",        "vm.stats.spaces",   "vm.stats.regions", "vm.stats.heap_live"};
#define KNOBS 8

static void snapshot(uint64_t *v) {
    for (int i = 0; i < KNOBS; i++) v[i] = knob(names[i]);
}

static void lock_and_leave(void *arg) {
    (void)arg;
    mlock(anon(N), N * PG);
    mlock2(anon(N), N * PG, MLOCK_ONFAULT);
}

static void lock_all_and_leave(void *arg) {
    (void)arg;
    mlockall(MCL_CURRENT | MCL_FUTURE);
    anon(N);
}

static void share_and_truncate(void *arg) {
    (void)arg;
    int fd = memfd(N);
    char *p = map_fd(fd, N, RW, MAP_SHARED), *q = map_fd(fd, N, RW, MAP_PRIVATE);
    mlock(p, N * PG), mlock(q, N * PG);
    ftruncate(fd, PG);
    mprotect(p, N * PG, PROT_NONE);
    mprotect(q, 3 * PG, PROT_READ);
}

static void fork_and_leave(void *arg) {
    (void)arg;
    char *p = anon(N);
    mlock(p, N * PG);
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            mlock(p, N / 2 * PG);
            memset(p, i, N * PG);
            _exit(0);
        }
    while (wait(NULL) > 0) continue;
}

static void die(void *arg) {
    char *p = anon(N);
    mlock(p, N * PG);
    *(volatile char *)arg = 1;
}

static void orphan_and_leave(void *arg) {
    int end[2];
    char c;
    (void)arg;
    if (pipe(end) != 0) _exit(1);
    if (fork() == 0) {
        mlock(anon(N), N * PG);
        close(end[0]);
        _exit(0);
    }
    close(end[1]);
    if (read(end[0], &c, 1) != 0) _exit(2); /* the child has closed: it is as good as gone */
    wait(NULL);
}

static const struct {
    const char *what;
    void (*fn)(void *);
} work[] = {{"locking", lock_and_leave},
            {"mlockall", lock_all_and_leave},
            {"objects locked, truncated and closed to access", share_and_truncate},
            {"forks that lock", fork_and_leave},
            {"death by SIGSEGV", die},
            {"a child over a pipe", orphan_and_leave}};

int main(void) {
    needs_holdfast();
    plan(0);
    for (size_t w = 0; w < sizeof work / sizeof *work; w++) {
        uint64_t before[KNOBS];
        as_root(work[w].fn, NULL); /* first-time costs: caches, file pages */
        snapshot(before);
        for (int i = 0; i < 5; i++) as_root(work[w].fn, NULL);
        for (int i = 0; i < KNOBS; i++) is_int(knob_change(names[i], before[i]), 0, "I8: %s after %s", names[i], work[w].what);
    }
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
