/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * An object's index from the inside: an entry is a frame's number, a slot's number with its top bit set, or NO_PFN.
 */
#pragma once

#include "mm/object.h"
#include "mm/swap.h"

#define INDEX_SWAPPED (1u << 31) /* no frame has this bit: 8 TiB of RAM; nor has a slot (mm/swap_impl.h) */

static inline bool index_swapped(pfn_t entry) {
    return entry != NO_PFN && (entry & INDEX_SWAPPED);
}

static inline bool index_resident(pfn_t entry) {
    return !(entry & INDEX_SWAPPED);
}

static inline pfn_t index_swap(slot_t slot) {
    return slot | INDEX_SWAPPED;
}

static inline slot_t index_slot(pfn_t entry) {
    return entry & ~INDEX_SWAPPED;
}

/* The entry of a page inside the object's size. object.lock held. */
pfn_t *object_slot(const struct object *, uint64_t page);
