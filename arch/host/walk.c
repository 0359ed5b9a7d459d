/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What page tables say: four-level paging as in SDM Vol. 3, 4.5. mmu.c is about what a CPU remembers of it.
 *
 * Reserved bits and formats are written down here once more, from the manual and not from the kernel's
 * own header, so that the two check each other.
 *
 * MISSING     protection keys, 1 GiB pages, CR0.WP=0.
 */
#include "arch/host/host.h"
#include "arch/host/mmu.h"
#include "arch/mmu.h"

#define P   (1ul << 0)
#define W   (1ul << 1)
#define U   (1ul << 2)
#define A   (1ul << 5)
#define D   (1ul << 6)
#define PS  (1ul << 7)
#define NX  (1ul << 63)
#define ADDRESS 0x000ffffffffff000ul /* bits 51:12 */
#define MAX_PHYS 40                  /* this CPU's MAXPHYADDR: address bits from here up are reserved */
#define RESERVED (ADDRESS & ~((1ul << MAX_PHYS) - 1))

static uint64_t *entry_at(paddr_t table, vaddr_t va, int level) {
    uint64_t *entries = phys_to_virt(table);
    return &entries[va >> (PAGE_SHIFT + 9 * level) & 511];
}

static void check_entry(uint64_t e, vaddr_t va, int level) {
    if (e & RESERVED) host_die("va %#lx, level %d: entry %#lx has reserved bits set", va, level, e);
    if (level == 3 && (e & PS)) host_die("va %#lx: PS is reserved in a PML4 entry (%#lx)", va, e);
    if (level == 2 && (e & PS)) host_die("va %#lx: this CPU has no 1 GiB pages (%#lx)", va, e);
    if (level == 1 && (e & PS) && (e & 0x1fe000)) host_die("va %#lx: 2 MiB page is not aligned (%#lx)", va, e);
    if (!host_is_ram(e & ADDRESS)) host_die("va %#lx, level %d: entry %#lx leads outside RAM", va, level, e);
}

/* Walks; with mark, sets accessed on the way and, with D in mark, dirty at the leaf, as 4.8 says. */
static void walk_tables(paddr_t from, vaddr_t va, struct walk *w, uint64_t mark) {
    paddr_t table = from;
    *w = (struct walk){.user = true, .write = true, .exec = true};
    for (int level = 3;; level--) {
        w->table[w->tables++] = (pfn_t)(table >> PAGE_SHIFT);
        uint64_t *e = entry_at(table, va, level);
        if (!(*e & P)) return;
        check_entry(*e, va, level);
        w->user &= (*e & U) != 0;
        w->write &= (*e & W) != 0;
        w->exec &= !(*e & NX);
        bool leaf = level == 0 || (*e & PS);
        *e |= mark & (leaf ? A | D : A);
        if (leaf) {
            w->present = true;
            w->accessed = (*e & A) != 0;
            w->dirty = (*e & D) != 0;
            w->large = level == 1;
            uint64_t inside = level == 1 ? va & 0x1ff000 : 0;
            w->pfn = (pfn_t)(((*e & ADDRESS) + inside) >> PAGE_SHIFT);
            return;
        }
        table = *e & ADDRESS;
    }
}

void mmu_walk(paddr_t from, vaddr_t va, struct walk *w) {
    walk_tables(from, va, w, 0);
}

void mmu_walk_marking(paddr_t from, vaddr_t va, struct walk *w, bool write) {
    walk_tables(from, va, w, write ? A | D : A);
}
