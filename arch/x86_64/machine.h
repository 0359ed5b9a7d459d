/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The inline half of arch/mmu.h on the real machine, and where the kernel lies in the address space.
 *
 *   0000000000001000  user space                              (root slots 0-255, a space's own)
 *   ffff800000000000  direct map of all RAM, RW NX            (slots 256-383, the same in every space)
 *   ffffc00000000000  kernel stacks between guard pages       (slot 384, arch/kmap.h)
 *   ffffffff80200000  the kernel image, at physical 2 MiB     (slot 511)
 *
 * Kernel translations are global and its root slots are filled once at boot, so a new root table copies
 * slots 256-511 of mmu_kernel_root and never looks back.
 */
#pragma once

#include "kernel/kasan.h"
#include "mm/types.h"

#define DIRECT_BASE 0xffff800000000000ul
#define DIRECT_END  0xffffc00000000000ul
#define KMAP_BASE   0xffffc00000000000ul
#define KMAP_END    0xffffc08000000000ul /* one root slot: 512 GiB of addresses */
#define KERNEL_BASE 0xffffffff80000000ul

static inline void *phys_to_virt(paddr_t pa) {
    return (void *)(pa + DIRECT_BASE);
}

static inline paddr_t virt_to_phys(const void *p) {
    return (paddr_t)(uintptr_t)p - DIRECT_BASE;
}

/* Physical address of something inside the kernel image (which is not a direct-map address). */
static inline paddr_t image_to_phys(const void *p) {
    return (paddr_t)(uintptr_t)p - KERNEL_BASE;
}

static inline void mmu_flush_page(vaddr_t va) {
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* CR3 is the root, and in its low bits the process-context identifier; read, it has bit 63 clear. */
static inline uint64_t mmu_cr3(void) {
    uint64_t cr3;
    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    return cr3;
}

static inline void mmu_set_cr3(uint64_t cr3) {
    __asm__ volatile("movq %0, %%cr3" ::"r"(cr3) : "memory");
}

static inline paddr_t mmu_root(void) {
    return page_floor(mmu_cr3());
}

/* CR3 written with bit 63 drops nothing; without, what is under its identifier and not global (SDM Vol. 3, 4.10.4.1). */
static inline void mmu_load(paddr_t root, unsigned pcid, bool keep) {
    mmu_set_cr3(root | pcid | (uint64_t)keep << 63);
}

/* Only the kernel's translations are global. */
static inline void mmu_flush_user(void) {
    mmu_set_cr3(mmu_cr3());
}

static inline void mmu_copy_page(void *to, const void *from) {
    uint64_t words = PAGE_SIZE / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

/* The host's machine, and kernels made with KASAN=1, want to know which frames and bytes are given out and taken back. */
#ifdef KASAN
#define MACHINE_SHADOW_PAGES(frames)         kasan_pages(frames)
#define MACHINE_SHADOW(at, frames)           kasan_init(at, frames)
#define MACHINE_RANGE_FREE(first, end)       kasan_range_free(first, end)
#define MACHINE_FRAME_GIVEN(pfn, order)      kasan_frame_given(pfn, order)
#define MACHINE_FRAME_FREED(pfn, order)      kasan_frame_freed(pfn, order)
#define MACHINE_REDZONE                      KASAN_REDZONE
#define MACHINE_POISON(p, n)                 kasan_poison(p, n)
#define MACHINE_UNPOISON(p, n)               kasan_unpoison(p, n)
#define MACHINE_SLAB(page, first, size, name) kasan_slab(page, first, size, name)
#define MACHINE_GIVEN(p)                     kasan_object_given(p)
#define MACHINE_QUARANTINE(p)                kasan_quarantine(p)
#define MACHINE_EVICT()                      kasan_evict()
#else
#define MACHINE_SHADOW_PAGES(frames)    0
#define MACHINE_SHADOW(at, frames)      ((void)(at))
#define MACHINE_RANGE_FREE(first, end)  ((void)0)
#define MACHINE_FRAME_GIVEN(pfn, order) ((void)0)
#define MACHINE_FRAME_FREED(pfn, order) ((void)0)
#define MACHINE_REDZONE                 0u
#define MACHINE_POISON(p, n)            ((void)0)
#define MACHINE_UNPOISON(p, n)          ((void)0)
#define MACHINE_SLAB(page, first, size, name) ((void)0)
#define MACHINE_GIVEN(p)                ((void)0)
#define MACHINE_QUARANTINE(p)           (p)
#define MACHINE_EVICT()                 NULL
#endif

/* Where the last page fault was. For kernel/trap.c alone, with interrupts still off. */
static inline vaddr_t mmu_fault_address(void) {
    vaddr_t va;
    __asm__ volatile("movq %%cr2, %0" : "=r"(va));
    return va;
}

/* The raw time-stamp counter: arch/clock.h turns it into nanoseconds. Cheap enough for every trace event. */
static inline uint64_t machine_ticks(void) {
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}
