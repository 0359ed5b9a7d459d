/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * 4 KiB pages in the kernel's own slot of the root table, shared by all spaces. See arch/kmap.h.
 *
 * LOCKING  `guard` over every table below the slot.
 * INVARIANTS  A table above the leaves once linked stays; a leaf table has a reference for each page that is mapped, and
 * with the last it is unhooked and waits on `loose` for the next flush, as CPUs may hold it in their paging-structure
 * caches (SDM Vol. 3, 4.10.4.4). No entry is changed while present, so mapping needs no flush. The last page of the slot is
 * the window of kmap_peek and kmap_register, which alone is not global.
 */
#include "arch/kmap.h"

#include <asm/errno.h>

#include "arch/cpu.h"
#include "arch/ipi.h"
#include "arch/mmu.h"
#include "arch/x86_64/pte.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"
#include "kernel/sync.h"
#include "libc/core/string.h"
#include "mm/frame.h"

static struct spinlock guard = {.name = "kmap"};
static pfn_t loose = NO_PFN; /* linked by first entries, not present */

/* The page's entry at a level; a missing table is taken if asked, and NULL is returned when there is no frame for it. */
static pte_t *find_locked(vaddr_t va, int to_level, bool make) REQUIRES(&guard) {
    ASSERT(va >= KMAP_BASE && va < KMAP_END && (va & PAGE_MASK) == 0);
    paddr_t table = mmu_kernel_root;
    for (int level = PT_LEVELS - 1; level > to_level; level--) {
        pte_t *e = (pte_t *)phys_to_virt(table) + PT_INDEX(va, level);
        if (!*e) {
            pfn_t pfn = make ? frame_alloc_zero(FRAME_KERNEL) : NO_PFN;
            if (pfn == NO_PFN) return NULL;
            frame_of(pfn)->refs = level > 1; /* a leaf table: the pages in it */
            *e = (pte_t)pfn << PAGE_SHIFT | PTE_P | PTE_W | PTE_A;
        }
        table = *e & PTE_FRAME;
    }
    return (pte_t *)phys_to_virt(table) + PT_INDEX(va, to_level);
}

/* One page less in the leaf table that e is in. */
static void prune_locked(vaddr_t va, pte_t *e) REQUIRES(&guard) {
    pfn_t pfn = frame_number(e);
    if (--frame_of(pfn)->refs) return;
    *find_locked(va, 1, false) = 0;
    frame_of(pfn)->refs = 1; /* for the flush to drop */
    *(pte_t *)frame_addr(pfn) = (pte_t)loose << PAGE_SHIFT; /* a CPU that still walks it finds nothing present */
    loose = pfn;
}

/* A CPU may still know a table that was unhooked from where a new one is hooked, so it is made to look anew. */
int kmap_page(vaddr_t va, paddr_t pa) {
    spin_lock(&guard);
    const pte_t *up = find_locked(va, 1, true);
    bool fresh = up && !*up;
    pte_t *e = find_locked(va, 0, true);
    if (e) {
        ASSERT(!*e && (pa & PAGE_MASK) == 0);
        frame_of(frame_number(e))->refs++;
        *e = pa | PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX;
    }
    spin_unlock(&guard);
    if (fresh && e) kmap_flush();
    return e ? 0 : -ENOMEM;
}

paddr_t kunmap_page(vaddr_t va) {
    spin_lock(&guard);
    pte_t *e = find_locked(va, 0, false);
    ASSERT(e && pte_present(*e));
    paddr_t pa = *e & PTE_FRAME;
    *e = 0;
    prune_locked(va, e);
    spin_unlock(&guard);
    return pa;
}

/* The translations are global: they go when CR4.PGE changes, and with them what is known of tables, whatever the PCID (SDM
 * Vol. 3, 4.10.4.1). */
static void flush_here(void *unused) {
    (void)unused;
    uint64_t cr4 = read_cr4();
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
}

void kmap_flush(void) {
    spin_lock(&guard);
    pfn_t pfn = loose, next;
    loose = NO_PFN;
    spin_unlock(&guard);
    ipi_call(cpu_online_mask(), flush_here, NULL);
    for (; pfn != NO_PFN; pfn = next) {
        next = pte_pfn(*(const pte_t *)frame_addr(pfn));
        frame_drop(pfn);
    }
}

bool kmap_can_flush(void) {
    return cpu_count() == 1 || (irq_enabled() && cpu_this()->irq_depth == 0);
}

/* ---- a look at any physical memory ---- */

#define WINDOW (KMAP_END - PAGE_SIZE)

/* What lies above would be a reserved bit. */
static paddr_t physical_end(void) {
    return 1ul << (cpuid(0x80000008, 0).eax & 0xff);
}

/*
 * What this CPU knew of the window goes when it is opened; nobody uses it while it is closed. Interrupts stay off: a call
 * from another CPU may load other tables (tlb.c), under whose PCID an old translation of the window is still known.
 */
static uint64_t open_window(pte_t *e, paddr_t at, pte_t flags) REQUIRES(&guard) {
    uint64_t saved = irq_save();
    *e = page_floor(at) | PTE_P | PTE_A | PTE_NX | flags;
    mmu_flush_page(WINDOW);
    return saved;
}

static void close_window(pte_t *e, uint64_t saved) REQUIRES(&guard) {
    *e = 0;
    irq_restore(saved);
}

static bool peek_page(void *to, paddr_t from, size_t len) {
    spin_lock(&guard);
    pte_t *e = find_locked(WINDOW, 0, true);
    if (e) {
        uint64_t saved = open_window(e, from, 0);
        memcpy(to, (const char *)WINDOW + (from & PAGE_MASK), len);
        close_window(e, saved);
    }
    spin_unlock(&guard);
    return e;
}

bool kmap_peek(void *to, paddr_t from, size_t len) {
    paddr_t end = physical_end();
    if (from >= end || len > end - from) return false;
    while (len) {
        size_t n = PAGE_SIZE - (from & PAGE_MASK);
        if (n > len) n = len;
        if (!peek_page(to, from, n)) return false;
        to = (char *)to + n;
        from += n;
        len -= n;
    }
    return true;
}

bool kmap_register(paddr_t at, unsigned size, bool write, uint32_t *value) {
    volatile void *p = (volatile char *)WINDOW + (at & PAGE_MASK);
    if (at >= physical_end()) return false;
    spin_lock(&guard);
    pte_t *e = find_locked(WINDOW, 0, true);
    if (e) {
        uint64_t saved = open_window(e, at, PTE_W | PTE_D | PTE_PCD | PTE_PWT);
        if (write && size == 4) *(volatile uint32_t *)p = *value;
        else if (write && size == 2) *(volatile uint16_t *)p = (uint16_t)*value;
        else if (write) *(volatile uint8_t *)p = (uint8_t)*value;
        *value = size == 4 ? *(volatile uint32_t *)p : size == 2 ? *(volatile uint16_t *)p : *(volatile uint8_t *)p;
        close_window(e, saved);
    }
    spin_unlock(&guard);
    return e;
}
