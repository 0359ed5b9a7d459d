/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Reading GRUB's boot information (Multiboot2 Specification 2.0, section 3.6): a total size, then tags,
 * each with a type and a size and starting on an 8-byte boundary, up to an end tag.
 *
 *   | total | 0 | type size ... pad | type size ... pad | 0 8 |
 *
 * With UEFI, GRUB has left the boot services and gives the firmware's map in the same memory-map tag.
 * The first module is the initrd. Tags that are not needed are passed over.
 */
#include "boot/loader.h"
#include "boot/memmap.h"

struct mb2_info {
    uint32_t total_size, reserved;
};

struct mb2_tag {
    uint32_t type, size;
};

struct mb2_module {
    struct mb2_tag tag;
    uint32_t start, end;
};

struct mb2_memmap {
    struct mb2_tag tag;
    uint32_t entry_size, entry_version;
};

struct mb2_memory {
    uint64_t addr, size;
    uint32_t type, reserved;
};

enum { MB2_END = 0, MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MEMMAP = 6, MB2_ACPI_OLD = 14, MB2_ACPI_NEW = 15 };

#define MB2_RAM 1
#define MB2_MAX_SIZE (1u << 20)

/* Adds (ram) or removes (not ram) the entries of one kind. */
static void walk_memmap(const struct mb2_memmap *t, struct memmap *m, bool ram) {
    const char *at = (const char *)(t + 1), *end = (const char *)t + t->tag.size;
    for (; (size_t)(end - at) >= sizeof(struct mb2_memory); at += t->entry_size) {
        const struct mb2_memory *e = (const void *)at;
        if (ram && e->type == MB2_RAM) memmap_add(m, e->addr, e->size);
        if (!ram && e->type != MB2_RAM) memmap_remove(m, e->addr, e->size);
        if ((size_t)(end - at) < t->entry_size) break;
    }
}

static const char *read_memmap(const struct mb2_memmap *t, struct boot_info *bi) {
    if (t->tag.size < sizeof *t || t->entry_size < sizeof(struct mb2_memory) || t->entry_size % 8 != 0) {
        return "multiboot2 memory map is malformed";
    }
    struct memmap m;
    memmap_init(&m, bi->ram, BOOT_RANGES);
    walk_memmap(t, &m, true);
    walk_memmap(t, &m, false);
    memmap_finish(&m);
    bi->nranges = m.n;
    return NULL;
}

static const char *read_module(const struct mb2_module *t, struct boot_info *bi) {
    if (t->tag.size < sizeof *t || t->end < t->start) return "multiboot2 module is malformed";
    if (bi->initrd_end) return NULL; /* only the first counts */
    bi->initrd_start = t->start;
    bi->initrd_end = t->end;
    return NULL;
}

/* GRUB puts a backslash before each quote and backslash of the words it was given; they are taken out again. */
static bool is_escape(const char *c, const char *end) {
    return end - c > 1 && c[0] == '\\' && (c[1] == '\\' || c[1] == '\'' || c[1] == '"');
}

static const char *read_cmdline(const struct mb2_tag *t, struct boot_info *bi) {
    const char *text = (const char *)(t + 1), *end = (const char *)t + t->size;
    uint32_t n = 0;
    for (; text < end && *text; text++) {
        if (is_escape(text, end)) text++;
        if (n < BOOT_CMDLINE - 1) bi->cmdline[n++] = *text;
    }
    if (text >= end) return "multiboot2 command line does not end";
    bi->cmdline[n] = 0;
    return NULL;
}

static const char *read_tag(const struct mb2_tag *t, struct boot_info *bi) {
    switch (t->type) {
    case MB2_CMDLINE: return read_cmdline(t, bi);
    case MB2_MODULE: return read_module((const struct mb2_module *)t, bi);
    case MB2_MEMMAP: return read_memmap((const struct mb2_memmap *)t, bi);
    case MB2_ACPI_OLD:
    case MB2_ACPI_NEW: early_copy_rsdp(bi, t + 1, t->size - sizeof *t); return NULL;
    default: return NULL;
    }
}

const char *multiboot2_read(paddr_t info, struct boot_info *bi) {
    const struct mb2_info *head = early_phys(info, sizeof *head);
    if (!head || info % 8 != 0) return "multiboot2 information not found";
    uint32_t total = head->total_size;
    if (total < sizeof *head + sizeof(struct mb2_tag) || total > MB2_MAX_SIZE) {
        return "multiboot2 information has an impossible size";
    }
    if (!early_phys(info, total)) return "multiboot2 information out of reach";
    bi->loader = "multiboot2";
    for (uint32_t at = sizeof *head; total - at >= sizeof(struct mb2_tag);) {
        const struct mb2_tag *t = (const void *)((const char *)head + at);
        if (t->size < sizeof *t || t->size > total - at) return "multiboot2 tag with an impossible size";
        if (t->type == MB2_END) return bi->nranges ? NULL : "multiboot2 information without a memory map";
        const char *wrong = read_tag(t, bi);
        if (wrong) return wrong;
        uint32_t step = (t->size + 7) & ~7u;
        if (step > total - at) break;
        at += step;
    }
    return "multiboot2 information without an end tag";
}
