/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A lock in slices (contract X1 to X6, C2): what goes on beside it, who waits for it, and how it is undone.
 * The thread that waits is this one; the test plays the other, from inside the wait.
 */
#include "tests/host/lock_support.h"

static struct lock_job job;
static bool waited;

static void finish_job(void) {
    waited = true;
    while (lock_job_step(&job, 100) > 0) continue;
    lock_job_finish(&job, true);
}

static void begin_job(vaddr_t a, uint64_t pages) {
    lock_job_init(&job, s, a, P(pages), false, true);
    lock_job_begin(&job);
    lock_job_step(&job, 2);
    waited = false;
    sync_other_thread = finish_job;
}

static void test_job(void) {
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    begin_job(a + P(4), 8);
    is_int(job.pages_done, 2, "X4: a slice of two pages");
    is_int(job.pages_all, 8, "E2: of eight");
    poke(s, a + P(11), 3);
    ok(!waited, "X6: faults on the range go on");
    is_int(space_lock(s, a, P(4), false), 0, "X5: a lock on the pages before it");
    is_int(space_unmap(s, a + P(13), P(3)), 0, "X5: an unmap behind it");
    ok(!waited, "X5: neither waits");
    is_int(space_unlock(s, a + P(11), P(1)), 0, "X5: munlock of a page of it");
    ok(waited, "X5: waits until the request has ended");
    is_str(lock_map(a), "LLLLLLLLLLLNN...", "and then unlocks that page alone");
    is_int(peek(s, a + P(11)), 3, "whose contents are what was written meanwhile");
    begin_job(a, 8);
    space_protect(s, a + P(2), P(1), RO);
    ok(waited, "X5: mprotect waits");
    begin_job(a, 8);
    map_anon_at(s, a + P(2), 1, RW, 0);
    ok(waited, "X5: MAP_FIXED waits");
    begin_job(a, 8);
    space_remap(s, a + P(7), P(1), P(1), MREMAP_FIXED | MREMAP_MAYMOVE, a + P(14));
    ok(waited, "X5: mremap waits");
    begin_job(a, 7);
    space_lock_all(s, MCL_CURRENT);
    ok(waited, "X5: mlockall waits");
    sync_other_thread = NULL;
    end("X4-X6");
}

static void test_job_ends(void) {
    begin(10);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    space_lock(s, a, P(3), false);
    lock_job_init(&job, s, a, P(8), false, false);
    is_int(lock_job_begin(&job), 0, "X1: a job begins");
    is_int(locked(), 8, "X2: charged at once");
    struct lock_job second;
    lock_job_init(&second, s, a + P(7), 1, false, false);
    is_int(lock_job_begin(&second), -EINPROGRESS, "X5: one that overlaps is told to come again");
    while (lock_job_step(&job, 1) > 0) continue;
    lock_job_finish(&job, false);
    is_int(locked(), 3, "C2: undone, its charge is gone");
    is_str(lock_map(a), "LLLNNNNNNNNNNNNN", "C2: and what was locked before is locked still");
    is_int(lock_job_begin(&second), 0, "X5: now the other can go");
    lock_job_finish(&second, false);
    lock_job_init(&job, s, a, P(11), false, false);
    is_int(lock_job_begin(&job), -ENOMEM, "X2: the errors are mlock's: the limit");
    lock_job_init(&job, s, a + P(15), P(2), false, true);
    is_int(lock_job_begin(&job), -ENOMEM, "X2: a hole");
    lock_job_init(&job, s, a, SIZE_MAX, false, true);
    is_int(lock_job_begin(&job), -EINVAL, "X2: a wrap");
    lock_job_init(&job, s, a, 0, false, true);
    is_int(lock_job_begin(&job), 0, "L7: no bytes");
    is_int(lock_job_step(&job, 1), 0, "L7: nothing to do");
    lock_job_finish(&job, true);
    end("X1, X2, C2");
}

/* Two jobs side by side, and somebody who tidies up just below them: each end stays a boundary. */
static void test_job_neighbours(void) {
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    struct lock_job one, two;
    lock_job_init(&one, s, a + P(4), P(4), false, true);
    lock_job_init(&two, s, a + P(8), P(4), false, true);
    is_int(lock_job_begin(&one) | lock_job_begin(&two), 0, "two jobs begin, one behind the other");
    is_int(space_lock(s, a, P(4), false), 0, "X5: the pages before them are locked meanwhile");
    while (lock_job_step(&one, 1) > 0) continue;
    lock_job_finish(&one, true);
    is_str(lock_map(a), "LLLLLLLLNNNNNNNN", "X1: the first job locks its range alone");
    lock_job_finish(&two, false);
    is_str(lock_map(a), "LLLLLLLLNNNNNNNN", "C2: the second undoes its own alone");
    is_int(locked(), 8, "I3: the charge says the same");
    end("jobs side by side");
}

/* L21: the object loses its pages and grows again while a job is between its last slice and its end. */
static void test_job_truncated(void) {
    begin(UINT64_MAX);
    struct object *o = object_create_shared(P(8));
    vaddr_t a = (vaddr_t)map_object(s, o, 0, 8, RW, MAP_SHARED);
    lock_job_init(&job, s, a, P(8), false, true);
    lock_job_begin(&job);
    while (lock_job_step(&job, 100) > 0) continue;
    object_resize(o, P(4));
    object_resize(o, P(8));
    lock_job_finish(&job, true);
    audit_ok("I2: pages that went before the lock was real are no longer counted on");
    is_int(space_lock(s, a, P(8), false), 0, "L21: a further mlock");
    is_int(resident(s, a, 8), 8, "brings them back");
    uint64_t faults = host_faults;
    for (unsigned i = 0; i < 8; i++) poke(s, a + P(i), 1);
    is_int(host_faults - faults, 0, "L2: and then none of them faults");
    object_drop(o);
    end("truncation under a job");
}

/* L14: a page that is first touched while its range is being locked on fault is locked by that touch. */
static void test_touch_under_job(void) {
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0);
    lock_job_init(&job, s, a, P(4), true, true);
    lock_job_begin(&job);
    while (lock_job_step(&job, 100) > 0) continue;
    is_int(peek(s, a), 0, "X6: a page is read before the job ends");
    lock_job_finish(&job, true);
    space_advise(s, a + P(1), P(1), MADV_POPULATE_READ);
    struct pinned pin;
    is_int(space_pin(s, a + P(2), P(1), false, &pin), 0, "another is pinned for reading, one populated");
    pinned_release(&pin);
    uint64_t faults = host_faults;
    poke(s, a, 1), poke(s, a + P(1), 1), poke(s, a + P(2), 1);
    is_int(host_faults - faults, 0, "L2: writing to any of them does not fault again");
    end("touches under MLOCK_ONFAULT");
}

int main(void) {
    mm_start(32);
    test_job();
    test_job_ends();
    test_job_neighbours();
    test_job_truncated();
    test_touch_under_job();
    return done_testing();
}
