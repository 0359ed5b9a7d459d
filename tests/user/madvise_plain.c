/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * madvise where nothing is locked: DONTNEED throws private pages away and leaves shared ones in their object;
 * what is unknown, misaligned or a hole is refused.
 *
 * clauses: L19 L22 I8
 */
#include "tests/user/support.h"

#define N 6
#define RW (PROT_READ | PROT_WRITE)

static void private_memory(void) {
    char *p = anon(N);
    memset(p, 4, N * PG);
    is_int(madvise(p + PG, 2 * PG, MADV_DONTNEED), 0, "L19: two of six pages thrown away");
    is_str(core_map(p, N), "100111", "L22: these two and no other");
    ok(p[PG] == 0 && p[2 * PG] == 0 && p[0] == 4 && p[3 * PG] == 4, "L19: they are zeroes, the others as they were");
    is_int(madvise(p + 4 * PG, PG + 1, MADV_DONTNEED), 0, "L19: a length inside a page");
    is_int(p[5 * PG], 0, "L19: rounds up");
    is_int(madvise(p, N * PG, MADV_RANDOM) | madvise(p, N * PG, MADV_SEQUENTIAL), 0, "L19: mere hints are 0");
    munmap(p, N * PG);
}

static void objects(void) {
    int fd = memfd(N);
    char *s = map_fd(fd, N, RW, MAP_SHARED), *c = map_fd(fd, N, RW, MAP_PRIVATE);
    memset(s, 4, N * PG);
    memset(c, 5, N * PG);
    is_int(madvise(s, N * PG, MADV_DONTNEED), 0, "L19: a shared mapping of an object");
    is_int(s[PG], 4, "L19: shows the object's contents still");
    is_int(madvise(c, N * PG, MADV_DONTNEED), 0, "L19: a private mapping of it");
    is_int(c[PG], 4, "L19: loses its copies and shows the object");
    is_int(madvise(s, N * PG, MADV_WILLNEED), 0, "L19: MADV_WILLNEED on an object");
    munmap(s, N * PG), munmap(c, N * PG);
    close(fd);
}

static void refused(void) {
    char *p = anon(N);
    memset(p, 4, N * PG);
    fails(madvise(p + 1, PG, MADV_DONTNEED), EINVAL, "L19: an address inside a page");
    fails(madvise(p, PG, 9999), EINVAL, "L19: unknown advice");
    fails(madvise(p, PG, -1), EINVAL, "L19: unknown advice, negative");
    fails(madvise(p, SIZE_MAX, MADV_DONTNEED), EINVAL, "L19: a length that wraps");
    fails(madvise((void *)KERNEL, PG, MADV_DONTNEED), ENOMEM, "L19: the kernel's part");
    is_int(p[0], 4, "L19: none of them threw anything away");
    cut(p, 2, 1);
    fails(madvise(p, N * PG, MADV_DONTNEED), ENOMEM, "L19: a hole");
    munmap(p, N * PG);
}

int main(void) {
    plan(21);
    private_memory();
    objects();
    refused();
    char *p = anon(64);
    memset(p, 1, 64 * PG);
    madvise(p, 64 * PG, MADV_DONTNEED);
    uint64_t before = knob("vm.stats.free_frames");
    memset(p, 1, 64 * PG);
    uint64_t took = before - knob("vm.stats.free_frames");
    ok(!on_holdfast() || (took >= 64 && took <= 66), "I8: 64 pages touched are 64 frames, and page tables");
    madvise(p, 64 * PG, MADV_DONTNEED);
    is_int(knob("vm.stats.free_frames") - before, 0, "I8: which DONTNEED gives back");
    ok(audit_clean(), "I1: the audit agrees");
    return done_testing();
}
