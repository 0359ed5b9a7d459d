/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The readers of loaders' tables (boot/multiboot2.c, boot/pvh.c): true tables are read rightly, and
 * tables cut short or with random bytes changed are refused or read, but never read past.
 *
 * "Physical memory" is one allocation of exactly the tables' size, so that AddressSanitizer sees every
 * step beyond it.
 */
#include "boot/loader.h"
#include "tests/tap.h"

#define BASE 0x10000ul /* where the tables lie, physically */

static uint8_t *memory;
static uint64_t memory_size;

const void *early_phys(paddr_t pa, uint64_t len) {
    if (pa < BASE || len > memory_size || pa - BASE > memory_size - len) return NULL;
    return memory + (pa - BASE);
}

static void load(const void *bytes, uint64_t size) {
    free(memory);
    memory = malloc(size ? size : 1);
    memcpy(memory, bytes, size);
    memory_size = size;
}

/* ---- multiboot2 ---- */

static const struct {
    uint32_t total, reserved;
    struct { uint32_t type, size; char text[16]; } cmdline;
    struct { uint32_t type, size, start, end; char text[8]; } module;
    struct { uint32_t type, size, entry_size, version; struct { uint64_t at, len; uint32_t type, zero; } e[3]; } map;
    struct { uint32_t type, size; } end;
} mb2 = {
    .total = sizeof mb2,
    .cmdline = {1, 8 + 14, "say \\\"hi\\\" it"},
    .module = {3, 16 + 7, 0x400000, 0x401234, "initrd"},
    .map = {6, 16 + 3 * 24, 24, 0, {{0x100000, 0x700000, 1, 0}, {0x300000, 0x1000, 2, 0}, {0, 0x9f000, 1, 0}}},
    .end = {0, 8},
};

static void test_multiboot2(void) {
    struct boot_info bi = {0};
    load(&mb2, sizeof mb2);
    ok(multiboot2_read(BASE, &bi) == NULL, "multiboot2: true tables are read");
    ok(strcmp(bi.cmdline, "say \"hi\" it") == 0, "multiboot2: the command line, without GRUB's escapes (%s)", bi.cmdline);
    ok(bi.initrd_start == 0x400000 && bi.initrd_end == 0x401234, "multiboot2: the module is the initrd");
    ok(bi.nranges == 3 && bi.ram[0].start == 0x1000 && bi.ram[1].end == 0x300000 && bi.ram[2].start == 0x301000,
       "multiboot2: the memory map");
    ok(multiboot2_read(BASE + 4, &bi) != NULL, "multiboot2: a misaligned address is refused");
    ok(multiboot2_read(0, &bi) != NULL, "multiboot2: no tables are refused");
}

/* ---- PVH ---- */

static const struct {
    struct { uint32_t magic, version, flags, modules; uint64_t modlist, cmdline, rsdp, map; uint32_t entries, zero; } start;
    struct { uint64_t at, size, cmdline, zero; } module;
    struct { uint64_t at, size; uint32_t type, zero; } map[2];
    char cmdline[8];
} pvh = {
    .start = {LOADER_PVH, 1, 0, 1, BASE + 56, BASE + 56 + 32 + 48, 0, BASE + 56 + 32, 2, 0},
    .module = {0x500000, 0x1000, 0, 0},
    .map = {{0x100000, 0x700000, 1, 0}, {0x700000, 0x1000, 2, 0}},
    .cmdline = "quiet",
};

static void test_pvh(void) {
    struct boot_info bi = {0};
    load(&pvh, sizeof pvh);
    ok(pvh_read(BASE, &bi) == NULL, "PVH: true tables are read");
    ok(strcmp(bi.cmdline, "quiet") == 0, "PVH: the command line");
    ok(bi.initrd_start == 0x500000 && bi.initrd_end == 0x501000, "PVH: the module is the initrd");
    ok(bi.nranges == 2 && bi.ram[0].end == 0x700000 && bi.ram[1].start == 0x701000, "PVH: the memory map");
    ok(pvh_read(0, &bi) != NULL, "PVH: no tables are refused");
}

/* ---- damage ---- */

typedef const char *reader(paddr_t, struct boot_info *);

static bool sound(const struct boot_info *bi) {
    if (bi->nranges > BOOT_RANGES || bi->initrd_end < bi->initrd_start) return false;
    if (memchr(bi->cmdline, 0, BOOT_CMDLINE) == NULL) return false;
    for (unsigned i = 0; i < bi->nranges; i++) {
        if (bi->ram[i].start >= bi->ram[i].end || (i && bi->ram[i].start <= bi->ram[i - 1].end)) return false;
    }
    return true;
}

static unsigned cut_short(reader *read, const void *bytes, uint64_t size) {
    unsigned refused = 0;
    for (uint64_t n = 0; n < size; n++) {
        struct boot_info bi = {0};
        load(bytes, n);
        refused += read(BASE, &bi) != NULL;
    }
    return refused;
}

static uint64_t seed = 1;

static uint32_t draw(void) {
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (uint32_t)(seed >> 33);
}

static bool damaged(reader *read, const void *bytes, uint64_t size) {
    static const uint8_t favourites[] = {0, 1, 7, 8, 0x7f, 0x80, 0xff};
    load(bytes, size);
    for (unsigned n = 1 + draw() % 4; n > 0; n--) {
        memory[draw() % size] = draw() % 2 ? favourites[draw() % sizeof favourites] : (uint8_t)draw();
    }
    struct boot_info bi = {0};
    return read(BASE, &bi) != NULL || sound(&bi);
}

int main(void) {
    plan(15);
    const char *given = getenv("SEED");
    if (given) seed = strtoull(given, NULL, 0);
    diag("seed %lu", seed);
    test_multiboot2();
    test_pvh();
    is_int(cut_short(multiboot2_read, &mb2, sizeof mb2), sizeof mb2, "multiboot2: tables cut short anywhere are refused");
    /* PVH's last bytes are the padding of its command line. */
    is_int(cut_short(pvh_read, &pvh, sizeof pvh - 2), sizeof pvh - 2, "PVH: tables cut short anywhere are refused");
    unsigned good = 0, rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) good += damaged(multiboot2_read, &mb2, sizeof mb2);
    is_int(good, rounds, "multiboot2: damaged tables are refused or give sound information");
    good = 0;
    for (unsigned i = 0; i < rounds; i++) good += damaged(pvh_read, &pvh, sizeof pvh);
    is_int(good, rounds, "PVH: damaged tables are refused or give sound information");
    free(memory);
    return done_testing();
}
