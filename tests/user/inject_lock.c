/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every allocation inside the locking calls made to fail, one after the other: EAGAIN or ENOMEM, and every lock
 * is as it was.
 *
 * clauses: L4 L10 A3 A5 I8
 * pitfalls: B18 B7
 * needs: holdfast
 */
#include "tests/user/inject.h"

#define N  8
#define RW (PROT_READ | PROT_WRITE)

static void fresh(void) {
    area = anon(N), area_pages = N;
}

/* By turns locked and not, so that every call splits and merges. */
static void striped(void) {
    fresh();
    for (size_t i = 0; i < N; i += 2) mlock(area + i * PG, PG);
}

static void all_locked(void) {
    fresh();
    mlock(area, N * PG);
}

/* Nobody has promised these frames. */
static void noreserve(void) {
    area = map_pages(N, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), area_pages = N;
}

/* Protections by turns: regions that can never merge, one without access. */
static void mixed(void) {
    fresh();
    mprotect(area + PG, PG, PROT_READ);
    mprotect(area + 3 * PG, 2 * PG, PROT_NONE);
    mlock(area + 6 * PG, PG);
}

static void object(void) {
    int fd = memfd(N);
    area = map_fd(fd, N, RW, MAP_SHARED), area_pages = N;
    close(fd);
}

static void copied_object(void) {
    int fd = memfd(N);
    area = map_fd(fd, N, RW, MAP_PRIVATE), area_pages = N;
    close(fd);
}

/* Half of a large aligned region: page tables, large pages if there are any. */
static void large(void) {
    area = mmap((void *)0x7000000000ul, 512 * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    area_pages = 512;
    mlock(area, 512 * PG);
}

static void unmap(void) {
    munlockall();
    if (area) munmap(area, area_pages * PG);
    area = NULL;
}

static int lock_middle(void) {
    return errno_of(mlock(area + 2 * PG, 3 * PG));
}

static int lock_whole(void) {
    return errno_of(mlock(area, N * PG));
}

static int lock_on_fault(void) {
    return errno_of(mlock2(area + PG, 4 * PG, MLOCK_ONFAULT));
}

static int unlock_middle(void) {
    return errno_of(munlock(area + 2 * PG, 3 * PG));
}

static int lock_current(void) {
    return errno_of(mlockall(MCL_CURRENT));
}

static int lock_everything(void) {
    return errno_of(mlockall(MCL_CURRENT | MCL_FUTURE));
}

static int lock_all_on_fault(void) {
    return errno_of(mlockall(MCL_CURRENT | MCL_ONFAULT));
}

static int unlock_all(void) {
    return errno_of(munlockall());
}

static int unlock_one_of_many(void) {
    return errno_of(munlock(area + 100 * PG, PG));
}

static const struct operation ops[] = {
    {"mlock that splits", fresh, lock_middle, unmap, {EAGAIN, ENOMEM}},
    {"mlock over stripes", striped, lock_whole, unmap, {EAGAIN, ENOMEM}},
    {"mlock of part of a stripe", striped, lock_middle, unmap, {EAGAIN, ENOMEM}},
    {"mlock of unpromised pages", noreserve, lock_whole, unmap, {EAGAIN, ENOMEM}},
    {"mlock of an object", object, lock_whole, unmap, {EAGAIN, ENOMEM}},
    {"mlock of a private object", copied_object, lock_whole, unmap, {EAGAIN, ENOMEM}},
    {"mlock2 on fault", striped, lock_on_fault, unmap, {EAGAIN, ENOMEM}},
    {"munlock that splits", all_locked, unlock_middle, unmap, {EAGAIN, ENOMEM}},
    {"munlock over stripes", striped, unlock_middle, unmap, {EAGAIN, ENOMEM}},
    {"munlock of one page of 512", large, unlock_one_of_many, unmap, {EAGAIN, ENOMEM}},
    {"mlockall of the present", mixed, lock_current, unmap, {EAGAIN, ENOMEM}},
    {"mlockall of present and future", mixed, lock_everything, unmap, {EAGAIN, ENOMEM}},
    {"mlockall on fault", mixed, lock_all_on_fault, unmap, {EAGAIN, ENOMEM}},
    {"mlockall with unpromised pages", noreserve, lock_current, unmap, {EAGAIN, ENOMEM}},
    {"munlockall", striped, unlock_all, unmap, {0}}, /* A5: returns 0, always */
};
#define OPS (sizeof ops / sizeof *ops)

/* After a failed mlockall(MCL_CURRENT | MCL_FUTURE), no MCL_FUTURE is left (A3). */
static void no_future_left(void) {
    static const char *const sites[] = {"debug.inject.frame", "debug.inject.heap", "debug.inject.reserve"};
    int left = 0, failed = 0;
    for (int s = 0; s < 3; s++)
        for (unsigned n = 1; n < 40; n++) {
            noreserve();
            set_knob(sites[s], n);
            int e = errno_of(mlockall(MCL_CURRENT | MCL_FUTURE));
            set_knob(sites[s], 0);
            char *p = anon(1);
            failed += e != 0;
            left += e != 0 && lock_letter(p) != '.';
            munmap(p, PG);
            unmap();
        }
    is_int(left, 0, "A3: a failed mlockall leaves no MCL_FUTURE on");
    ok(failed > 0, "A3: %d did fail", failed);
}

int main(void) {
    needs_holdfast();
    plan(3 * (int)OPS + 2);
    inject_all(ops, OPS);
    no_future_left();
    return done_testing();
}
