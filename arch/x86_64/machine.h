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

/* CR3's low bits are attributes, all zero here, so the register is the root. */
static inline paddr_t mmu_root(void) {
    paddr_t root;
    __asm__ volatile("movq %%cr3, %0" : "=r"(root));
    return root;
}

static inline void mmu_load(paddr_t root) {
    __asm__ volatile("movq %0, %%cr3" ::"r"(root) : "memory");
}

/* Writing CR3 drops all that is not global, and only the kernel's translations are (SDM Vol. 3, 4.10.4.1). */
static inline void mmu_flush_user(void) {
    mmu_load(mmu_root());
}

/*
 * Process-context identifiers (SDM Vol. 3, 4.10.1): whether the CPUs have them, and INVPCID. They are off
 * until mmu_enable_pcid has run on a CPU, with identifier 0 (the low bits of CR3) loaded; then mmu_root() and
 * mmu_load() carry the identifier in their low 12 bits, and bit 63 of what is loaded keeps its translations.
 */
extern bool cpu_has_pcid, cpu_has_invpcid; /* the same on all CPUs; known from cpu_init on */

enum { INVPCID_PAGE, INVPCID_ONE, INVPCID_ALL_GLOBAL, INVPCID_ALL };

static inline void mmu_invpcid(unsigned long type, uint64_t pcid, vaddr_t va) {
    const struct { uint64_t pcid, va; } what = {pcid, va};
    __asm__ volatile("invpcid %0, %1" ::"m"(what), "r"(type) : "memory");
}

static inline void mmu_enable_pcid(void) {
    uint64_t cr4;
    __asm__ volatile("movq %%cr4, %0; orq $0x20000, %0; movq %0, %%cr4" : "=&r"(cr4)::"memory");
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
