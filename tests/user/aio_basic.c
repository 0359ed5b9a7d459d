/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * aio_mlock asks, returns, and the pages are locked later: from one page to many, in place, once.
 *
 * clauses: Q1 Q2 Q3 X2 X4 R1 R3 L2 L5 L7
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

static void one_page(void) {
    char *p = anon(3);
    struct aiocb cb;
    hold(HOLD);
    is_int(submit(&cb, p + PG, PG), 0, "Q1: a request for one page is accepted");
    is_int(aio_error(&cb), EINPROGRESS, "R1: it is under way");
    is_str(core_map(p, 3), "000", "Q1: and nothing has been done");
    hold(GO);
    is_int(await_end(&cb), 0, "X2: it ends well");
    is_str(lock_map(p, 3), ".#.", "X2: the page is locked and no other");
    is_str(core_map(p, 3), "010", "X2: and resident");
    is_int(faults_writing(p + PG, 1), 0, "L2: writing to it takes no fault");
    is_int(aio_return(&cb), 0, "R3: aio_return gives the result");
    is_int(vmlck(), 1, "X2: one page is charged");
    is_int(munlock(p, 3 * PG), 0, "X2: munlock undoes it like any other lock");
    is_int(vmlck(), 0, "X2: and the charge");
    munmap(p, 3 * PG);
}

static void slices(void) {
    char *p = anon(8);
    struct aiocb cb;
    slice_pages(2);
    hold(HOLD);
    must_submit(&cb, p, 8 * PG);
    ok(step(1), "X4: a slice is done");
    is_str(core_map(p, 8), "11000000", "X4: so many pages are in");
    is_int(aio_error(&cb), EINPROGRESS, "R1: it is under way");
    is_int(knob("vfs.aio.running"), 1, "Q7: one request runs");
    ok(step(2), "X4: two more");
    is_str(core_map(p, 8), "11111100", "X4: so many pages are in");
    hold(GO);
    is_int(outcome(&cb), 0, "X4: the rest");
    is_str(lock_map(p, 8), "########", "X2: all are locked");
    is_int(faults_writing(p, 8), 0, "L2: and take no fault");
    munmap(p, 8 * PG);
    slice_pages(SLICE);
}

static void odd_ranges(void) {
    char *p = anon(4);
    is_int(lock_by_request(p + PG + 100, PG), 0, "L5: a range that is not aligned");
    is_str(lock_map(p, 4), ".##.", "L5: every page with a byte of it is locked");
    munlock(p, 4 * PG);
    is_int(lock_by_request(p, 0), 0, "L7: no bytes");
    is_int(lock_by_request((void *)123, 0), 0, "L7: no bytes of nowhere");
    is_str(lock_map(p, 4), "....", "L7: change nothing");
    munmap(p, 4 * PG);
}

static void unused_fields(void) {
    char *p = anon(1);
    struct aiocb cb;
    fill(&cb, p, PG);
    cb.aio_fildes = -77;
    cb.aio_offset = -5;
    cb.aio_reqprio = 1000000;
    cb.aio_lio_opcode = 12345;
    is_int(aio_mlock(&cb), 0, "Q2: descriptor, offset and opcode are not looked at");
    is_int(outcome(&cb), 0, "Q2: it locks");
    is_str(lock_map(p, 1), "#", "Q2: the page");
    munmap(p, PG);
}

static void copied(void) {
    char *p = anon(4);
    struct aiocb cb;
    hold(HOLD);
    must_submit(&cb, p, PG);
    fill(&cb, p + 2 * PG, 2 * PG);
    cb.aio_sigevent.sigev_notify = 99;
    hold(GO);
    is_int(outcome(&cb), 0, "Q3: the block is overwritten after submission");
    is_str(lock_map(p, 4), "#...", "Q3: the range that was asked for is locked, not the new one");
    munmap(p, 4 * PG);
}

static void again(void) {
    char *p = anon(2);
    struct aiocb cb;
    for (int i = 0; i < 100; i++) {
        if (submit(&cb, p, 2 * PG) != 0 || outcome(&cb) != 0) bail_out("round %d failed", i);
    }
    is_str(lock_map(p, 2), "##", "L3: a hundred requests for one range, with one block");
    is_int(vmlck(), 2, "L11: are charged once");
    munlock(p, 2 * PG);
    is_str(lock_map(p, 2), "..", "L3: and undone by one munlock");
    munmap(p, 2 * PG);
}

static void many_pages(void) {
    enum { N = 2048 }; /* 8 MiB: eight slices */
    char *p = anon(N);
    uint64_t before = knob("vfs.aio.slices");
    is_int(lock_by_request(p, N * PG), 0, "X4: 8 MiB in slices of 1 MiB");
    is_int(knob("vfs.aio.slices") - before, N / SLICE, "X4: are eight slices");
    is_int(vmlck(), N, "X2: all charged");
    is_int(faults_writing(p, N), 0, "L2: no fault on any");
    munmap(p, N * PG);
    is_int(vmlck(), 0, "L1: munmap ends the locks");
}

int main(void) {
    aio_test();
    one_page();
    slices();
    odd_ranges();
    unused_fields();
    copied();
    again();
    many_pages();
    ok(audit_clean(), "I3: the audit is clean");
    return done_testing();
}
