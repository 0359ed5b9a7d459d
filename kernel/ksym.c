/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * From an address to the function it lies in, by the table that tools/ksyms made of the first link.
 *
 *   ksym_start[] -> ascending offsets from kernel_start     ksym_name_at[] -> where its name begins in ksym_names
 */
#include "kernel/log.h"

#include <stdint.h>

extern const uint32_t ksym_count;
extern const uint32_t ksym_start[], ksym_name_at[];
extern const char ksym_names[];
extern char kernel_start[], text_end[];

const char *ksym_name(unsigned long address, unsigned long *offset) {
    if (address < (unsigned long)kernel_start || address >= (unsigned long)text_end || ksym_count == 0) return NULL;
    unsigned long at = address - (unsigned long)kernel_start;
    uint32_t low = 0, high = ksym_count; /* the answer's index lies in [low, high) */
    if (at < ksym_start[0]) return NULL;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (ksym_start[middle] <= at) low = middle;
        else high = middle;
    }
    *offset = at - ksym_start[low];
    return ksym_names + ksym_name_at[low];
}
