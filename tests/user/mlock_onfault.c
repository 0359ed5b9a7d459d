/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mlock2(MLOCK_ONFAULT): what is resident is locked, the rest when it is first touched; all of it is charged at
 * once. An eager lock over it brings the rest in.
 *
 * clauses: L14 L11
 */
#include "tests/user/support.h"

#define N 8

static void lazily(void) {
    char *p = anon(N);
    p[2 * PG] = 1;
    is_int(mlock2(p, N * PG, MLOCK_ONFAULT), 0, "L14: a range with one resident page, on fault");
    is_str(core_map(p, N), "00100000", "L14: brings in nothing");
    is_str(lock_map(p, N), "########", "L14: locks the whole range");
    is_int(vmlck(), N, "L14: charges the whole range at once");
    is_int(faults_writing(p + 2 * PG, 1), 0, "L14: what was resident takes no fault");
    ok(faults_writing(p + 3 * PG, 1) >= 1, "L14: what was not takes one");
    is_str(core_map(p, N), "00110000", "L14: that page is resident then");
    is_int(faults_writing(p + 3 * PG, 1), 0, "L14: and takes no fault any more");
    fails(madvise(p + 3 * PG, PG, MADV_DONTNEED), EINVAL, "L19: and cannot be thrown away");
    is_int(mlock(p, N * PG), 0, "L14: an eager lock over it");
    is_str(core_map(p, N), "11111111", "L14: brings in the rest");
    is_int(vmlck(), N, "L11: for no charge");
    is_int(faults_writing(p, N), 0, "L2: and no touch faults from now on");
    is_int(mlock2(p, N * PG, MLOCK_ONFAULT), 0, "L14: on fault over an eager lock");
    is_str(core_map(p, N), "11111111", "L14: takes nothing away");
    is_int(munlock(p, N * PG), 0, "L3: one munlock");
    is_str(lock_map(p, N), "........", "L3: ends both kinds");
    munmap(p, N * PG);
}

/* L2 holds for what is resident: shared with a parent, the page of zeroes, or made writable later. */
static void resident_pages(void) {
    char *p = anon(N);
    faults_reading(p, N / 2);
    is_int(mlock2(p, N * PG, MLOCK_ONFAULT), 0, "L14: on fault over pages that were only read");
    if (on_holdfast()) is_int(faults_writing(p, N / 2), 0, "L14: they are locked: a write takes no fault");
    else skip(1, "Linux breaks copy on write when it comes to it");
    faults_reading(p, N);
    if (on_holdfast()) is_int(faults_writing(p, N), 0, "L14: a page first touched by a read is locked: nor does a write");
    else skip(1, "Linux breaks copy on write when it comes to it");
    munmap(p, N * PG);
    p = map_pages(N, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    faults_reading(p, N / 2);
    is_int(mlock2(p, N * PG, MLOCK_ONFAULT), 0, "L14: on fault over a read-only range");
    is_int(mprotect(p, N * PG, PROT_READ | PROT_WRITE), 0, "L17: made writable");
    is_str(core_map(p, N), "11110000", "L14: that brings in nothing");
    if (on_holdfast()) is_int(faults_writing(p, N / 2), 0, "L17: but what was there takes no fault");
    else skip(1, "Linux breaks copy on write when it comes to it");
    munmap(p, N * PG);
}

static void flags_zero(void) {
    char *p = anon(N);
    is_int(mlock2(p, N * PG, 0), 0, "L14: mlock2 with flags 0");
    is_str(core_map(p, N), "11111111", "L14: is mlock: resident");
    is_str(lock_map(p, N), "########", "L14: and locked");
    munmap(p, N * PG);
}

struct seen {
    int over, exact, again;
    char locks[16];
};

static void within_a_limit(void *arg) {
    struct seen *s = arg;
    char *p = anon(N);
    s->over = errno_of(mlock2(p, N * PG, MLOCK_ONFAULT));
    strcpy(s->locks, lock_map(p, N));
    s->exact = errno_of(mlock2(p, 4 * PG, MLOCK_ONFAULT));
    s->again = errno_of(mlock2(p + 4 * PG, 1, MLOCK_ONFAULT));
}

int main(void) {
    plan(33);
    lazily();
    resident_pages();
    flags_zero();
    struct seen *s = shared(sizeof *s);
    is_int(as_user(4, within_a_limit, s), 0, "L14: as nobody with a limit of four pages");
    is_int(s->over, ENOMEM, "L14: eight pages on fault are too many although none is resident");
    is_str(s->locks, "........", "L4: and none is locked");
    is_int(s->exact, 0, "L14: four are good");
    is_int(s->again, ENOMEM, "L14: and a fifth is not");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
