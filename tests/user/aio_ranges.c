/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What happens to a range while a request locks it: whoever changes its mappings or locks waits until the
 * request has ended, others do not, faults go on, and a request that is only queued protects nothing.
 *
 * Each waiting is shown thus: workers are held with the request half done, a child lets them go later, and
 * when the call returns the request has ended. Each not-waiting thus: the call returns while they are held.
 *
 * clauses: X5 X6 L1 A8 R1
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

#define PAGES 12ul

static char *p;          /* the range that is being locked */
static struct aiocb cb;

static void start_running(uint64_t slices) {
    p = anon(PAGES + 4); /* the last four pages are not asked for */
    slice_pages(1);
    hold(HOLD);
    must_submit(&cb, p, PAGES * PG);
    if (slices) step(slices);
}

static void all_done(void) {
    hold(GO);
    slice_pages(SLICE);
    munmap(p, (PAGES + 4) * PG);
}

/* ---- who waits ---- */

static int do_munmap(void) {
    return munmap(p + 10 * PG, 4 * PG); /* part inside, part outside */
}

static int do_munmap_all(void) {
    return munmap(p, PAGES * PG);
}

static int do_mprotect(void) {
    return mprotect(p + PG, PG, PROT_READ);
}

static int do_munlock(void) {
    return munlock(p, PG);
}

static int do_munlockall(void) {
    return munlockall();
}

static int do_mlock(void) {
    return mlock(p + 11 * PG, 2 * PG);
}

static int do_mlockall(void) {
    return mlockall(MCL_CURRENT);
}

static int do_mremap(void) {
    void *q = mremap(p, PAGES * PG, 2 * PAGES * PG, MREMAP_MAYMOVE);
    if (q == MAP_FAILED) return -1;
    munmap(q, 2 * PAGES * PG);
    return 0;
}

static int do_map_fixed(void) {
    return mmap(p + 2 * PG, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int do_second_request(void) {
    return lock_by_request(p + 4 * PG, PG);
}

static void waits(int (*call)(void), const char *what) {
    struct books before = books();
    start_running(5);
    is_int(aio_error(&cb), EINPROGRESS, "X5: %s: a request runs", what);
    pid_t later = let_go_later();
    int result = call();
    int error = aio_error(&cb);
    is_int(result, 0, "X5: %s goes well", what);
    is_int(error, 0, "X5: %s returns when the request has ended, and well", what);
    is_int(aio_return(&cb), 0, "X5: %s: its result", what);
    wait_for(later);
    munlockall();
    all_done();
    ok(same_books(before, books()), "X5: %s: nothing is left", what);
}

/* ---- who does not ---- */

static void disjoint(void) {
    char *other = anon(8), *q = p + PAGES * PG; /* another mapping; the same one beyond the range */
    start_running(5);
    q = p + PAGES * PG;
    is_int(mlock(q, PG), 0, "X5: mlock of the next page goes on");
    is_int(mprotect(q + PG, PG, PROT_READ), 0, "X5: mprotect beyond the range");
    is_int(munlock(q, PG), 0, "X5: munlock beyond the range");
    is_int(munmap(q + 3 * PG, PG), 0, "X5: munmap beyond the range");
    is_int(munmap(other, 4 * PG), 0, "X5: munmap of another mapping");
    ok(mremap(other + 4 * PG, 4 * PG, 8 * PG, MREMAP_MAYMOVE) != MAP_FAILED, "X5: mremap of another mapping");
    char *fresh = anon(3);
    is_int(munmap(fresh, 3 * PG), 0, "X5: a mapping comes and goes");
    is_int(aio_error(&cb), EINPROGRESS, "X5: all while the request runs");
    is_str(core_map(p, PAGES), "111110000000", "X5: five pages into its work");
    hold(GO);
    is_int(outcome(&cb), 0, "X5: and it ends well");
    is_str(lock_map(p, PAGES + 3), "############...", "X5: with exactly its range locked");
    all_done();
}

static void faults_go_on(void) {
    start_running(5);
    uint64_t free_before = knob("vm.stats.free_frames");
    for (size_t i = 0; i < PAGES; i++) p[i * PG] = (char)(i + 1);
    is_str(core_map(p, PAGES), "111111111111", "X6: pages of the range are touched while it is being locked");
    is_int(aio_error(&cb), EINPROGRESS, "X6: which does not wait for the request");
    uint64_t free_between = knob("vm.stats.free_frames");
    hold(GO);
    is_int(outcome(&cb), 0, "X6: the request ends well");
    int kept = 0;
    for (size_t i = 0; i < PAGES; i++) kept += p[i * PG] == (char)(i + 1);
    is_int(kept, PAGES, "X6: and has replaced none of the pages");
    ok(free_before - free_between >= 7, "X6: seven pages came by faults");
    ok(free_between <= knob("vm.stats.free_frames"), "X6: and none was brought in twice");
    is_int(faults_writing(p, PAGES), 0, "L2: all are locked, and take no fault");
    all_done();
}

static void fork_goes_on(void) {
    volatile int *seen = shared(PG);
    start_running(5);
    p[0] = 'A';
    pid_t pid = fork();
    if (pid == 0) {
        seen[0] = p[0] == 'A';
        p[0] = 'B';
        seen[1] = (int)vmlck();
        seen[2] = aio_error(&cb) == -1 && errno == EINVAL;
        _exit(0);
    }
    is_int(wait_for(pid), 0, "X5: fork goes on between two slices");
    is_int(aio_error(&cb), EINPROGRESS, "X5: while the request runs");
    ok(seen[0] && p[0] == 'A', "X5: each has its own copy of the page");
    is_int(seen[1], 0, "A7: the child has no locks");
    ok(seen[2], "P2: and no request");
    is_int(faults_writing(p, 5), 0, "A8: the parent does not pay: the pages that are in take no write fault");
    hold(GO);
    is_int(outcome(&cb), 0, "X5: the request ends well");
    is_int(faults_writing(p, PAGES), 0, "L2: no page of it takes a fault");
    all_done();
    munmap((void *)seen, PG);
}

static void queued_protects_nothing(void) {
    start_running(0);
    is_int(munmap(p + 4 * PG, PG), 0, "X5: a request that is queued does not hold off munmap");
    is_int(aio_error(&cb), EINPROGRESS, "X5: it is still queued");
    hold(GO);
    is_int(outcome(&cb), ENOMEM, "X5: and finds part of its range gone");
    is_str(lock_map(p, PAGES), "...._.......", "L4: nothing is locked");
    all_done();
    start_running(0);
    is_int(munmap(p, PAGES * PG), 0, "X5: all of it is unmapped");
    hold(GO);
    is_int(outcome(&cb), ENOMEM, "X5: ENOMEM as well");
    all_done();
}

/* Requests for one range stand in line; who waits is parked, and no worker waits. */
static void in_line(void) {
    static struct aiocb more[5];
    char *elsewhere = anon(1);
    struct aiocb other;
    start_running(2);
    for (int i = 0; i < 5; i++) must_submit(&more[i], p + i * PG, 3 * PG);
    ok(step(10), "X5: five more requests for parts of the range");
    is_int(knob("vfs.aio.parked"), 5, "X5: are set aside");
    must_submit(&other, elsewhere, PG);
    ok(step(2), "X5: a request for another range");
    is_int(aio_error(&other), 0, "X5: is not held up by them");
    is_int(knob("debug.audit"), 0, "I5: the audit is clean meanwhile");
    hold(GO);
    is_int(outcome(&cb), 0, "X5: the first ends well");
    for (int i = 0; i < 5; i++) is_int(outcome(&more[i]), 0, "X5: then follower %d", i);
    aio_return(&other);
    is_str(lock_map(p, PAGES), "############", "X5: all is locked once");
    all_done();
    munmap(elsewhere, PG);
}

int main(void) {
    aio_test();
    warm_up();
    waits(do_munmap, "munmap of a part");
    waits(do_munmap_all, "munmap of all");
    waits(do_mprotect, "mprotect");
    waits(do_munlock, "munlock");
    waits(do_munlockall, "munlockall");
    waits(do_mlock, "mlock that overlaps");
    waits(do_mlockall, "mlockall");
    waits(do_mremap, "mremap");
    waits(do_map_fixed, "MAP_FIXED");
    waits(do_second_request, "a second request");
    disjoint();
    faults_go_on();
    fork_goes_on();
    queued_protects_nothing();
    in_line();
    ok(audit_clean(), "I3: the audit is clean");
    return done_testing();
}
