/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The kernel's heap: object caches, and blocks of every size. The address sanitizer sees what nobody owns.
 */
#include "tests/host/support.h"

#include <string.h>

#include "boot/bootinfo.h"

static uint64_t kernel_frames(void) {
    struct frame_stats st;
    frame_get_stats(&st);
    return st.count[FRAME_KERNEL];
}

static void test_cache(size_t size) {
    enum { N = 500 };
    struct cache c;
    uint8_t *p[N];
    bool apart = true, aligned = true;
    cache_init(&c, "test", size);
    uint64_t before = kernel_frames();
    for (unsigned i = 0; i < N; i++) {
        p[i] = cache_alloc(&c);
        aligned &= ((uint64_t)p[i] & 15) == 0;
        memset(p[i], (int)i, size);
    }
    for (unsigned i = 0; i < N; i++)
        for (size_t b = 0; b < size; b++) apart &= p[i][b] == (uint8_t)i;
    ok(aligned && apart, "%u objects of %zu bytes are 16-aligned and apart", N, size);
    is_int(c.live, N, "all are counted");
    for (unsigned i = 0; i < N; i++) cache_free(&c, p[(i * 7) % N]);
    ok(c.live == 0 && c.slabs == 0 && kernel_frames() == before, "I8: all frames are back");
}

static void test_zero(void) {
    struct cache c;
    static const uint8_t zeroes[96];
    cache_init(&c, "test", 96);
    void *p = cache_alloc(&c), *keep = cache_alloc(&c);
    memset(p, 0xff, 96);
    cache_free(&c, p);
    void *q = cache_alloc_zero(&c);
    ok(q == p && memcmp(q, zeroes, 96) == 0, "the object freed last is given out first, and zeroed when asked");
    cache_free(&c, q);
    cache_free(&c, keep);
}

static void test_sizes(void) {
    static const size_t sizes[] = {1, 16, 31, 32, 33, 1000, 1984, 1985, 2048, 4095, 4096, 4097, 8192, 100000, 1 << 20, 4 << 20};
    enum { N = sizeof(sizes) / sizeof(sizes[0]) };
    uint8_t *p[N];
    uint64_t before = heap_live(), frames = kernel_frames();
    for (unsigned i = 0; i < N; i++) {
        p[i] = heap_alloc_zero(sizes[i]);
        bool zero = p[i] && p[i][0] == 0 && memcmp(p[i], p[i] + 1, sizes[i] - 1) == 0;
        bool aligned = sizes[i] > PAGE_SIZE / 2 ? ((uint64_t)p[i] & PAGE_MASK) == 0 : ((uint64_t)p[i] & 15) == 0;
        ok(zero && aligned, "a block of %zu bytes is zero and aligned", sizes[i]);
        if (p[i]) memset(p[i], 0x77, sizes[i]);
    }
    is_int(heap_live() - before, N, "every block is counted");
    for (unsigned i = 0; i < N; i++) heap_free(p[i]);
    heap_free(NULL);
    ok(heap_live() == before && kernel_frames() == frames, "I8: all are back");
    ok(heap_alloc((4 << 20) + 1) == NULL, "more than 4 MiB is refused");
    ok(heap_alloc(SIZE_MAX) == NULL, "SIZE_MAX is refused");
}

static void test_exhaustion(void) {
    struct cache c;
    cache_init(&c, "test", 1024);
    uint64_t frames = kernel_frames(), n = 0;
    void *last = NULL, *p;
    while ((p = cache_alloc(&c)) != NULL) {
        memcpy(p, &last, sizeof(last));
        last = p;
        n++;
    }
    ok(n > 1000, "a cache takes all of memory, %lu objects, and then says NULL", n);
    while (last) {
        memcpy(&p, last, sizeof(p));
        cache_free(&c, last);
        last = p;
    }
    is_int(kernel_frames(), frames, "I8: and gives it all back");
    inject_arm(INJECT_HEAP, 1);
    ok(cache_alloc(&c) == NULL, "an object can be made to fail");
    inject_arm(INJECT_HEAP, 1);
    ok(heap_alloc(10) == NULL, "a block too");
    inject_arm(INJECT_HEAP, 1);
    ok(heap_alloc(10000) == NULL, "and a large one");
}

static void test_random(uint64_t seed) {
    enum { SLOTS = 400 };
    struct rng rng = {seed};
    struct { uint8_t *p; size_t size; } slot[SLOTS] = {0};
    uint64_t before = heap_live();
    bool whole = true;
    for (int step = 0; step < 20000; step++) {
        unsigned i = (unsigned)rng_below(&rng, SLOTS);
        if (slot[i].p) {
            whole &= slot[i].p[0] == (uint8_t)i && slot[i].p[slot[i].size - 1] == (uint8_t)i;
            heap_free(slot[i].p);
            slot[i].p = NULL;
            continue;
        }
        slot[i].size = 1 + rng_below(&rng, 1ul << rng_below(&rng, 15));
        slot[i].p = heap_alloc(slot[i].size);
        if (slot[i].p) memset(slot[i].p, (int)i, slot[i].size);
    }
    for (unsigned i = 0; i < SLOTS; i++) heap_free(slot[i].p);
    ok(whole && heap_live() == before, "20000 random blocks: none shares a byte, all come back");
}

static struct cache misused;

static void misuse(void *arg) {
    cache_init(&misused, "misused", 128);
    uint8_t *p = cache_alloc(&misused), *q = cache_alloc(&misused);
    struct cache other;
    cache_init(&other, "other", 128);
    switch (*(int *)arg) {
    case 0: cache_free(&misused, p); ((volatile uint8_t *)p)[64] = 1; break;
    case 1: ((volatile uint8_t *)q)[128] = 1; break;
    case 2: cache_free(&other, p); break;
    }
}

int main(int argc, char **argv) {
    static const char *const expected[] = {"use-after-poison", "use-after-poison", "panic"};
    static const char *const name[] = {"use after free is caught", "a write past the last object is caught",
                                       "an object given to another cache panics"};
    host_power(16 * MIB);
    frame_init(&boot_info);
    heap_init();
    test_cache(16);
    test_cache(100);
    test_cache(512);
    test_cache(1984);
    test_zero();
    test_sizes();
    test_exhaustion();
    test_random(seed_of(argc, argv));
    for (int i = 0; i < 3; i++) panics(misuse, &i, expected[i], name[i]);
    return done_testing();
}
