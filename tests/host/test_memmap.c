/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * boot/memmap.c: firmware's memory maps in every disorder. First the cases one by one, then random maps
 * against a reference that knows each byte.
 */
#include "boot/memmap.h"
#include "tests/tap.h"

#define K4 0x1000ul

static struct boot_range room[BOOT_RANGES];
static struct memmap m;

static void start(unsigned max) {
    memset(room, 0xee, sizeof room);
    memmap_init(&m, room, max);
}

/* The ranges are exactly these start, end, start, end ... */
static bool is_map(unsigned n, const paddr_t *want, const char *name) {
    bool same = m.n == n;
    for (unsigned i = 0; same && i < n; i++) same = room[i].start == want[2 * i] && room[i].end == want[2 * i + 1];
    if (!ok(same, "%s", name)) {
        for (unsigned i = 0; i < m.n; i++) diag("have %#lx-%#lx", room[i].start, room[i].end);
    }
    return same;
}
#define IS_MAP(name, ...) \
    is_map(sizeof((paddr_t[]){__VA_ARGS__}) / sizeof(paddr_t) / 2, (paddr_t[]){__VA_ARGS__}, name)

static void test_order(void) {
    start(8);
    memmap_add(&m, 0x300000, 0x100000);
    memmap_add(&m, 0x100000, 0x100000);
    memmap_finish(&m);
    IS_MAP("unsorted ranges are sorted, a hole stays", 0x100000, 0x200000, 0x300000, 0x400000);

    start(8);
    memmap_add(&m, 0x100000, 0x100000);
    memmap_add(&m, 0x300000, 0x100000);
    memmap_add(&m, 0x200000, 0x100000);
    memmap_finish(&m);
    IS_MAP("ranges that touch become one", 0x100000, 0x400000);

    start(8);
    memmap_add(&m, 0x100000, 0x100000);
    memmap_add(&m, 0x180000, 0x200000);
    memmap_add(&m, 0x100000, 0x100000);
    memmap_finish(&m);
    IS_MAP("overlapping and repeated ranges become one", 0x100000, 0x380000);
}

static void test_reserved(void) {
    start(8);
    memmap_add(&m, 0x100000, 0x400000);
    memmap_remove(&m, 0x200000, 0x1000);
    memmap_finish(&m);
    IS_MAP("a reserved entry inside RAM splits it", 0x100000, 0x200000, 0x201000, 0x500000);

    start(8);
    memmap_add(&m, 0x100000, 0x100000);
    memmap_add(&m, 0x300000, 0x100000);
    memmap_remove(&m, 0x180000, 0x200000);
    memmap_finish(&m);
    IS_MAP("a reserved entry across two ranges trims both", 0x100000, 0x180000, 0x380000, 0x400000);

    start(8);
    memmap_add(&m, 0x100000, 0x100000);
    memmap_remove(&m, 0, UINT64_MAX);
    memmap_finish(&m);
    is_int(m.n, 0, "everything reserved: no RAM");
}

static void test_odd(void) {
    start(8);
    memmap_add(&m, 0x100000, 0);
    memmap_remove(&m, 0x100000, 0);
    memmap_finish(&m);
    is_int(m.n, 0, "entries of length zero are nothing");

    start(8);
    memmap_add(&m, UINT64_MAX - 0xfff, 0x2000);
    memmap_finish(&m);
    is_int(m.n, 0, "RAM that wraps around is not believed");

    start(8);
    memmap_add(&m, 0x100000, 0x100000);
    memmap_remove(&m, 0x180000, UINT64_MAX);
    memmap_finish(&m);
    IS_MAP("a reserved entry that wraps reserves up to the top", 0x100000, 0x180000);

    start(8);
    memmap_add(&m, 0x100001, 0x2ffe);
    memmap_add(&m, 0x200800, 0x900);
    memmap_finish(&m);
    IS_MAP("only whole frames are kept", 0x101000, 0x102000);

    start(8);
    memmap_add(&m, 0x100000, 0x800);
    memmap_add(&m, 0x100800, 0x800);
    memmap_finish(&m);
    IS_MAP("a frame in two halves is whole", 0x100000, 0x101000);

    start(8);
    memmap_add(&m, 0, 0xa0000);
    memmap_finish(&m);
    IS_MAP("frame 0 is never RAM", K4, 0xa0000);

    start(8);
    memmap_add(&m, 0x100000, UINT64_MAX - 0x100000);
    memmap_finish(&m);
    IS_MAP("what a frame number cannot name is cut off", 0x100000, (paddr_t)NO_PFN << PAGE_SHIFT);
}

static void test_full(void) {
    start(3);
    memmap_add(&m, 0x100000, 3 * K4);
    memmap_add(&m, 0x200000, 1 * K4);
    memmap_add(&m, 0x300000, 3 * K4);
    memmap_add(&m, 0x400000, 2 * K4);
    memmap_finish(&m);
    IS_MAP("too many ranges: the smallest goes", 0x100000, 0x103000, 0x300000, 0x303000, 0x400000, 0x402000);
    is_int((long)m.lost, K4, "and is counted as lost");

    start(1);
    memmap_add(&m, 0x100000, 0x10000);
    memmap_remove(&m, 0x104000, K4);
    memmap_finish(&m);
    IS_MAP("a split without room keeps the larger half", 0x105000, 0x110000);

    start(2);
    memmap_add(&m, 0x100000, 0x4000);
    memmap_add(&m, 0x200000, 0x4000);
    memmap_add(&m, 0x300000, K4);
    memmap_finish(&m);
    IS_MAP("a new range smaller than all others is itself the one to go", 0x100000, 0x104000, 0x200000, 0x204000);
}

/* ---- random maps against a reference ---- */

#define UNITS 256 /* of half a frame each */
#define HALF (K4 / 2)

static uint64_t seed = 1;

static unsigned draw(unsigned below) {
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(seed >> 33) % below;
}

static bool whole_frame(const bool *ram, unsigned frame) {
    return ram[2 * frame] && ram[2 * frame + 1];
}

/* Sorted, apart, within what the reference calls RAM; and all of it, if nothing was lost. */
static bool agrees(const bool *ram) {
    bool have[UNITS / 2] = {false};
    for (unsigned i = 0; i < m.n; i++) {
        if (room[i].start >= room[i].end || (i && room[i].start <= room[i - 1].end)) return false;
        for (paddr_t at = room[i].start; at < room[i].end; at += K4) have[at / K4] = true;
    }
    for (unsigned f = 0; f < UNITS / 2; f++) {
        bool want = f > 0 && whole_frame(ram, f);
        if (have[f] && !want) return false;
        if (want && !have[f] && m.lost == 0) return false;
    }
    return true;
}

static bool random_map(unsigned max) {
    bool ram[UNITS] = {false};
    start(max);
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned entries = draw(24); entries > 0; entries--) {
            unsigned from = draw(UNITS), len = draw(pass ? 16 : 64);
            if (from + len > UNITS) len = UNITS - from;
            if (pass) memmap_remove(&m, from * HALF, len * HALF);
            else memmap_add(&m, from * HALF, len * HALF);
            for (unsigned i = 0; i < len; i++) ram[from + i] = !pass;
        }
    }
    memmap_finish(&m);
    return m.n <= max && agrees(ram);
}

int main(void) {
    plan(19);
    const char *given = getenv("SEED");
    if (given) seed = strtoull(given, NULL, 0);
    diag("seed %lu", seed);
    test_order();
    test_reserved();
    test_odd();
    test_full();
    unsigned good = 0, tight = 0, rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) good += random_map(BOOT_RANGES);
    is_int(good, rounds, "random maps agree with the reference");
    for (unsigned i = 0; i < rounds; i++) tight += random_map(1 + draw(4));
    is_int(tight, rounds, "random maps with little room never invent RAM");
    return done_testing();
}
