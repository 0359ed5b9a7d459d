/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Looks at the CPUs from ring 3, by knobs: for tests.
 */
#pragma once

#include <stdint.h>

/* Call every CPU that is online, this one too: how many came by. Interrupts on. */
unsigned smp_reach(void);
/* Panic on that CPU, or (SMP_ALL) on all at once. Returns only if it is not online. */
#define SMP_ALL UINT64_MAX
void smp_panic(uint64_t cpu);
