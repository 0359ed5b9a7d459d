/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Between the two halves of the machine in a process: RAM and MMU.
 */
#pragma once

#include "mm/types.h"

/* Forget everything: the machine was powered on again. */
void mmu_reset(void);
/* Ends the test if the CPU could still reach this frame: it is about to be freed. */
void mmu_forbid_free(pfn_t);
