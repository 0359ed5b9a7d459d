/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mremap moves the lock with the mapping; growth is charged by its difference and brought in; what moves away
 * is locked no more.
 *
 * clauses: L18 L2
 * pitfalls: B30 B31
 */
#include "tests/user/support.h"

#define N 8

/* A mapping with room behind it, or with something in the way. */
static char *with_room(size_t pages, bool blocked) {
    char *p = anon(4 * pages);
    if (blocked) cut(p, pages + 1, 3 * pages - 1);
    else cut(p, pages, 3 * pages);
    return p;
}

static void grows(bool blocked) {
    const char *how = blocked ? "by moving" : "in place";
    char *p = with_room(N, blocked);
    for (size_t i = 0; i < N; i++) p[i * PG] = (char)(i + 1);
    mlock(p, N * PG);
    char *q = mremap(p, N * PG, 2 * N * PG, MREMAP_MAYMOVE);
    ok(q != MAP_FAILED && (q == p) == !blocked, "L18: a locked mapping grows %s", how);
    is_str(lock_map(q, 2 * N), "################", "L18: old and new pages are locked (%s)", how);
    is_str(core_map(q, 2 * N), "1111111111111111", "L18: and resident");
    is_int(vmlck(), 2 * N, "L18: the growth is charged, once");
    int wrong = 0;
    for (size_t i = 0; i < N; i++) wrong += q[i * PG] != (char)(i + 1) || q[(N + i) * PG] != 0;
    is_int(wrong, 0, "L18: the contents came along, the new pages are zero");
    is_int(faults_writing(q, 2 * N), 0, "L2: no touch faults after it");
    if (blocked) is_str(lock_map(p, N), "________", "L18: nothing is left where it was");
    else skip(1, "it did not move");
    q = mremap(q, 2 * N * PG, 3 * PG, 0);
    ok(q != MAP_FAILED, "L18: it shrinks to three pages");
    is_int(vmlck(), 3, "L18: and the charge with it");
    is_str(lock_map(q, 4), blocked ? "###_" : "###_", "L18: the rest is gone");
    munmap(q, 3 * PG);
    if (blocked) munmap(p + N * PG, PG);
}

static void fixed(void) {
    char *p = anon(N), *to = anon(N);
    memset(p, 5, N * PG), memset(to, 6, N * PG);
    mlock(p, 4 * PG);
    mlock(to, N * PG);
    char *q = mremap(p, 4 * PG, 4 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, to + 2 * PG);
    ok(q == to + 2 * PG, "L18: MREMAP_FIXED onto another locked mapping");
    is_str(lock_map(to, N), "########", "L18: the target is locked throughout");
    ok(q[0] == 5 && to[0] == 6 && to[6 * PG] == 6, "L18: with the contents that moved");
    is_str(lock_map(p, N), "____....", "L18: the source is gone");
    is_int(vmlck(), N, "L18: what was replaced is not charged any more");
    is_int(faults_writing(to, N), 0, "L2: no touch faults");
    munlockall();
    q = mremap(to, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, p);
    ok(q == p && strcmp(lock_map(p, 2), "..") == 0, "L18: what was not locked is not locked after it");
    munmap(p, N * PG), munmap(to, N * PG);
}

/* A part out of the middle of a locked region. */
static void a_part(void) {
    char *p = anon(N);
    for (size_t i = 0; i < N; i++) p[i * PG] = (char)(i + 1);
    mlock(p, N * PG);
    char *q = mremap(p + 2 * PG, 2 * PG, 5 * PG, MREMAP_MAYMOVE);
    ok(q != MAP_FAILED, "L18: two pages out of the middle grow to five");
    is_str(lock_map(p, N), "##__####", "L18: they are gone from there, the others stay locked");
    is_str(lock_map(q, 5), "#####", "L18: they are locked where they are");
    ok(q[0] == 3 && q[PG] == 4 && q[2 * PG] == 0, "L18: with their contents");
    is_int(vmlck(), N - 2 + 5, "L18: charged by the difference");
    munmap(p, N * PG), munmap(q, 5 * PG);
}

int main(void) {
    plan(36);
    grows(false);
    is_int(vmlck(), 0, "L18: all charges gone");
    grows(true);
    is_int(vmlck(), 0, "L18: all charges gone");
    fixed();
    a_part();
    is_int(vmlck(), 0, "L18: all charges gone at the end");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
