/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * From the loader's hands to kernel_main: the console, traps, the boot information, the real page tables.
 *
 * Until paging_init the early tables of boot/entry.asm are in use: everything below 4 GiB is reached
 * through phys_to_virt(), nothing above. What is wrong with the loader's tables ends here, in one
 * panic line, before anything is built on them.
 */
#include "arch/serial.h"
#include "arch/x86_64/x86.h"
#include "boot/loader.h"
#include "kernel/assert.h"
#include "kernel/log.h"
#include "libc/core/string.h"

struct boot_info boot_info;
uint64_t boot_entry_tsc; /* written by entry.asm */

extern char kernel_start[], kernel_end[];

_Noreturn void boot_main(uint64_t loader, paddr_t info);
_Noreturn void kernel_main(void);

const void *early_phys(paddr_t pa, uint64_t len) {
    const uint64_t reach = 1ul << 32;
    if (pa == 0 || len > reach || pa > reach - len) return NULL;
    return phys_to_virt(pa);
}

/* Is the word among the options, which end where init= begins? */
static bool has_option(const char *line, const char *word) {
    size_t len = strlen(word);
    while (*line) {
        while (*line == ' ') line++;
        if (strncmp(line, "init=", 5) == 0) return false;
        if (strncmp(line, word, len) == 0 && (line[len] == ' ' || line[len] == 0)) return true;
        while (*line && *line != ' ') line++;
    }
    return false;
}

static void read_loader(uint64_t loader, paddr_t info) {
    const char *wrong = "started by an unknown loader";
    if (loader == LOADER_MULTIBOOT2) wrong = multiboot2_read(info, &boot_info);
    if (loader == LOADER_PVH) wrong = pvh_read(info, &boot_info);
    if (wrong) panic("boot: %s", wrong);
    if (boot_info.nranges == 0) panic("boot: no usable RAM in the memory map");
}

/* The initrd is read through the direct map, so it must lie in RAM; and frames below must not be given out twice. */
static void check_initrd(const struct boot_info *bi) {
    if (bi->initrd_end == bi->initrd_start) panic("boot: no initrd: give QEMU -initrd FILE, or GRUB module2 FILE");
    if (bi->initrd_start < bi->kernel_end && bi->kernel_start < bi->initrd_end) panic("boot: the initrd overlaps the kernel");
    for (unsigned i = 0; i < bi->nranges; i++) {
        if (bi->ram[i].start <= bi->initrd_start && bi->initrd_end <= bi->ram[i].end) return;
    }
    panic("boot: the initrd lies outside of RAM (%#lx-%#lx)", bi->initrd_start, bi->initrd_end);
}

static void report(const struct boot_info *bi) {
    uint64_t ram = 0;
    for (unsigned i = 0; i < bi->nranges; i++) ram += bi->ram[i].end - bi->ram[i].start;
    log_line("Holdfast, started by %s: %lu MiB of RAM in %u ranges, kernel %lu KiB, initrd %lu KiB, page tables %lu KiB",
             bi->loader, ram >> 20, bi->nranges, (bi->kernel_end - bi->kernel_start) >> 10,
             (bi->initrd_end - bi->initrd_start) >> 10, (bi->early_used_end - bi->early_used_start) >> 10);
}

_Noreturn void boot_main(uint64_t loader, paddr_t info) {
    serial_init();
    cpu_init();
    boot_info.entry_tsc = boot_entry_tsc;
    boot_info.kernel_start = image_to_phys(kernel_start);
    boot_info.kernel_end = image_to_phys(kernel_end);
    read_loader(loader, info);
    log_quiet(has_option(boot_info.cmdline, "quiet"));
    check_initrd(&boot_info);
    paging_init(&boot_info);
    pic_init();
    report(&boot_info);
    kernel_main();
}
