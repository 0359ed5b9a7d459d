/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Coverage-guided fuzzing of the memory map's normaliser, against one bit a page of the first 256 pages:
 * what it calls RAM some entry called RAM, and no entry called anything else; ranges ascend and are apart.
 * Input: 17 bytes an entry: start, length, kind.
 */
#include "boot/memmap.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTRY 17
#define PAGES 256

struct entry {
    uint64_t start, length;
    bool ram;
};

static struct entry entry_at(const uint8_t *data, size_t i) {
    struct entry e;
    memcpy(&e.start, data + i * ENTRY, 8);
    memcpy(&e.length, data + i * ENTRY + 8, 8);
    e.ram = data[i * ENTRY + 16] & 1;
    if (!(data[i * ENTRY + 16] & 2)) e.start %= PAGES * PAGE_SIZE, e.length %= PAGES * PAGE_SIZE; /* mostly where we look */
    return e;
}

/* Does the entry cover any byte of the page, or all of them? RAM that wraps is not believed; the rest reaches to the end. */
static bool covers(const struct entry *e, uint64_t page, bool all) {
    bool wraps = e->length > UINT64_MAX - e->start;
    if (wraps && e->ram) return false;
    uint64_t end = wraps ? UINT64_MAX : e->start + e->length;
    uint64_t lo = page * PAGE_SIZE, hi = lo + PAGE_SIZE;
    return e->length && (all ? e->start <= lo && end >= hi : e->start < hi && end > lo);
}

static bool in_map(const struct memmap *m, uint64_t page) {
    for (unsigned i = 0; i < m->n; i++)
        if (m->r[i].start <= page * PAGE_SIZE && m->r[i].end > page * PAGE_SIZE) return true;
    return false;
}

static void check_page(const struct memmap *m, const uint8_t *data, size_t n, uint64_t page) {
    bool ram = in_map(m, page), touched = false, reserved = false, whole = false;
    for (size_t i = 0; i < n; i++) {
        struct entry e = entry_at(data, i);
        touched |= e.ram && covers(&e, page, false);
        whole |= e.ram && covers(&e, page, true);
        reserved |= !e.ram && covers(&e, page, false);
    }
    if (ram && (!touched || reserved || page == 0)) abort();
    if (!ram && whole && !reserved && page != 0 && m->lost == 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct boot_range room[BOOT_RANGES];
    struct memmap m;
    size_t n = size / ENTRY < 40 ? size / ENTRY : 40;
    memmap_init(&m, room, BOOT_RANGES);
    for (int ram = 1; ram >= 0; ram--)
        for (size_t i = 0; i < n; i++) {
            struct entry e = entry_at(data, i);
            if (e.ram == ram) (ram ? memmap_add : memmap_remove)(&m, e.start, e.length);
        }
    memmap_finish(&m);
    for (unsigned i = 0; i < m.n; i++) {
        const struct boot_range *r = &m.r[i];
        if (r->start >= r->end || ((r->start | r->end) & PAGE_MASK) || (i && r->start < r[-1].end)) abort();
    }
    for (uint64_t page = 0; page < PAGES; page++) check_page(&m, data, n, page);
    return 0;
}
