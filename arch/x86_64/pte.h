/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Page-table entries of x86-64, four levels (SDM Vol. 3, 4.5), and the states of a user leaf entry.
 *
 *   present   P=1   frame, permissions, accessed, dirty: the MMU reads it
 *   device    P=1, PCD=1   the registers of a device, uncached; there is no frame behind the number
 *   parked    P=0, bit 9   the page is resident, in this frame, but nobody may touch it: PROT_NONE over a
 *                   page that was there before (contract L17: it stays resident and locked)
 *   swapped   P=0, bit 10  the page is in swap, in the slot that stands where the frame number does
 *   empty     0     nothing here; the region says what a fault brings
 *
 *      63  62        52 51                      12 11  9 8 7 6 5 4 3 2 1 0
 *     +--+------------+--------------------------+-----+-+-+-+-+---+-+-+-+
 *     |NX|  ignored   |       frame number       |  K  |G|S|D|A| C |U|W|P|      K: bit 9 = parked, 10 = swapped
 *     +--+------------+--------------------------+-----+-+-+-+-+---+-+-+-+
 *
 * arch/host emulates an MMU over the same format.
 */
#pragma once

#include "mm/types.h"

typedef uint64_t pte_t;

#define PTE_P      (1ul << 0)
#define PTE_W      (1ul << 1)
#define PTE_U      (1ul << 2)
#define PTE_PWT    (1ul << 3)
#define PTE_PCD    (1ul << 4)
#define PTE_A      (1ul << 5)
#define PTE_D      (1ul << 6)
#define PTE_PS     (1ul << 7)
#define PTE_G      (1ul << 8)
#define PTE_PARKED (1ul << 9)
#define PTE_SWAPPED (1ul << 10)
#define PTE_NX     (1ul << 63)
#define PTE_FRAME  0x000ffffffffff000ul

#define PT_ENTRIES 512
#define PT_LEVELS  4
/* Bytes that one entry at a level reaches: level 0 is a page, 3 an entry of the root. */
#define PT_SPAN(level) (1ul << (PAGE_SHIFT + 9 * (level)))
#define PT_INDEX(va, level) (((va) >> (PAGE_SHIFT + 9 * (level))) & (PT_ENTRIES - 1))

static inline pfn_t pte_pfn(pte_t e) {
    return (pfn_t)((e & PTE_FRAME) >> PAGE_SHIFT);
}

static inline bool pte_present(pte_t e) {
    return e & PTE_P;
}

/* Is there a page in this entry, touchable or parked? */
static inline bool pte_resident(pte_t e) {
    return e & (PTE_P | PTE_PARKED);
}

static inline bool pte_swapped(pte_t e) {
    return e & PTE_SWAPPED;
}

static inline pte_t pte_swap(uint32_t slot) {
    return ((pte_t)slot << PAGE_SHIFT) | PTE_SWAPPED;
}

static inline uint32_t pte_slot(pte_t e) {
    return pte_pfn(e);
}

static inline pte_t pte_make(pfn_t pfn, bool write, bool exec) {
    return ((pte_t)pfn << PAGE_SHIFT) | PTE_P | PTE_U | PTE_A | (write ? PTE_W : 0) | (exec ? 0 : PTE_NX);
}

static inline pte_t pte_make_device(pfn_t pfn, bool write) {
    return pte_make(pfn, write, false) | PTE_PCD | PTE_PWT | PTE_D;
}

static inline bool pte_is_device(pte_t e) {
    return (e & (PTE_P | PTE_PCD)) == (PTE_P | PTE_PCD);
}

static inline pte_t pte_park(pte_t e) {
    return (e & (PTE_FRAME | PTE_D)) | PTE_PARKED;
}
