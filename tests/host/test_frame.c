/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Frames: the buddy system, boot maps of every shape, references, pins and promises.
 */
#include "tests/host/support.h"

#include <asm/errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/mmu.h"
#include "boot/bootinfo.h"

static void start(uint64_t mib) {
    host_power(mib * MIB);
    frame_init(&boot_info);
}

/* I1: states add up, and the free lists hold what the count says. */
static bool adds_up(void) {
    struct frame_stats st;
    uint64_t sum = 0;
    frame_get_stats(&st);
    for (int i = FRAME_FREE; i < FRAME_STATES; i++) sum += st.count[i];
    return sum == st.total && frame_count_free() == st.count[FRAME_FREE];
}

static bool all_bytes(pfn_t pfn, uint8_t want) {
    const uint8_t *p = frame_addr(pfn);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        if (p[i] != want) return false;
    return true;
}

static void test_batch(void) {
    start(16);
    uint64_t before = free_frames();
    pfn_t f[5], keep;
    for (unsigned i = 0; i < 5; i++) f[i] = frame_alloc(FRAME_KERNEL);
    keep = f[2];
    frame_hold(keep);
    frame_drop_batch(f, 5);
    is_int(before - free_frames(), 1, "I4: a batch of drops frees all frames but the one that another holds");
    is_int(frame_of(keep)->refs, 1, "whose reference is left");
    frame_drop_batch(&keep, 1);
    ok(free_frames() == before && adds_up(), "I8: and then that one");
}

static void test_one(void) {
    start(16);
    uint64_t before = free_frames();
    pfn_t a = frame_alloc(FRAME_KERNEL);
    ok(a != NO_PFN && host_is_ram((paddr_t)a << PAGE_SHIFT), "a frame can be had, and is RAM");
    is_int(frame_of(a)->refs, 1, "it has one reference");
    is_int(frame_of(a)->state, FRAME_KERNEL, "and the state that was asked for");
    is_int(frame_number(frame_addr(a)), a, "its address leads back to it");
    is_int(before - free_frames(), 1, "one frame less is free");
    memset(frame_addr(a), 0x5a, PAGE_SIZE);
    frame_hold(a);
    frame_drop(a);
    ok(all_bytes(a, 0x5a), "I4: it stays while a reference is left");
    frame_drop(a);
    is_int(free_frames(), before, "I8: the last drop frees it");
    a = frame_alloc_zero(FRAME_KERNEL);
    ok(all_bytes(a, 0), "frame_alloc_zero gives zeroes whatever was there before");
    frame_drop(a);
    ok(adds_up(), "I1: every frame is in one state");
}

static void test_pins(void) {
    struct frame_stats st;
    pfn_t a = frame_alloc(FRAME_KERNEL);
    frame_pin(a);
    frame_get_stats(&st);
    is_int(st.pins, 1, "a pin is counted");
    is_int(frame_of(a)->refs, 2, "I4: a pin is a reference");
    frame_drop(a);
    is_int(frame_of(a)->state, FRAME_KERNEL, "a pinned frame outlives its owner");
    frame_unpin(a);
    is_int(frame_of(a)->state, FRAME_FREE, "and goes with the pin");
    frame_get_stats(&st);
    is_int(st.pins, 0, "no pin is left");
}

static void test_blocks(void) {
    uint64_t before = free_frames();
    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
        pfn_t a = frame_alloc_block(order);
        if (a == NO_PFN) {
            ok(order == FRAME_MAX_ORDER, "only the largest block may be missing, not order %u", order);
            continue;
        }
        bool aligned = (a & ((1u << order) - 1)) == 0;
        memset(frame_addr(a), 0xa5, PAGE_SIZE << order);
        ok(aligned && before - free_frames() == 1ul << order, "a block of order %u is aligned and counted", order);
        frame_drop(a);
    }
    is_int(free_frames(), before, "I8: all blocks are back");
    ok(adds_up(), "I1: the lists are whole after blocks of every order");
}

/* Take everything in single frames, give it back in random order: the largest blocks must form again. */
static void test_coalescing(void) {
    uint64_t n = 0, blocks = 0, again = 0;
    pfn_t *got = calloc(free_frames() + 1, sizeof(*got));
    struct rng rng = {1};
    while (frame_alloc_block(FRAME_MAX_ORDER) != NO_PFN) blocks++;
    start(16);
    while ((got[n] = frame_alloc(FRAME_KERNEL)) != NO_PFN) n++;
    ok(n > 3000 && free_frames() == 0, "every frame of 16 MiB can be had: %lu", n);
    ok(adds_up(), "I1: nothing free, and the lists agree");
    for (uint64_t i = n; i > 0; i--) {
        uint64_t j = rng_below(&rng, i);
        pfn_t pfn = got[j];
        got[j] = got[i - 1];
        frame_drop(pfn);
    }
    ok(adds_up(), "I1: all free again, and the lists agree");
    while (frame_alloc_block(FRAME_MAX_ORDER) != NO_PFN) again++;
    is_int(again, blocks, "freed in random order, frames join to as many largest blocks as at boot");
    free(got);
}

/* No frame is given out twice, ever. */
static void test_random(uint64_t seed) {
    enum { SLOTS = 600 };
    struct rng rng = {seed};
    struct { pfn_t pfn; unsigned order; } slot[SLOTS];
    bool whole = true;
    start(16);
    uint64_t before = free_frames();
    memset(slot, 0xff, sizeof(slot));
    for (int step = 0; step < 20000; step++) {
        unsigned i = (unsigned)rng_below(&rng, SLOTS);
        if (slot[i].pfn != NO_PFN) {
            uint32_t *words = frame_addr(slot[i].pfn);
            whole &= words[0] == i && words[(PAGE_SIZE << slot[i].order) / 4 - 1] == i;
            frame_drop(slot[i].pfn);
            slot[i].pfn = NO_PFN;
        } else {
            slot[i].order = (unsigned)rng_below(&rng, 8) == 0 ? (unsigned)rng_below(&rng, 7) : 0;
            slot[i].pfn = slot[i].order ? frame_alloc_block(slot[i].order) : frame_alloc(FRAME_KERNEL);
            if (slot[i].pfn == NO_PFN) continue;
            uint32_t *words = frame_addr(slot[i].pfn);
            words[0] = words[(PAGE_SIZE << slot[i].order) / 4 - 1] = i;
        }
        if (step % 1000 == 0) whole &= adds_up();
    }
    ok(whole, "I1: 20000 random takes and gives: no frame has two owners");
    for (unsigned i = 0; i < SLOTS; i++)
        if (slot[i].pfn != NO_PFN) frame_drop(slot[i].pfn);
    is_int(free_frames(), before, "I8: all are back");
}

/* ---- promises ---- */

static void test_promises(void) {
    struct frame_stats st;
    start(16);
    uint64_t all = free_frames(), n = 0;
    is_int(frame_commit(all), -ENOMEM, "not all of RAM can be committed: the kernel keeps a share");
    is_int(frame_commit(UINT64_MAX), -ENOMEM, "nor 2^64-1 frames");
    is_int(frame_promise(100), 0, "100 tables are promised");
    uint64_t most = all - 100;
    while (frame_commit(most) != 0) most--;
    ok(most > all * 9 / 10, "but most of it can: %lu of %lu", most, all);
    is_int(frame_commit(1), -ENOMEM, "and then not one more page");
    is_int(frame_promise(1), -ENOMEM, "nor a table");
    while (frame_alloc(FRAME_KERNEL) != NO_PFN) n++;
    most += 100;
    is_int(n, all - most - 32, "allocations that may fail leave alone what is promised and committed, and one a CPU");
    for (n = 100; n < most; n++) frame_alloc(FRAME_ANON);
    for (n = 0; n < 100; n++) frame_alloc(FRAME_TABLE);
    frame_get_stats(&st);
    is_int(st.given, most, "every promise is kept");
    is_int(st.count[FRAME_FREE], 32, "with the last frame but those that wait to be flushed");
    ok(adds_up(), "I1: holds at exhaustion");
}

static void break_promise(void *arg) {
    (void)arg;
    while (true) frame_alloc(FRAME_ANON);
}

static void take_back_given(void *arg) {
    (void)arg;
    frame_promise(2);
    frame_alloc(FRAME_TABLE);
    frame_alloc(FRAME_TABLE);
    frame_unpromise(1);
}

static void unpromise_unpromised(void *arg) {
    (void)arg;
    frame_unpromise(1);
}

static void uncommit_uncommitted(void *arg) {
    (void)arg;
    frame_uncommit(1);
}

static void drop_twice(void *arg) {
    (void)arg;
    pfn_t a = frame_alloc(FRAME_KERNEL);
    frame_drop(a);
    frame_drop(a);
}

static void hold_free(void *arg) {
    (void)arg;
    pfn_t a = frame_alloc(FRAME_KERNEL);
    frame_drop(a);
    frame_hold(a);
}

static void drop_pinned(void *arg) {
    (void)arg;
    pfn_t a = frame_alloc(FRAME_KERNEL);
    frame_pin(a);
    frame_drop(a);
    frame_drop(a);
}

static void unpin_unpinned(void *arg) {
    (void)arg;
    frame_unpin(frame_alloc(FRAME_KERNEL));
}

static void test_panics(void) {
    start(16);
    panics(break_promise, NULL, "promised", "an allocation beyond the promises panics");
    panics(take_back_given, NULL, "panic", "a promise that is being used cannot be taken back");
    panics(unpromise_unpromised, NULL, "panic", "nor one that was never made");
    panics(uncommit_uncommitted, NULL, "panic", "nor a commitment");
    panics(drop_twice, NULL, "panic", "dropping a free frame panics");
    panics(hold_free, NULL, "panic", "holding a free frame panics");
    panics(drop_pinned, NULL, "panic", "a pinned frame cannot be freed by drops");
    panics(unpin_unpinned, NULL, "panic", "unpinning what is not pinned panics");
}

static void test_injection(void) {
    start(16);
    uint64_t before = free_frames();
    inject_arm(INJECT_FRAME, 2);
    pfn_t a = frame_alloc(FRAME_KERNEL), b = frame_alloc(FRAME_KERNEL), c = frame_alloc(FRAME_KERNEL);
    ok(a != NO_PFN && b == NO_PFN && c != NO_PFN, "the second allocation fails, once");
    frame_drop(a), frame_drop(c);
    frame_commit(1);
    frame_promise(1);
    inject_arm(INJECT_FRAME, 1);
    a = frame_alloc(FRAME_ANON);
    b = frame_alloc(FRAME_TABLE);
    ok(a != NO_PFN && b != NO_PFN && inject_left(INJECT_FRAME) == 1, "what was committed or promised does not even ask");
    inject_arm(INJECT_FRAME, 0);
    frame_drop(a), frame_drop(b);
    frame_uncommit(1);
    frame_unpromise(1);
    inject_arm(INJECT_RESERVE, 1);
    is_int(frame_promise(1), -ENOMEM, "a promise can be made to fail");
    inject_arm(INJECT_RESERVE, 1);
    is_int(frame_commit(1), -ENOMEM, "so can a commitment");
    is_int(free_frames(), before, "I8: nothing is gone");
}

/* ---- boot maps ---- */

/* Are the given frames exactly those whole frames of RAM above 1 MiB which nothing occupies? All are taken to see. */
static bool gives_what_is_free(const struct boot_info *map, uint64_t size) {
    host_power_map(size, map);
    frame_init(&boot_info);
    uint64_t n = 0;
    uint8_t *seen = calloc(size >> PAGE_SHIFT, 1);
    bool good = adds_up();
    for (pfn_t pfn; (pfn = frame_alloc(FRAME_KERNEL)) != NO_PFN; n++) {
        paddr_t pa = (paddr_t)pfn << PAGE_SHIFT;
        good &= host_is_ram(pa) && !seen[pfn]++;
        good &= !(pa >= map->kernel_start && pa < map->kernel_end) && !(pa >= map->initrd_start && pa < map->initrd_end);
        good &= !(pa >= map->early_used_start && pa < map->early_used_end);
        memset(phys_to_virt(pa), 0xee, PAGE_SIZE);
    }
    struct frame_stats st;
    frame_get_stats(&st);
    free(seen);
    return good && n > 0 && st.count[FRAME_FREE] == 0 && n + 1 == st.total; /* and the frame of zeroes */
}

static void test_maps(void) {
    struct boot_info map = {.nranges = 1, .ram = {{MIB, 16 * MIB}}, .kernel_start = 2 * MIB, .kernel_end = 3 * MIB};
    ok(gives_what_is_free(&map, 16 * MIB), "one range with the kernel inside");
    map.initrd_start = 3 * MIB, map.initrd_end = 5 * MIB + 77;
    ok(gives_what_is_free(&map, 16 * MIB), "an initrd right behind the kernel, with a ragged end");
    map.early_used_start = 15 * MIB, map.early_used_end = 16 * MIB;
    ok(gives_what_is_free(&map, 16 * MIB), "early tables at the very end of RAM");
    map.nranges = 4;
    map.ram[0] = (struct boot_range){PAGE_SIZE, 0x9f000};
    map.ram[1] = (struct boot_range){MIB, 7 * MIB};
    map.ram[2] = (struct boot_range){7 * MIB + PAGE_SIZE, 9 * MIB + 5 * PAGE_SIZE};
    map.ram[3] = (struct boot_range){10 * MIB + 3 * PAGE_SIZE, 16 * MIB};
    ok(gives_what_is_free(&map, 16 * MIB), "holes that are not aligned to anything");
    map.initrd_start = 6 * MIB, map.initrd_end = 7 * MIB;
    ok(gives_what_is_free(&map, 16 * MIB), "an initrd that fills the end of a range");
    map.nranges = BOOT_RANGES;
    for (unsigned i = 0; i < BOOT_RANGES; i++) {
        paddr_t start = MIB + i * 32 * PAGE_SIZE;
        map.ram[i] = (struct boot_range){start, start + (i + 1 == BOOT_RANGES ? 256 : 31) * PAGE_SIZE};
    }
    map.initrd_start = map.initrd_end = map.early_used_start = map.early_used_end = 0;
    map.kernel_start = MIB + 40 * PAGE_SIZE, map.kernel_end = MIB + 50 * PAGE_SIZE;
    ok(gives_what_is_free(&map, 32 * MIB), "as many ranges as a boot map can hold");
}

static void start_without_ram(void *arg) {
    struct boot_info map = {.nranges = 1, .ram = {{PAGE_SIZE, *(uint64_t *)arg}}, .kernel_start = MIB, .kernel_end = 2 * MIB};
    host_power_map(2 * MIB, &map);
    frame_init(&boot_info);
}

/* How many frames of the fake RAM the process really uses. */
static uint64_t committed(uint64_t size) {
    uint64_t n = 0, pages = size >> PAGE_SHIFT;
    unsigned char *vec = malloc(pages);
    if (mincore(phys_to_virt(0), size, vec) != 0) bail_out("mincore");
    for (uint64_t i = 0; i < pages; i++) n += vec[i] & 1;
    free(vec);
    return n;
}

static void test_lazy(void) {
    start(1024);
    uint64_t small = committed(1024 * MIB);
    start(8192);
    uint64_t large = committed(8192 * MIB);
    diag("frames touched by frame_init: %lu with 1 GiB, %lu with 8 GiB", small, large);
    ok(large <= small + 2 && large < 64, "frame_init touches no more of 8 GiB than of 1 GiB");
    ok(adds_up(), "I1: untouched frames count as free");
    is_int(sizeof(struct frame), 16, "a frame's descriptor is 16 bytes");
    uint64_t no_ram = PAGE_SIZE, low_only = 0x9f000;
    panics(start_without_ram, &no_ram, "memory", "no RAM at all: a clear panic");
    panics(start_without_ram, &low_only, "memory", "nothing but low memory: a clear panic");
}

int main(int argc, char **argv) {
    test_batch();
    test_one();
    test_pins();
    test_blocks();
    test_coalescing();
    test_random(seed_of(argc, argv));
    test_promises();
    test_panics();
    test_injection();
    test_maps();
    test_lazy();
    return done_testing();
}
