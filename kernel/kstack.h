/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Kernel stacks, each with unmapped pages below it.
 */
#pragma once

#include "mm/types.h"

#define KSTACK_SIZE  (4 * PAGE_SIZE)
#define KSTACK_STEP  (2 * KSTACK_SIZE) /* as much again lies unmapped below it */
#define KSTACK_MAX   4096u             /* at one time */
#define KSTACK_PAGERS 16u              /* of them, for who serves swap alone */
#define KSTACK_CACHE 16u               /* kept mapped for the next thread */
#define KSTACK_BATCH 8u                /* unmapped at one time */

/* The lowest address of a stack of KSTACK_SIZE bytes; 0: no memory, or too many are out. Contents unspecified.
 * Interrupts on, when other CPUs are online. */
vaddr_t kstack_alloc(void);
/* As many are out as the caller may see: what kstack_alloc could not give was not for want of memory. */
bool kstack_none_left(void);
void kstack_free(vaddr_t stack);
/* Give back what kstack_free had to keep, as it could not wait for other CPUs, if there are at least so many of them: where
 * kmap_can_flush (arch/kmap.h). */
void kstack_trim(unsigned least);
/* Give back every stack that nobody uses, so that free frames can be counted. Interrupts on, no lock held. */
void kstack_trim_all(void);
void kstack_init(void);
