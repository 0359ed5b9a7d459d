/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The machine under mm/ when it is an ordinary Linux process: fake RAM, a few emulated CPUs.
 *
 * Physical memory is one mapping of the process; address pa is byte pa of it. What the boot map does not
 * call RAM is inaccessible, so a stray access ends in a signal, and a free frame is poisoned for the
 * address sanitizer. Page tables lie in that RAM in the hardware's own format, made by the very pmap.c
 * that runs on the real machine, and arch/host/mmu.c walks them as the SDM says.
 *
 * See arch/mmu.h for the contract and arch/host/host.h for what tests may do to the machine.
 */
#pragma once

#include "mm/types.h"

void *phys_to_virt(paddr_t);
paddr_t virt_to_phys(const void *);
void mmu_flush_page(vaddr_t);
void mmu_flush_user(void);
paddr_t mmu_root(void);
void mmu_load(paddr_t root, unsigned pcid, bool keep);
void mmu_copy_page(void *to, const void *from);

/* mm/frame.c tells the machine what it gives and takes back: 2^order frames. Nothing on real hardware. */
void host_frame_given(pfn_t, unsigned order);
void host_frame_freed(pfn_t, unsigned order);
#define MACHINE_FRAME_GIVEN(pfn, order) host_frame_given(pfn, order)
#define MACHINE_FRAME_FREED(pfn, order) host_frame_freed(pfn, order)

/* mm/heap.c marks the bytes that nobody has been given: the address sanitizer watches them. */
void host_poison(const void *, size_t);
void host_unpoison(const void *, size_t);
#define MACHINE_POISON(p, n)   host_poison(p, n)
#define MACHINE_UNPOISON(p, n) host_unpoison(p, n)
#define MACHINE_REDZONE        0u
#define MACHINE_SLAB(page, first, size, name) ((void)0)
#define MACHINE_GIVEN(p)       ((void)0)
#define MACHINE_QUARANTINE(p)  (p)
#define MACHINE_EVICT()        NULL
#define MACHINE_SHADOW_PAGES(frames)   0
#define MACHINE_SHADOW(at, frames)     ((void)(at))
#define MACHINE_RANGE_FREE(first, end) ((void)0)
