/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pages at kernel addresses of their own, outside the direct map: stacks between guard pages.
 *
 * All spaces share these translations: the root slot under KMAP_BASE is filled at boot. Mapped read-write,
 * never executable, global. Tables come from frame_alloc; one that serves 512 pages goes when none of them is mapped.
 *
 * LOCKING  one spinlock inside; nothing sleeps.
 */
#pragma once

#include "mm/types.h"

/* va is page-aligned in [KMAP_BASE, KMAP_END) and not mapped (asserted). 0, or -ENOMEM when there is no
 * frame for a table. Interrupts as for kmap_flush. */
int kmap_page(vaddr_t va, paddr_t pa);
/*
 * va must be mapped (asserted). Gives back what it was mapped to; the frame stays the caller's. CPUs may still
 * use the translation: neither the frame nor the address may serve anything else before a kmap_flush, which must follow.
 */
paddr_t kunmap_page(vaddr_t va);
/* Every CPU forgets what has been unmapped. With other CPUs online: as ipi_call, interrupts on. */
void kmap_flush(void);
/* May kmap_flush be called here? */
bool kmap_can_flush(void);
/*
 * Copy from physical memory of any kind (what the firmware left), by a mapping that is read-only and never
 * executable and gone afterwards. False: no such address on this CPU, or no frame for a table.
 */
bool kmap_peek(void *to, paddr_t from, size_t len);
/* A device's register of 1, 2 or 4 bytes, uncached: written if `write`, then read. False as above. */
bool kmap_register(paddr_t at, unsigned size, bool write, uint32_t *value);
