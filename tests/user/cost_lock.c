/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What must not depend on size, counted in instructions: submitting a lock request, unlocking, unlocking all.
 *
 * The machine's time-stamp counter advances by one an instruction (icount), so a count is the same in every
 * run but for the timer's interrupts; the least of several is taken, and a difference of a tenth is allowed
 * for what walks a tree or fills a cache. What the counts are is printed, for the documents.
 *
 * clauses: Q1 L16 A9
 * needs: holdfast
 * icount: yes
 * mem: 512M
 * timeout: 300
 */
#include "tests/user/aio_support.h"

#define ROUNDS 7
#define MANY   200 /* regions */

static uint64_t instructions(void) {
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi)::"memory");
    return (uint64_t)hi << 32 | lo;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static bool alike(uint64_t small, uint64_t large) {
    return large <= small + small / 10;
}

/* Cost of submitting a request over a range. It is held in the queue, then cancelled. */
static uint64_t cost_of_submission(char *p, size_t bytes) {
    uint64_t cost = ~0ull;
    for (int i = 0; i < ROUNDS; i++) {
        struct aiocb cb = {.aio_buf = p, .aio_nbytes = bytes, .aio_sigevent.sigev_notify = SIGEV_NONE};
        uint64_t start = instructions();
        int result = aio_mlock(&cb);
        cost = least(cost, instructions() - start);
        if (result != 0) bail_out("aio_mlock: %s", strerror(errno));
        aio_cancel(-1, &cb);
        aio_return(&cb);
    }
    return cost;
}

static uint64_t cost_of_munlock(char *p, size_t pages) {
    uint64_t cost = ~0ull;
    for (int i = 0; i < ROUNDS; i++) {
        if (mlock(p, pages * PG) != 0) bail_out("mlock: %s", strerror(errno));
        uint64_t start = instructions();
        munlock(p, pages * PG);
        cost = least(cost, instructions() - start);
    }
    return cost;
}

/* munlockall over `regions` locked regions of `pages` pages each, which cannot merge: every other is read-only. */
static uint64_t cost_of_munlockall(size_t regions, size_t pages) {
    char *p = anon(regions * pages);
    uint64_t cost = ~0ull;
    for (size_t i = 1; i < regions; i += 2) mprotect(p + i * pages * PG, pages * PG, PROT_READ);
    for (int i = 0; i < ROUNDS; i++) {
        if (mlock(p, regions * pages * PG) != 0) bail_out("mlock: %s", strerror(errno));
        uint64_t start = instructions();
        munlockall();
        cost = least(cost, instructions() - start);
    }
    munmap(p, regions * pages * PG);
    return cost;
}

int main(void) {
    aio_test();
    plan(4);

    char *large = map_pages((1ul << 30) / PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    hold(HOLD);
    uint64_t page = cost_of_submission(large, PG), gib = cost_of_submission(large, 1ul << 30);
    hold(GO);
    ok(alike(page, gib), "Q1: submission costs the same for 4 KiB and 1 GiB (%lu, %lu instructions)", page, gib);
    munmap(large, 1ul << 30);

    const size_t pages = (256ul << 20) / PG;
    char *p = anon(pages);
    uint64_t one = cost_of_munlock(p, pages) /* all resident first */, all = one;
    one = cost_of_munlock(p, 1);
    all = least(all, cost_of_munlock(p, pages));
    ok(alike(one, all), "L16: munlock costs the same for 4 KiB and 256 MiB resident (%lu, %lu instructions)", one, all);
    munmap(p, pages * PG);

    uint64_t few_small = cost_of_munlockall(2, 1), few_large = cost_of_munlockall(2, 4096);
    ok(alike(few_small, few_large), "A9: munlockall does not ask for pages (2 regions of 1, 4096 pages: %lu, %lu instructions)",
       few_small, few_large);
    uint64_t many = cost_of_munlockall(MANY, 1);
    ok(many < few_small * MANY, "A9: but for regions (%d: %lu instructions)", MANY, many);
    return done_testing();
}
