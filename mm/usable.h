/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Usable RAM, as the loader left it; for mm/frame.c alone.
 */
#pragma once

#include "mm/buddy.h"

struct boot_info;

/* The RAM of the boot information less what is in use. Panics if nothing is left. */
void usable_init(const struct boot_info *);
/* So many frames, taken from the end of the highest range that has room. Panics if none has. */
void *usable_place(uint64_t frames);
/* What is left now, ascending and apart; and the number after its last frame. */
const struct frame_range *usable_ranges(unsigned *n);
pfn_t usable_end(void);
