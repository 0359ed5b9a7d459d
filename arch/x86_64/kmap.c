/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * 4 KiB pages in the kernel's own slot of the root table, shared by all spaces. See arch/kmap.h.
 *
 * LOCKING  `guard` over every table below the slot.
 * INVARIANTS  A table once linked stays, so a walk needs no more than the lock; no entry is changed while
 * present, so mapping needs no flush.
 */
#include "arch/kmap.h"

#include <asm/errno.h>

#include "arch/mmu.h"
#include "arch/x86_64/pte.h"
#include "kernel/assert.h"
#include "kernel/sync.h"
#include "mm/frame.h"

static struct spinlock guard = {.name = "kmap"};

/* The page's entry; a missing table is taken if asked, and NULL is returned when there is no frame for it. */
static pte_t *find_locked(vaddr_t va, bool make) {
    ASSERT(va >= KMAP_BASE && va < KMAP_END && (va & PAGE_MASK) == 0);
    paddr_t table = mmu_kernel_root;
    for (int level = PT_LEVELS - 1; level > 0; level--) {
        pte_t *e = (pte_t *)phys_to_virt(table) + PT_INDEX(va, level);
        if (!*e) {
            pfn_t pfn = make ? frame_alloc_zero(FRAME_KERNEL) : NO_PFN;
            if (pfn == NO_PFN) return NULL;
            *e = (pte_t)pfn << PAGE_SHIFT | PTE_P | PTE_W | PTE_A;
        }
        table = *e & PTE_FRAME;
    }
    return (pte_t *)phys_to_virt(table) + PT_INDEX(va, 0);
}

int kmap_page(vaddr_t va, paddr_t pa) {
    spin_lock(&guard);
    pte_t *e = find_locked(va, true);
    if (e) {
        ASSERT(!*e && (pa & PAGE_MASK) == 0);
        *e = pa | PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX;
    }
    spin_unlock(&guard);
    return e ? 0 : -ENOMEM;
}

paddr_t kunmap_page(vaddr_t va) {
    spin_lock(&guard);
    pte_t *e = find_locked(va, false);
    ASSERT(e && pte_present(*e));
    paddr_t pa = *e & PTE_FRAME;
    *e = 0;
    mmu_flush_page(va);
    spin_unlock(&guard);
    return pa;
}
