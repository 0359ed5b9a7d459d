/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The buddy system under mm/frame.c: which blocks of 2^order frames are free. Private to the two.
 *
 * LOCKING  frame.c's lock is held around every call.
 */
#pragma once

#include "mm/frame.h"

/* Usable RAM as frame numbers [start, end), ascending and apart. */
struct frame_range {
    pfn_t start, end;
};

/* Remember the ranges (n of them, kept by the caller) and the descriptor table; initialise no descriptor yet. */
void buddy_init(struct frame *table, const struct frame_range *, unsigned n);
/* A free block, split from a larger one or from fresh chunks as needed; NO_PFN: none of that size. */
pfn_t buddy_take(unsigned order);
/* Give a block back; it joins its free buddies. */
void buddy_put(pfn_t, unsigned order);
/* Frames on the free lists, by walking them; and frames in chunks not initialised yet. */
uint64_t buddy_count_listed(void);
uint64_t buddy_count_untouched(void);
/* Is the descriptor of this frame initialised? */
bool buddy_initialised(pfn_t);
