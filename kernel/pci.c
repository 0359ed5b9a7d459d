/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Finding PCI functions, starting and silencing them (PCI Local Bus Specification 3.0, chapter 6).
 *
 *      bus 0 ──> every function ──> a bridge? its secondary bus is looked at too
 *                              └──> else: BARs measured, MSI-X and virtio capabilities found, bus mastering off
 *
 * From boot on no function may write to memory unless somebody has its file open. When the file is closed the function
 * is silenced before a frame that it might write to is let go. Clearing the bus-master bit is what the standard has
 * for that; it stops new transfers, and says nothing of one that is under way. A virtio device is therefore reset
 * as well, which ends when all its transfers have (virtio 1.0, 2.1 and 4.1.4.3).
 *
 * Its BARs are decoded from boot on and stay so: nobody has them mapped, and switching them off and on moves the machine's
 * map of physical memory. QEMU's TCG before 8.2 does that under the feet of the other CPUs: their next write to the local
 * APIC may go to another device, or end QEMU (docs/CAVEATS.md).
 *
 * LOCKING  none at boot; later the function's lock.
 * MISSING  what a firmware usually does: buses are not numbered, BARs not assigned. Functions that come later (hot plug).
 *          Functions of bridges, and more than PCI_INTERRUPT_LINES functions.
 */
#include "kernel/pci.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include "arch/kmap.h"
#include "arch/pci.h"
#include "kernel/log.h"
#include "libc/core/format.h"
#include "libc/core/string.h"

#define VENDOR_VIRTIO 0x1af4
#define RESET_TRIES   1000000u
#define PHYSICAL_MAX  (1ul << 44) /* what frame numbers reach */

static struct pci_function functions[PCI_INTERRUPT_LINES];
static unsigned nfunctions;

static uint32_t get(const struct pci_function *f, unsigned at, unsigned size) {
    return pci_config_read(f->at, at, size);
}

static void set(const struct pci_function *f, unsigned at, unsigned size, uint32_t v) {
    pci_config_write(f->at, at, size, v);
}

static void set_command(const struct pci_function *f, uint32_t clear, uint32_t on) {
    set(f, PCI_COMMAND, 2, (get(f, PCI_COMMAND, 2) & ~clear) | on);
}

/* ---- finding ---- */

/* What a BAR's writable bits are; it keeps its value. Decoding is off. */
static uint32_t measure(const struct pci_function *f, unsigned at) {
    uint32_t old = get(f, at, 4);
    set(f, at, 4, UINT32_MAX);
    uint32_t bits = get(f, at, 4);
    set(f, at, 4, old);
    return bits;
}

static void find_bars(struct pci_function *f) {
    for (unsigned i = 0; i < 6; i++) {
        unsigned at = PCI_BASE_ADDRESS_0 + 4 * i, n = i;
        uint32_t low = get(f, at, 4);
        if (low & PCI_BASE_ADDRESS_SPACE_IO) continue;
        uint64_t start = low & ~0xfu, mask = measure(f, at) & ~0xfu;
        if ((low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 && i < 5) {
            start |= (uint64_t)get(f, at + 4, 4) << 32;
            mask |= (uint64_t)measure(f, at + 4) << 32;
            i++;
        } else if (mask) {
            mask |= 0xfffffffful << 32;
        }
        bool sane = start && mask && start <= PHYSICAL_MAX && ~mask < PHYSICAL_MAX - start;
        if (sane) f->bar[n] = (struct pci_bar){.start = start, .size = ~mask + 1};
    }
}

/* Where `len` bytes at an offset of a BAR are, or 0 if they are not in it. */
static paddr_t in_bar(const struct pci_function *f, unsigned bar, uint64_t offset, uint64_t len) {
    if (bar > 5 || len > f->bar[bar].size || offset > f->bar[bar].size - len) return 0;
    return f->bar[bar].start + offset;
}

static void find_msix(struct pci_function *f, unsigned at) {
    uint32_t table = get(f, at + PCI_MSIX_TABLE, 4);
    f->table_size = ((get(f, at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1) * PCI_MSIX_ENTRY_SIZE;
    f->table = in_bar(f, table & PCI_MSIX_TABLE_BIR, table & PCI_MSIX_TABLE_OFFSET, f->table_size);
    if (f->table) f->msix = at;
}

static void find_virtio(struct pci_function *f, unsigned at) {
    if (get(f, PCI_VENDOR_ID, 2) != VENDOR_VIRTIO || at > 240) return;
    if (get(f, at + offsetof(struct virtio_pci_cap, cfg_type), 1) != VIRTIO_PCI_CAP_COMMON_CFG) return;
    paddr_t common = in_bar(f, get(f, at + offsetof(struct virtio_pci_cap, bar), 1),
                            get(f, at + offsetof(struct virtio_pci_cap, offset), 4), sizeof(struct virtio_pci_common_cfg));
    if (common) f->virtio_status = common + offsetof(struct virtio_pci_common_cfg, device_status);
}

static void find_capabilities(struct pci_function *f) {
    if (!(get(f, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST)) return;
    unsigned at = get(f, PCI_CAPABILITY_LIST, 1) & ~3u;
    for (unsigned n = 0; at >= 64 && n < 48; n++, at = get(f, at + 1, 1) & ~3u) {
        unsigned id = get(f, at, 1);
        if (id == PCI_CAP_ID_MSIX) find_msix(f, at);
        if (id == PCI_CAP_ID_VNDR && !f->virtio_status) find_virtio(f, at);
    }
}

static void add_function(uint16_t at, void (*add)(struct pci_function *, unsigned)) {
    if (nfunctions == PCI_INTERRUPT_LINES) {
        log_line("PCI: too many functions, %x and later are left out", at);
        return;
    }
    struct pci_function *f = &functions[nfunctions];
    f->at = at;
    snprintf(f->name, sizeof f->name, "%02x:%02x.%x", at >> 8, at >> 3 & 31, at & 7);
    uint32_t decoded = get(f, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY; /* by the firmware, which knows whether BARs are assigned */
    set_command(f, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, PCI_COMMAND_INTX_DISABLE);
    find_bars(f);
    find_capabilities(f);
    set_command(f, 0, decoded);
    mutex_init(&f->lock, "pci");
    waitq_init(&f->events, "pci interrupts");
    SLIST_INIT(&f->pins);
    add(f, nfunctions++);
}

void pci_find(void (*add)(struct pci_function *, unsigned)) {
    uint8_t bridged[256] = {1}; /* bus 0 is always there; a bridge's secondary bus has a higher number */
    for (uint32_t at = 0; at < 0x10000; at++) {
        if (!bridged[at >> 8] || pci_config_read((uint16_t)at, PCI_VENDOR_ID, 2) == 0xffff) continue;
        unsigned type = pci_config_read((uint16_t)at, PCI_HEADER_TYPE, 1);
        if ((type & 0x7f) == PCI_HEADER_TYPE_BRIDGE) bridged[pci_config_read((uint16_t)at, PCI_SECONDARY_BUS, 1)] = 1;
        if ((type & 0x7f) == PCI_HEADER_TYPE_NORMAL) add_function((uint16_t)at, add);
        if ((at & 7) == 0 && !(type & 0x80)) at |= 7; /* it has one function */
    }
}

/* ---- starting and silencing ---- */

static bool set_entry(const struct pci_function *f, unsigned field, uint32_t v) {
    return kmap_register(f->table + field, 4, true, &v);
}

static bool route(struct pci_function *f, unsigned n) {
    uint64_t address;
    uint32_t data;
    pci_message(n, &address, &data);
    bool ok = set_entry(f, PCI_MSIX_ENTRY_LOWER_ADDR, (uint32_t)address) &&
              set_entry(f, PCI_MSIX_ENTRY_UPPER_ADDR, (uint32_t)(address >> 32)) &&
              set_entry(f, PCI_MSIX_ENTRY_DATA, data) && set_entry(f, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
    if (ok) set(f, f->msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
    return ok;
}

bool pci_start(struct pci_function *f, unsigned n) {
    set_command(f, 0, PCI_COMMAND_MEMORY);
    if (!f->msix || route(f, n)) return true;
    pci_silence(f);
    return false;
}

/* A device that is gone reads as all ones, and will never answer: it is as silent as can be. */
static void reset_virtio(const struct pci_function *f) {
    uint32_t status = 0;
    bool mapped = kmap_register(f->virtio_status, 1, true, &status);
    for (unsigned i = 0; mapped && status != 0 && status != 0xff && i < RESET_TRIES; i++)
        (void)kmap_register(f->virtio_status, 1, false, &status);
    if (!mapped || (status != 0 && status != 0xff)) log_line("PCI: %s cannot be reset", f->name);
}

void pci_silence(struct pci_function *f) {
    if (f->virtio_status) reset_virtio(f);
    if (f->msix) set(f, f->msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_MASKALL);
    set_command(f, PCI_COMMAND_MASTER, 0);
    (void)get(f, PCI_COMMAND, 2); /* what was posted has arrived when the answer has */
}
