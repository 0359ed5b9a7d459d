/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pages at kernel addresses of their own, outside the direct map: stacks between guard pages.
 *
 * All spaces share these translations: the root slot under KMAP_BASE is filled at boot. Mapped read-write,
 * never executable, global. Tables come from frame_alloc and stay for ever (one frame serves 512 pages).
 *
 * LOCKING  one spinlock inside; nothing sleeps.
 * MISSING  the shootdown of other CPUs in kunmap_page (there is one CPU).
 */
#pragma once

#include "mm/types.h"

/* va is page-aligned in [KMAP_BASE, KMAP_END) and not mapped (asserted). 0, or -ENOMEM when there is no frame for a table. */
int kmap_page(vaddr_t va, paddr_t pa);
/* va must be mapped (asserted). Gives back what it was mapped to; the frame stays the caller's. */
paddr_t kunmap_page(vaddr_t va);
