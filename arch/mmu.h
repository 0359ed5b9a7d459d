/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The machine under mm/: how physical memory is reached, and how the TLB is told.
 *
 * Two machines implement it: arch/x86_64 (the real one) and arch/host (a process with fake RAM and an
 * emulated MMU that walks the same page tables and keeps stale translations for as long as it may, so
 * that a missing flush is caught). <machine.h> is found in the machine's own folder and gives the
 * inline parts: phys_to_virt(), virt_to_phys(), mmu_flush_page().
 *
 * None of these may sleep; all may be called with any lock held.
 */
#pragma once

#include "mm/types.h"

#include <machine.h>

/*
 *   void *phys_to_virt(paddr_t)       kernel address of RAM, by the direct map
 *   paddr_t virt_to_phys(const void *) the inverse; direct-map addresses only
 *   void mmu_flush_page(vaddr_t)      forget this page's translation in the space that this CPU runs (SDM Vol. 3, 4.10.4.1)
 *   void mmu_flush_user(void)         forget every translation of user space
 *   paddr_t mmu_root(void)            root of the tables that this CPU runs
 *   void mmu_load(paddr_t root, unsigned pcid, bool keep)
 *                                     run these tables, under this process-context identifier (SDM Vol. 3, 4.10.1). What is
 *                                     remembered under it is used from here on if `keep`, else forgotten, but for global ones
 *
 *   void mmu_copy_page(void *to, const void *from)
 *                                     one page. Ring 3 or a device may be writing to it: what then arrives was there, word by
 *                                     word, at some moment of the copying. No tool that looks for data races is told
 *
 * What is remembered under another identifier than the current one is not used, nor forgotten by any of these.
 */

/* Do the CPUs have identifiers? If not, 0 is the only one, and nothing is kept. */
extern bool mmu_has_pcids;

/* The kernel half of every new root table is a copy of this one's. Set once at boot. */
extern paddr_t mmu_kernel_root;

/* Is this kernel address mapped? For the panic's backtrace, which trusts no pointer. Real machine only. */
bool mmu_kernel_maps(vaddr_t va);
