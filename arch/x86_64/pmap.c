/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Page tables of user space (see arch/pmap.h): walk, make, prune.
 *
 *      root (KERNEL frame)          table (TABLE frame: refs = entries in use)
 *     +----------------+           +----------------+
 *     | user half  ----+---------> |  ...           | -> ... -> leaf table -> frames
 *     | kernel half    |  shared   +----------------+
 *     +----------------+
 *
 * INVARIANTS  a table below the root has at least one entry in use, or is being made or pruned under the lock;
 *             pmap.tables counts them; pmap.resident counts leaf entries with a page.
 * Missing on purpose: 2 MiB leaves (a leaf table is the unit that spans see).
 */
#include "arch/pmap.h"

#include <asm/errno.h>

#include "arch/mmu.h"
#include "kernel/assert.h"
#include "libc/core/string.h"
#include "mm/frame.h"

static uint64_t made; /* atomic */

#define ROOT_LEVEL (PT_LEVELS - 1)
#define TABLE_ENTRY (PTE_P | PTE_W | PTE_U | PTE_A) /* permissions are decided at the leaf */

static pte_t *table_of(pte_t entry) {
    return phys_to_virt(entry & PTE_FRAME);
}

static struct frame *table_frame(const pte_t *slot) {
    return frame_of(frame_number(slot));
}

int pmap_init(struct pmap *pm) {
    pfn_t pfn = frame_alloc_zero(FRAME_KERNEL);
    if (pfn == NO_PFN) return -ENOMEM;
    pte_t *root = frame_addr(pfn);
    const pte_t *kernel = phys_to_virt(mmu_kernel_root);
    memcpy(root + PT_ENTRIES / 2, kernel + PT_ENTRIES / 2, PAGE_SIZE / 2);
    pm->root = (paddr_t)pfn << PAGE_SHIFT;
    pm->id = __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
    pm->tables = 0;
    pm->resident = 0;
    pm->swapped = 0;
    pm->cpus = 0;
    pm->generation = 0;
    pm->grown = false;
    spin_init(&pm->lock, "pmap");
    return 0;
}

void pmap_fini(struct pmap *pm) {
    ASSERT(pm->tables == 0 && pm->resident == 0 && pm->swapped == 0);
    pmap_evict(pm);
    frame_drop((pfn_t)(pm->root >> PAGE_SHIFT));
    pm->root = 0;
}

pte_t *pmap_find(const struct pmap *pm, vaddr_t va) {
    pte_t *table = phys_to_virt(pm->root);
    for (int level = ROOT_LEVEL; level > 0; level--) {
        pte_t e = table[PT_INDEX(va, level)];
        if (!e) return NULL;
        table = table_of(e);
    }
    return table + PT_INDEX(va, 0);
}

pte_t *pmap_span(const struct pmap *pm, vaddr_t *va, vaddr_t end, vaddr_t *stop) {
    while (*va < end) {
        pte_t *table = phys_to_virt(pm->root);
        int level = ROOT_LEVEL;
        for (; level > 0; level--) {
            pte_t e = table[PT_INDEX(*va, level)];
            if (!e) break;
            table = table_of(e);
        }
        /* The end of what the entry at this level reaches: of the leaf table, or of the hole. */
        vaddr_t next = (*va | (PT_SPAN(level ? level : 1) - 1)) + 1;
        if (level == 0) {
            *stop = next < end ? next : end;
            return table + PT_INDEX(*va, 0);
        }
        *va = next;
    }
    return NULL;
}

pte_t *pmap_make(struct pmap *pm, vaddr_t va) {
    DEBUG_ASSERT(va >= USER_MIN && va < USER_MAX);
    pte_t *table = phys_to_virt(pm->root);
    for (int level = ROOT_LEVEL; level > 0; level--) {
        pte_t *slot = table + PT_INDEX(va, level);
        if (!*slot) {
            pfn_t pfn = frame_alloc_zero(FRAME_TABLE);
            frame_of(pfn)->refs = 0; /* counts entries, not holders */
            *slot = ((pte_t)pfn << PAGE_SHIFT) | TABLE_ENTRY;
            if (level < ROOT_LEVEL) table_frame(slot)->refs++;
            pm->tables++;
        }
        table = table_of(*slot);
    }
    return table + PT_INDEX(va, 0);
}

void pmap_set(struct pmap *pm, pte_t *slot, pte_t entry) {
    pte_t old = *slot;
    int delta = (entry != 0) - (old != 0);
    *(volatile pte_t *)slot = entry; /* one store: the MMU may be reading */
    if (delta) {
        table_frame(slot)->refs += (uint32_t)delta;
        pm->resident += (uint64_t)(int64_t)delta;
    }
    if (__builtin_expect((old ^ entry) & PTE_SWAPPED, 0)) {
        int swapped = pte_swapped(entry) - pte_swapped(old);
        pm->swapped += (uint64_t)(int64_t)swapped;
        pm->resident -= (uint64_t)(int64_t)swapped;
    }
}

void pmap_uncount(struct pmap *pm, pte_t *slot, uint32_t resident, uint32_t swapped) {
    table_frame(slot)->refs -= resident + swapped;
    pm->resident -= resident;
    pm->swapped -= swapped;
}

void pmap_count(struct pmap *pm, pte_t *slot, uint32_t n) {
    table_frame(slot)->refs += n;
    pm->resident += n;
}

void pmap_set_evicted(struct pmap *pm, pte_t *slot, pte_t entry) {
    *(volatile pte_t *)slot = entry;
    pm->resident--;
    if (entry)
        pm->swapped++;
    else
        table_frame(slot)->refs--;
}

/* Unhook empty tables from the leaf upwards. A table frame's last reference is its parent's entry, which we take. */
void pmap_prune(struct pmap *pm, vaddr_t va, struct flush *f) {
    pte_t *slot[PT_LEVELS];
    pte_t *table = phys_to_virt(pm->root);
    for (int level = ROOT_LEVEL; level > 0; level--) {
        slot[level] = table + PT_INDEX(va, level);
        if (!*slot[level]) {
            ASSERT(level == ROOT_LEVEL || table_frame(slot[level])->refs); /* the walk stops where a prune stopped */
            return;
        }
        table = table_of(*slot[level]);
    }
    for (int level = 1; level <= ROOT_LEVEL; level++) {
        pfn_t pfn = pte_pfn(*slot[level]);
        if (frame_of(pfn)->refs) return;
        frame_of(pfn)->refs = 1; /* for the batch to drop */
        *(volatile pte_t *)slot[level] = 0;
        if (level < ROOT_LEVEL) table_frame(slot[level])->refs--;
        pm->tables--;
        flush_drop_table(f, va, pfn);
    }
}
