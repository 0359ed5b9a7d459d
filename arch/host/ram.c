/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Fake RAM: physical memory as one mapping of the process, and the boot map that describes it.
 *
 *      0      4K          636K      1M     2M      3M            middle          size
 *      | none | RAM       | none    | RAM  | image | RAM          | hole | RAM    |
 *
 * Only what the boot map calls RAM can be touched at all; the kernel's image is RAM in use from the start,
 * and its first frame is the kernel's root table. A frame that is freed is poisoned for the address
 * sanitizer until it is given out again, so that use after free is found by any kernel access.
 *
 * MISSING  device memory: nothing in mm/ touches any.
 */
#include "arch/host/host.h"
#include "arch/host/mmu.h"

#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/mmu.h"
#include "boot/bootinfo.h"

static uint8_t *ram;
static uint64_t ram_size;
static uint8_t *is_ram; /* one byte a frame */

struct boot_info boot_info;
paddr_t mmu_kernel_root;

#define MIB (1ul << 20)

void *phys_to_virt(paddr_t pa) {
    if (pa >= ram_size) host_die("phys_to_virt(%#lx): beyond physical memory", pa);
    return ram + pa;
}

paddr_t virt_to_phys(const void *p) {
    const uint8_t *byte = p;
    if (byte < ram || byte >= ram + ram_size) host_die("virt_to_phys(%p): not a direct-map address", p);
    return (paddr_t)(byte - ram);
}

bool host_is_ram(paddr_t pa) {
    return pa < ram_size && is_ram[pa >> PAGE_SHIFT];
}

/* Uncommitted and inaccessible: a range becomes memory when the map says that it is. */
static void *reserve_memory(uint64_t size) {
    void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) host_die("cannot reserve %lu bytes for fake RAM", size);
    return p;
}

static void power_off(void) {
    if (!ram) return;
    ASAN_UNPOISON_MEMORY_REGION(ram, ram_size);
    munmap(ram, ram_size);
    munmap(is_ram, ram_size >> PAGE_SHIFT);
    ram = NULL;
}

static void open_range(paddr_t start, paddr_t end) {
    if (end > ram_size || start > end) host_die("boot map: [%#lx, %#lx) is outside the machine", start, end);
    if (start == end) return;
    if (mprotect(ram + start, end - start, PROT_READ | PROT_WRITE) != 0) host_die("cannot open fake RAM");
    memset(is_ram + (start >> PAGE_SHIFT), 1, (end - start) >> PAGE_SHIFT);
}


void host_power_map(uint64_t size, const struct boot_info *map) {
    power_off();
    ram_size = size;
    ram = reserve_memory(size);
    is_ram = reserve_memory(size >> PAGE_SHIFT);
    if (mprotect(is_ram, size >> PAGE_SHIFT, PROT_READ | PROT_WRITE) != 0) host_die("cannot open the RAM map");
    boot_info = *map;
    for (unsigned i = 0; i < map->nranges; i++) open_range(map->ram[i].start, map->ram[i].end);
    open_range(map->kernel_start, map->kernel_end);
    mmu_kernel_root = map->kernel_start;
    mmu_reset(mmu_kernel_root);
    cpus_reset();
}

void host_power(uint64_t size) {
    paddr_t middle = page_floor(size / 2);
    struct boot_info map = {
        .loader = "host",
        .nranges = 3,
        .ram = {{PAGE_SIZE, 159 * PAGE_SIZE}, {MIB, middle}, {middle + MIB, size}},
        .kernel_start = 2 * MIB,
        .kernel_end = 3 * MIB,
    };
    host_power_map(size, &map);
}

void host_frame_given(pfn_t pfn, unsigned order) {
    paddr_t pa = (paddr_t)pfn << PAGE_SHIFT;
    for (paddr_t at = pa; at < pa + (PAGE_SIZE << order); at += PAGE_SIZE)
        if (!host_is_ram(at)) host_die("frame %lu was given out and is not RAM", at >> PAGE_SHIFT);
    ASAN_UNPOISON_MEMORY_REGION(ram + pa, PAGE_SIZE << order);
}


void host_frame_freed(pfn_t pfn, unsigned order) {
    for (pfn_t i = 0; i < 1u << order; i++) mmu_forbid_free(pfn + i);
    ASAN_POISON_MEMORY_REGION(ram + ((paddr_t)pfn << PAGE_SHIFT), PAGE_SIZE << order);
}

void host_poison(const void *p, size_t n) {
    ASAN_POISON_MEMORY_REGION(p, n);
}

void host_unpoison(const void *p, size_t n) {
    ASAN_UNPOISON_MEMORY_REGION(p, n);
}
