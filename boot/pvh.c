/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Reading the start info of QEMU's -kernel (the PVH boot protocol, documented with Xen's
 * public/arch-x86/hvm/start_info.h): a fixed structure that points to the command line, the modules and
 * an E820-like memory map. The first module is the initrd.
 */
#include "boot/loader.h"
#include "boot/memmap.h"

/* Packed: QEMU aligns them, but nothing says that it must. */
struct pvh_start {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modules, cmdline, rsdp;
    uint64_t memmap; /* from version 1 on */
    uint32_t memmap_entries, reserved;
} __attribute__((packed));

struct pvh_module {
    uint64_t paddr, size, cmdline, reserved;
} __attribute__((packed));

struct pvh_memory {
    uint64_t addr, size;
    uint32_t type, reserved;
} __attribute__((packed));

#define PVH_RAM 1 /* E820's numbers */
#define PVH_MAX_ENTRIES 4096

static const char *read_memmap(const struct pvh_start *s, struct boot_info *bi) {
    if (s->version < 1 || s->memmap_entries == 0) return "PVH start info without a memory map";
    if (s->memmap_entries > PVH_MAX_ENTRIES) return "PVH memory map with too many entries";
    const struct pvh_memory *e = early_phys(s->memmap, s->memmap_entries * sizeof *e);
    if (!e) return "PVH memory map out of reach";
    struct memmap m;
    memmap_init(&m, bi->ram, BOOT_RANGES);
    for (uint32_t i = 0; i < s->memmap_entries; i++) {
        if (e[i].type == PVH_RAM) memmap_add(&m, e[i].addr, e[i].size);
    }
    for (uint32_t i = 0; i < s->memmap_entries; i++) {
        if (e[i].type != PVH_RAM) memmap_remove(&m, e[i].addr, e[i].size);
    }
    memmap_finish(&m);
    bi->nranges = m.n;
    return NULL;
}

const char *pvh_read(paddr_t info, struct boot_info *bi) {
    const struct pvh_start *s = early_phys(info, sizeof *s);
    if (!s || s->magic != LOADER_PVH) return "PVH start info not found";
    bi->loader = "PVH";
    early_copy_rsdp(bi, s->rsdp ? early_phys(s->rsdp, sizeof bi->rsdp) : NULL, sizeof bi->rsdp);
    const char *wrong = read_memmap(s, bi);
    if (wrong) return wrong;
    if (s->cmdline && !early_copy_string(bi->cmdline, s->cmdline)) return "PVH command line out of reach";
    if (s->nr_modules == 0) return NULL;
    const struct pvh_module *mod = early_phys(s->modules, sizeof *mod);
    if (!mod) return "PVH module list out of reach";
    if (mod->paddr > UINT64_MAX - mod->size) return "PVH module wraps around";
    bi->initrd_start = mod->paddr;
    bi->initrd_end = mod->paddr + mod->size;
    return NULL;
}
