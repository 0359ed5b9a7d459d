/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The two readers of what a loader left behind. Both fill loader, cmdline, ram, initrd_* and rsdp of the
 * boot information, look at everything before they believe it, and return NULL, or in one phrase what is
 * wrong with the loader's tables.
 */
#pragma once

#include "boot/bootinfo.h"

#define LOADER_MULTIBOOT2 0x36d76289u /* EAX at entry (Multiboot2 Specification, 3.5) */
#define LOADER_PVH        0x336ec578u /* struct hvm_start_info's magic */

const char *multiboot2_read(paddr_t info, struct boot_info *bi);
const char *pvh_read(paddr_t info, struct boot_info *bi);

/* Kernel address of [pa, pa + len) while the early page tables are in use: NULL if not all within 4 GiB. */
const void *early_phys(paddr_t pa, uint64_t len);
/* Copies a string of the loader's, truncated to fit. False: it does not end within reach. */
bool early_copy_string(char to[BOOT_CMDLINE], paddr_t pa);
/* Copies ACPI's root pointer (at most what boot_info has room for); a later, longer one wins. from may be NULL. */
void early_copy_rsdp(struct boot_info *bi, const void *from, uint64_t len);
