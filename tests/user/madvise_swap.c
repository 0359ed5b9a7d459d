/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * madvise with swap: PAGEOUT sends away the pages of its range and no other, private and shared; COLD sends none
 * and changes nothing; WILLNEED has pages read before they are touched, and says 0 on what is locked.
 *
 * swap: 32M
 * needs: holdfast
 * clauses: L1 L4 L19 L22
 */
#include "tests/user/swaps.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif

#define N 32

static long major_faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_majflt;
}

static void pageout_of(char *p, const char *what) {
    put(p, 8, 1);
    is_int(madvise(p + 2 * PG, 3 * PG, MADV_PAGEOUT), 0, "L19: MADV_PAGEOUT amid %s", what);
    is_str(core_map(p, 8), "11000111", "L22: its three pages have left, and no other");
    is_int(madvise(p + 5 * PG, PG + 1, MADV_PAGEOUT), 0, "L19: a length inside a page");
    is_str(core_map(p, 8), "11000001", "L22: rounds up");
    ok(has(p, 8, 1), "the contents come back");
    is_str(core_map(p, 8), "11111111", "L22: and are in memory");
    is_int(madvise(p, 8 * PG, MADV_COLD), 0, "L19: MADV_COLD");
    is_str(core_map(p, 8), "11111111", "L22: sends none away");
    ok(has(p, 8, 1), "nor changes any");
}

static void refusals(void) {
    char *p = anon(8);
    put(p, 8, 2);
    mlock(p + 5 * PG, PG);
    fails(madvise(p, 8 * PG, MADV_PAGEOUT), EINVAL, "L19: MADV_PAGEOUT with one locked page");
    fails(madvise(p, 8 * PG, MADV_COLD), EINVAL, "L19: MADV_COLD");
    is_str(core_map(p, 8), "11111111", "L4: nothing left memory, before the locked page neither");
    is_int(madvise(p, 8 * PG, MADV_WILLNEED), 0, "L19: MADV_WILLNEED is 0");
    munlock(p + 5 * PG, PG);
    cut(p, 6, 1);
    fails(madvise(p, 8 * PG, MADV_PAGEOUT), ENOMEM, "L19: a hole is ENOMEM");
    fails(madvise(p, 8 * PG, MADV_WILLNEED), ENOMEM, "L19: for MADV_WILLNEED, too");
    is_str(core_map(p, 8), "111111_1", "L4: and nothing left memory");
    munmap(p, 8 * PG);
}

/* Shared pages that one of two processes has locked stay, whoever gives the advice. */
static void locked_by_another(void) {
    int fd = memfd(8);
    char *s = map_fd(fd, 8, PROT_READ | PROT_WRITE, MAP_SHARED);
    char *t = map_fd(fd, 8, PROT_READ | PROT_WRITE, MAP_SHARED);
    put(s, 8, 3);
    mlock(t + PG, 2 * PG);
    is_int(madvise(s, 8 * PG, MADV_PAGEOUT), 0, "L19: MADV_PAGEOUT by a mapping that is not locked");
    is_str(core_map(t, 8), "01100000", "L1: leaves the pages that another has locked");
    is_int(faults_reading(t + PG, 2), 0, "L2: which take no fault");
    ok(has(s, 8, 3), "the contents are there");
    munmap(s, 8 * PG), munmap(t, 8 * PG);
    close(fd);
}

static void willneed(void) {
    char *p = anon(N);
    put(p, N, 4);
    evict_all();
    is_int(resident(p, N), 0, "L22: all in swap");
    uint64_t read = knob("vm.swap.read");
    is_int(madvise(p, N * PG, MADV_WILLNEED), 0, "L19: MADV_WILLNEED");
    ok(knob("vm.swap.read") - read >= N / 2, "has them read, but for neighbours of our stack that came with it: %ld",
       (long)(knob("vm.swap.read") - read));
    while (knob("debug.port.requests") != 0) sched_yield();
    long before = major_faults();
    ok(has(p, N, 4), "the contents come back");
    is_int(major_faults() - before, 0, "I7: without waiting for the device");
    munmap(p, N * PG);
    p = anon(1024);
    put(p, 1024, 5);
    evict_all();
    is_int(madvise(p, 1024 * PG, MADV_WILLNEED), 0, "L19: of more than is read ahead at a time");
    ok(has(p, 1024, 5), "the contents come back all the same");
    munmap(p, 1024 * PG);
}

int main(void) {
    plan(9 + 9 + 7 + 4 + 7 + 1);
    char *p = anon(8), *s = shared(8 * PG);
    pageout_of(p, "private memory");
    pageout_of(s, "shared memory");
    munmap(p, 8 * PG), munmap(s, 8 * PG);
    refusals();
    locked_by_another();
    willneed();
    ok(audit_clean(), "I1: the audit agrees");
    return done_testing();
}
