/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the boot loader told us, in one neutral form whatever the loader was (multiboot2 or PVH).
 *
 * The early entry code leaves the loader's structures where they are; boot/multiboot2.c or boot/pvh.c
 * reads them into this, boot/memmap.c puts the memory map in order: sorted, no overlaps (what any entry
 * calls reserved wins), whole frames only. Nothing else of the kernel knows which loader ran.
 */
#pragma once

#include "mm/types.h"

#define BOOT_RANGES 128
#define BOOT_CMDLINE 1024

struct boot_range {
    paddr_t start, end; /* whole frames: start rounded up, end rounded down */
};

struct boot_info {
    const char *loader;                  /* "multiboot2" or "PVH" */
    char cmdline[BOOT_CMDLINE];          /* NUL-terminated, truncated if longer */
    unsigned nranges;
    struct boot_range ram[BOOT_RANGES];  /* usable RAM, ascending; kernel image and initrd NOT yet taken out */
    paddr_t kernel_start, kernel_end;    /* the image, bss included */
    paddr_t initrd_start, initrd_end;    /* 0, 0: none */
    paddr_t early_used_start, early_used_end; /* page tables made at boot: taken from RAM, never given back */
    uint8_t rsdp[36];                    /* a copy of ACPI's root pointer; zeroes: unknown */
    uint64_t entry_tsc;                  /* time stamp counter at the kernel's first instruction */
};

extern struct boot_info boot_info;
