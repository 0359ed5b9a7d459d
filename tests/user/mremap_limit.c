/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mremap of a locked mapping beyond RLIMIT_MEMLOCK is EAGAIN and changes nothing; the difference is judged, not
 * the whole. And what else mremap refuses.
 *
 * clauses: L18 L10
 * pitfalls: B30
 */
#include "tests/user/support.h"

#define N 6
#define LIMIT 8

struct seen {
    int over, over_moving, exact, again, unlocked;
    long charge_over, charge_exact;
    char locks[16];
    bool stays, contents;
};

static void grow_under_a_limit(void *arg) {
    struct seen *s = arg;
    char *p = anon(4 * N);
    cut(p, N, 3 * N);
    memset(p, 7, N * PG);
    if (mlock(p, N * PG) != 0) _exit(1);
    s->over = errno_of(mremap(p, N * PG, (LIMIT + 1) * PG, 0));
    s->over_moving = errno_of(mremap(p, N * PG, (LIMIT + 1) * PG, MREMAP_MAYMOVE));
    s->charge_over = vmlck();
    strcpy(s->locks, lock_map(p, N + 1));
    s->contents = p[0] == 7 && p[N * PG - 1] == 7;
    char *q = mremap(p, N * PG, LIMIT * PG, MREMAP_MAYMOVE);
    s->exact = q == MAP_FAILED ? errno : 0;
    s->charge_exact = vmlck();
    s->again = errno_of(mremap(q, LIMIT * PG, (LIMIT + 1) * PG, MREMAP_MAYMOVE));
    char *free_to_grow = anon(2);
    s->unlocked = errno_of(mremap(free_to_grow, 2 * PG, 64 * PG, MREMAP_MAYMOVE));
}

static void refused(void) {
    char *p = anon(N), *q = anon(N);
    fails(mremap(p + 1, PG, PG, 0), EINVAL, "L18: an address inside a page");
    fails(mremap(p, PG, 0, 0), EINVAL, "L18: a new length of 0");
    fails(mremap(p, PG, PG, 64), EINVAL, "L18: an unknown flag");
    fails(mremap(p, PG, PG, MREMAP_FIXED, q), EINVAL, "L18: MREMAP_FIXED without MREMAP_MAYMOVE");
    fails(mremap(p, PG, PG, MREMAP_MAYMOVE | MREMAP_FIXED, q + 1), EINVAL, "L18: a target inside a page");
    fails(mremap(p, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, p + PG), EINVAL, "L18: a target over the source");
    fails(mremap(p, PG, PG, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)KERNEL), EINVAL, "L18: a target in the kernel's part");
    fails(mremap(p, PG, SIZE_MAX, MREMAP_MAYMOVE), EINVAL, "L18: a length near the end of the world");
    fails(mremap((void *)KERNEL, PG, 2 * PG, MREMAP_MAYMOVE), EFAULT, "L18: a source in the kernel's part");
    cut(p, 2, 1);
    fails(mremap(p, 4 * PG, 8 * PG, MREMAP_MAYMOVE), EFAULT, "L18: a source with a hole");
    fails(mremap(p + 2 * PG, PG, 2 * PG, MREMAP_MAYMOVE), EFAULT, "L18: a source that is a hole");
    is_str(lock_map(p, N), ".._...", "L18: none of them moved anything");
    munmap(p, N * PG), munmap(q, N * PG);
}

static void in_the_way(void) {
    char *p = anon(N);
    mlock(p, 2 * PG);
    fails(mremap(p, 2 * PG, 3 * PG, 0), ENOMEM, "L18: no room to grow, and not allowed to move");
    is_str(lock_map(p, N), "##....", "L18: nothing changed");
    is_int(vmlck(), 2, "L18: nor the charge");
    ok(mremap(p, 2 * PG, 2 * PG, 0) == p, "L18: the same size again is nothing");
    munmap(p, N * PG);
}

int main(void) {
    plan(27);
    struct seen *s = shared(sizeof *s);
    is_int(as_user(LIMIT, grow_under_a_limit, s), 0, "L18: as nobody with a limit of %d pages, %d of them locked", LIMIT, N);
    is_int(s->over, EAGAIN, "L18: to grow beyond the limit is EAGAIN");
    is_int(s->over_moving, EAGAIN, "L18: by moving too");
    is_int(s->charge_over, N, "L18: the charge is as it was");
    is_str(s->locks, "######_", "L18: and the mapping, and its locks");
    ok(s->contents, "L18: and its contents");
    is_int(s->exact, 0, "L18: to grow to the limit is good: the difference is judged");
    is_int(s->charge_exact, LIMIT, "L18: and charged");
    is_int(s->again, EAGAIN, "L18: and then no page more");
    is_int(s->unlocked, 0, "L18: what is not locked may grow");
    refused();
    in_the_way();
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
