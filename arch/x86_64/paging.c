/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The kernel's page tables, made once at boot and shared by every space.
 *
 *   slot 256-383  direct map   each range of RAM at DIRECT_BASE + physical, RW NX, by the largest pages that fit
 *   slot 384      kmap         an empty table, filled later by kmap.c
 *   slot 511      the image    text RX, rodata R NX, data and bss RW NX, 4 KiB pages; guard pages left out
 *
 * W^X holds for frames, not only for addresses: text and rodata are read-only in the direct map too.
 * Besides RAM one device page is mapped, the local APIC's, uncached. Where the CPU has 1 GiB pages a
 * machine of any size costs a handful of entries.
 *
 * The tables come from the largest gap in RAM below 4 GiB, taken from its start one frame at a time;
 * boot_info says how much that was.
 *
 * LOCKING  none: boot's single thread. After that nothing writes these tables but kmap.c.
 */
#include "arch/mmu.h"
#include "arch/x86_64/pte.h"
#include "arch/x86_64/x86.h"
#include "boot/bootinfo.h"
#include "kernel/assert.h"
#include "libc/core/string.h"

#define KERNEL_RX (PTE_P | PTE_G | PTE_A)
#define KERNEL_RO (PTE_P | PTE_G | PTE_A | PTE_NX)
#define KERNEL_RW (PTE_P | PTE_G | PTE_A | PTE_D | PTE_W | PTE_NX)
#define KERNEL_DEVICE (KERNEL_RW | PTE_PWT | PTE_PCD)
#define KERNEL_TABLE (PTE_P | PTE_W | PTE_A)

#define EARLY_REACH (1ul << 32) /* what boot's own tables map */

extern char kernel_start[], text_end[], rodata_end[], kernel_end[];
extern char boot_stack_guard[], ist_stack_guards[];

paddr_t mmu_kernel_root;

static paddr_t pool_next, pool_end;

static paddr_t take_frame(void) {
    if (pool_next == pool_end) panic("boot: no room in RAM for the kernel's page tables");
    paddr_t pa = pool_next;
    pool_next += PAGE_SIZE;
    memset(phys_to_virt(pa), 0, PAGE_SIZE);
    return pa;
}

/* Does [start, start + 1) lie in something taken? Then where that ends. */
static paddr_t taken_until(const struct boot_info *bi, paddr_t at) {
    if (at >= bi->kernel_start && at < bi->kernel_end) return bi->kernel_end;
    if (at >= bi->initrd_start && at < bi->initrd_end) return page_ceil(bi->initrd_end);
    return 0;
}

/* The free gap that starts at `at`: its end is the range's or the next thing taken. */
static paddr_t gap_end(const struct boot_info *bi, paddr_t at, paddr_t end) {
    if (end > EARLY_REACH) end = EARLY_REACH;
    if (bi->kernel_start >= at && bi->kernel_start < end) end = bi->kernel_start;
    if (bi->initrd_end > bi->initrd_start && bi->initrd_start >= at && bi->initrd_start < end) {
        end = page_floor(bi->initrd_start);
    }
    return end;
}

static void choose_pool(const struct boot_info *bi) {
    for (unsigned i = 0; i < bi->nranges; i++) {
        paddr_t at = bi->ram[i].start;
        while (at < bi->ram[i].end && at < EARLY_REACH) {
            paddr_t skip = taken_until(bi, at);
            paddr_t end = skip ? skip : gap_end(bi, at, bi->ram[i].end);
            if (!skip && end - at > pool_end - pool_next) {
                pool_next = at;
                pool_end = end;
            }
            at = end;
        }
    }
}

/* The entry for va at a level, making the tables above it. */
static pte_t *entry_at(vaddr_t va, int level) {
    paddr_t table = mmu_kernel_root;
    for (int l = PT_LEVELS - 1; l > level; l--) {
        pte_t *e = (pte_t *)phys_to_virt(table) + PT_INDEX(va, l);
        if (!*e) *e = take_frame() | KERNEL_TABLE;
        ASSERT(!(*e & PTE_PS));
        table = *e & PTE_FRAME;
    }
    return (pte_t *)phys_to_virt(table) + PT_INDEX(va, level);
}

/* Fill entries of one table from va on while they fit; returns the bytes done. */
static uint64_t map_run(vaddr_t va, paddr_t pa, uint64_t len, pte_t flags, int level) {
    uint64_t span = PT_SPAN(level), done = 0;
    pte_t *e = entry_at(va, level);
    unsigned left = PT_ENTRIES - (unsigned)PT_INDEX(va, level);
    if (level) flags |= PTE_PS;
    for (; left && len - done >= span; left--, done += span) *e++ = (pa + done) | flags;
    return done;
}

/* [va, va + len) -> pa, whole pages, by the largest pages that alignment and length allow, up to a level. */
static void map(vaddr_t va, paddr_t pa, uint64_t len, pte_t flags, int max_level) {
    while (len) {
        int level = max_level;
        while (level && ((va | pa) % PT_SPAN(level) || len < PT_SPAN(level))) level--;
        uint64_t want = len;
        if (level < max_level) { /* stop where a larger page may begin */
            uint64_t to_larger = PT_SPAN(level + 1) - pa % PT_SPAN(level + 1);
            if (to_larger < want) want = to_larger;
        }
        uint64_t done = map_run(va, pa, want, flags, level);
        va += done;
        pa += done;
        len -= done;
    }
}

static void map_direct(paddr_t start, paddr_t end, pte_t flags) {
    if (start >= end) return;
    if (end > DIRECT_END - DIRECT_BASE) end = DIRECT_END - DIRECT_BASE;
    map((vaddr_t)phys_to_virt(start), start, end - start, flags, cpu_caps.pdpe1gb ? 2 : 1);
}

static paddr_t min(paddr_t a, paddr_t b) {
    return a < b ? a : b;
}

static paddr_t max(paddr_t a, paddr_t b) {
    return a > b ? a : b;
}

/* A range of RAM, in three parts: before the image's read-only half, in it, after. */
static void map_ram(struct boot_range r) {
    paddr_t ro_start = image_to_phys(kernel_start), ro_end = image_to_phys(rodata_end);
    map_direct(r.start, min(r.end, ro_start), KERNEL_RW);
    map_direct(max(r.start, ro_start), min(r.end, ro_end), KERNEL_RO);
    map_direct(max(r.start, ro_end), r.end, KERNEL_RW);
}

static void map_image(const char *start, const char *end, pte_t flags) {
    map((vaddr_t)start, image_to_phys(start), (uint64_t)(end - start), flags, 0);
}

static void unmap_guard(const char *page) {
    *entry_at((vaddr_t)page, 0) = 0;
}

void paging_init(struct boot_info *bi) {
    choose_pool(bi);
    bi->early_used_start = pool_next;
    mmu_kernel_root = take_frame();
    for (unsigned i = 0; i < bi->nranges; i++) map_ram(bi->ram[i]);
    map_image(kernel_start, text_end, KERNEL_RX);
    map_image(text_end, rodata_end, KERNEL_RO);
    map_image(rodata_end, kernel_end, KERNEL_RW);
    unmap_guard(boot_stack_guard);
    for (unsigned i = 0; i < 3; i++) unmap_guard(ist_stack_guards + i * 3 * PAGE_SIZE);
    map((vaddr_t)phys_to_virt(lapic_paddr()), lapic_paddr(), PAGE_SIZE, KERNEL_DEVICE, 0);
    (void)entry_at(KMAP_BASE, PT_LEVELS - 2); /* the slot's table, before anyone copies the root */
    bi->early_used_end = pool_next;
    mmu_load(mmu_kernel_root, 0, false);
}

bool mmu_kernel_maps(vaddr_t va) {
    if (va < DIRECT_BASE) return false;
    paddr_t table = mmu_root();
    for (int level = PT_LEVELS - 1;; level--) {
        pte_t e = ((const pte_t *)phys_to_virt(table))[PT_INDEX(va, level)];
        if (!pte_present(e)) return false;
        if (level == 0 || e & PTE_PS) return true;
        table = e & PTE_FRAME;
    }
}
