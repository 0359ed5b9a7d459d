/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Between the parts of the machine in a process: RAM, MMUs, CPUs.
 */
#pragma once

#include "mm/types.h"

struct walk;

/* As mmu_walk, and marks: accessed on the way, dirty at the leaf of a write (SDM Vol. 3, 4.8). */
void mmu_walk_marking(paddr_t root, vaddr_t va, struct walk *, bool write);
/* Forget everything on all CPUs, load this root: the machine was powered on again. */
void mmu_reset(paddr_t root);
/* Ends the test if a CPU could still reach this frame: it is about to be freed. */
void mmu_forbid_free(pfn_t);
/* From here on, what is done to the MMU is done to this CPU's. */
void mmu_be(unsigned cpu);
/* This CPU runs no program; runs one again: ends the test if something stale is left from before. */
void mmu_run_kernel(void);
void mmu_run_program(void);
/* The first CPU has the turn. */
void cpus_reset(void);
