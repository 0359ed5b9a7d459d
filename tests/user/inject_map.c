/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every allocation inside the mapping calls made to fail, one after the other: the documented errno, and nothing
 * has changed.
 *
 * clauses: I8 L4 A6 L17 L18 L23
 * pitfalls: B18
 * needs: holdfast
 */
#include "tests/user/inject.h"

#define N    8
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void *mapped;
static size_t mapped_bytes;
static int fd = -1;

/* A place of its own, far from everything, so that new page tables are needed. */
static char *far_away(void) {
    return (char *)0x123400000000ul;
}

static int keep(void *p, size_t bytes) {
    mapped = p, mapped_bytes = bytes;
    return p == MAP_FAILED ? errno : 0;
}

static void unmap(void) {
    if (mapped && mapped != MAP_FAILED) munmap(mapped, mapped_bytes);
    if (area) munmap(area, area_pages * PG);
    if (fd >= 0) close(fd);
    mapped = NULL, area = NULL, fd = -1;
}

static void eight_pages(void) {
    area = anon(N), area_pages = N;
    memset(area, 1, N * PG);
}

static void eight_locked(void) {
    eight_pages();
    mlock(area, N * PG);
}

static void eight_apart(void) {
    area = mmap(far_away(), N * PG, RW, ANON | MAP_FIXED, -1, 0), area_pages = N;
    mlock(area, 3 * PG);
}

static void object(void) {
    fd = memfd(N);
}

static void read_only_locked(void) {
    area = map_pages(N, PROT_READ, ANON), area_pages = N;
    mlock(area, N * PG);
}

static void none_locked(void) {
    area = map_pages(N, PROT_NONE, ANON), area_pages = N;
    mlockall(MCL_FUTURE);
}

static void future(void) {
    mlockall(MCL_FUTURE);
}

static void unmap_and_unlock(void) {
    unmap();
    munlockall();
}

static int map_far(void) {
    return keep(mmap(far_away(), N * PG, RW, ANON | MAP_POPULATE, -1, 0), N * PG);
}

static int map_locked(void) {
    return keep(mmap(far_away(), N * PG, RW, ANON | MAP_LOCKED, -1, 0), N * PG);
}

static int map_plain(void) {
    return keep(mmap(NULL, N * PG, RW, ANON, -1, 0), N * PG);
}

static int map_shared_anon(void) {
    return keep(mmap(NULL, N * PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), N * PG);
}

static int map_object(void) {
    return keep(mmap(NULL, N * PG, RW, MAP_SHARED | MAP_POPULATE, fd, 0), N * PG);
}

static int map_object_copy(void) {
    return keep(mmap(NULL, N * PG, RW, MAP_PRIVATE | MAP_POPULATE, fd, 0), N * PG);
}

static int map_over(void) {
    void *p = mmap(area + 2 * PG, 3 * PG, PROT_READ, ANON | MAP_FIXED, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int unmap_middle(void) {
    return errno_of(munmap(area + 2 * PG, 3 * PG));
}

static int protect_middle(void) {
    return errno_of(mprotect(area + 2 * PG, 3 * PG, PROT_READ));
}

static int make_writable(void) {
    return errno_of(mprotect(area, N * PG, RW));
}

static int open_middle(void) {
    return errno_of(mprotect(area + 2 * PG, 3 * PG, RW));
}

static int grow(void) {
    return keep(mremap(area, N * PG, 3 * N * PG, MREMAP_MAYMOVE), 3 * N * PG);
}

/* After mremap the area may have moved away from under cleanup. */
static void unmap_grown(void) {
    if (mapped != MAP_FAILED) area = NULL;
    unmap_and_unlock();
}

static int move_part(void) {
    return keep(mremap(area + PG, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, far_away() + 512 * 512 * PG), 2 * PG);
}

static char *old_break;

static int grow_break(void) {
    old_break = sbrk(0);
    return errno_of(brk(old_break + 64 * PG));
}

static void shrink_break(void) {
    brk(old_break);
    munlockall();
}

static int need(void) {
    return errno_of(madvise(area, N * PG, MADV_WILLNEED));
}

static int throw_away(void) {
    return errno_of(madvise(area, N * PG, MADV_DONTNEED));
}

static int incore(void) {
    unsigned char vec[N];
    return errno_of(mincore(area, N * PG, vec));
}

static const struct operation ops[] = {
    {"mmap", NULL, map_plain, unmap, {ENOMEM}},
    {"mmap far away, populated", NULL, map_far, unmap, {ENOMEM}},
    {"mmap MAP_LOCKED", NULL, map_locked, unmap, {EAGAIN, ENOMEM}},
    {"mmap under MCL_FUTURE", future, map_far, unmap_and_unlock, {EAGAIN, ENOMEM}},
    {"mmap shared", NULL, map_shared_anon, unmap, {ENOMEM}},
    {"mmap of an object", object, map_object, unmap, {ENOMEM}},
    {"mmap of an object, private", object, map_object_copy, unmap, {ENOMEM}},
    {"mmap MAP_FIXED over locked pages", eight_locked, map_over, unmap, {ENOMEM}},
    {"munmap that splits", eight_locked, unmap_middle, unmap, {ENOMEM}},
    {"munmap that splits, far away", eight_apart, unmap_middle, unmap, {ENOMEM}},
    {"mprotect that splits", eight_locked, protect_middle, unmap, {ENOMEM, EAGAIN}},
    {"mprotect of locked pages to writable", read_only_locked, make_writable, unmap, {ENOMEM, EAGAIN}},
    {"mprotect that opens under MCL_FUTURE", none_locked, open_middle, unmap_and_unlock, {ENOMEM, EAGAIN}},
    {"mremap that grows", eight_pages, grow, unmap_grown, {ENOMEM}},
    {"mremap that grows what is locked", eight_locked, grow, unmap_grown, {ENOMEM, EAGAIN}},
    {"mremap of a part, far away", eight_locked, move_part, unmap, {ENOMEM, EAGAIN}},
    {"brk", NULL, grow_break, shrink_break, {ENOMEM}},
    {"brk under MCL_FUTURE", future, grow_break, shrink_break, {ENOMEM}},
    {"madvise MADV_WILLNEED", eight_pages, need, unmap, {ENOMEM, EAGAIN}},
    {"madvise MADV_DONTNEED", eight_pages, throw_away, unmap, {ENOMEM, EAGAIN}},
    {"mincore", eight_locked, incore, unmap, {EAGAIN, ENOMEM}},
};
#define OPS (sizeof ops / sizeof *ops)

int main(void) {
    needs_holdfast();
    plan(3 * (int)OPS);
    inject_all(ops, OPS);
    return done_testing();
}
