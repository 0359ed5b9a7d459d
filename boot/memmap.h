/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Putting a firmware's memory map in order. Pure code: nothing but its arguments (also built for the host).
 *
 * A loader's reader goes over its map twice: memmap_add for every entry that is RAM, then memmap_remove
 * for every entry that is anything else, so that what any entry calls reserved is never RAM; then
 * memmap_finish. Any order, overlap, hole, zero length or wrap of the entries is fine.
 */
#pragma once

#include "boot/bootinfo.h"

struct memmap {
    unsigned n, max;      /* ranges in use, and how many fit */
    struct boot_range *r; /* ascending, apart from each other; byte addresses until memmap_finish */
    uint64_t lost;        /* bytes of RAM given up because there were too many ranges */
};

void memmap_init(struct memmap *, struct boot_range *room, unsigned max);
void memmap_add(struct memmap *, paddr_t start, uint64_t length);
void memmap_remove(struct memmap *, paddr_t start, uint64_t length);
/* Whole frames only, frame 0 left out (what it holds belongs to the firmware), nothing that a pfn_t cannot number. */
void memmap_finish(struct memmap *);
