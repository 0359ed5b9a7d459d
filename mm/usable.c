/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * At boot: from the loader's map to ranges of usable RAM, less what is in use already.
 *
 *      loader's map     [      RAM      ]   [            RAM            ]
 *      in use            low    kernel                 initrd   table
 *      usable                 []      [ ]   [         ]      [    ]     []
 */
#include "mm/usable.h"

#include "boot/bootinfo.h"
#include "kernel/assert.h"
#include "libc/core/string.h"

#define LOW_MEMORY 0x100000ul
#define TAKEN      4 /* pieces of RAM that are in use at boot */

static struct frame_range usable[BOOT_RANGES + TAKEN];
static unsigned nusable;

/* Cut [start, end) out of the usable ranges. */
static void take_out(paddr_t start, paddr_t end) {
    pfn_t from = (pfn_t)(start >> PAGE_SHIFT), to = (pfn_t)(page_ceil(end) >> PAGE_SHIFT);
    for (unsigned i = 0; i < nusable && from < to; i++) {
        struct frame_range r = usable[i];
        if (to <= r.start || from >= r.end) continue;
        unsigned pieces = (r.start < from) + (r.end > to);
        ASSERT(nusable + pieces - 1 <= sizeof(usable) / sizeof(usable[0]));
        memmove(&usable[i + pieces], &usable[i + 1], (nusable - i - 1) * sizeof(r));
        if (r.start < from) usable[i] = (struct frame_range){r.start, from};
        if (r.end > to) usable[i + pieces - 1] = (struct frame_range){to, r.end};
        nusable = nusable + pieces - 1;
        i = i + pieces - 1; /* wraps to -1 when nothing is left of the first */
    }
}

void *usable_place(uint64_t need) {
    for (unsigned i = nusable; i-- > 0;) {
        struct frame_range *r = &usable[i];
        if (r->end - r->start < need) continue;
        paddr_t at = (paddr_t)(r->end - need) << PAGE_SHIFT;
        take_out(at, at + (need << PAGE_SHIFT));
        return phys_to_virt(at);
    }
    panic("not enough memory: no room for the %lu KiB frame table", need * (PAGE_SIZE / 1024));
}

void usable_init(const struct boot_info *bi) {
    nusable = 0;
    for (unsigned i = 0; i < bi->nranges; i++)
        usable[nusable++] = (struct frame_range){(pfn_t)(bi->ram[i].start >> PAGE_SHIFT), (pfn_t)(bi->ram[i].end >> PAGE_SHIFT)};
    take_out(0, LOW_MEMORY);
    take_out(bi->kernel_start, bi->kernel_end);
    take_out(bi->initrd_start, bi->initrd_end);
    take_out(bi->early_used_start, bi->early_used_end);
    if (nusable == 0) panic("not enough memory: no usable RAM in the loader's map");
}

const struct frame_range *usable_ranges(unsigned *n) {
    *n = nusable;
    return usable;
}

pfn_t usable_end(void) {
    return usable[nusable - 1].end;
}
