/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * PCI on a PC: configuration space by ports 0xcf8 and 0xcfc (PCI 3.0, 3.2.2.3.2), which every machine has and
 * which reach the 256 bytes that all functions have; messages go to CPU 0.
 *
 * LOCKING  `ports` over the pair of ports.
 * MISSING  the 4096 bytes of PCI Express: nobody here asks for an extended capability.
 */
#include "arch/pci.h"

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"
#include "kernel/sync.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u
#define MESSAGE_BASE   0xfee00000u /* SDM Vol. 3, 10.11.1: destination in bits 19:12, fixed, physical */

static struct spinlock ports = {.name = "pci ports"};

static uint32_t transfer(uint16_t function, unsigned at, unsigned size, bool write, uint32_t v) {
    uint16_t port = (uint16_t)(CONFIG_DATA + at % 4);
    ASSERT(at < 256 && at % size == 0);
    spin_lock(&ports);
    outl(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)function << 8 | (at & ~3u));
    if (write && size == 4) outl(port, v);
    else if (write && size == 2) outw(port, (uint16_t)v);
    else if (write) outb(port, (uint8_t)v);
    else v = size == 4 ? inl(port) : size == 2 ? inw(port) : inb(port);
    spin_unlock(&ports);
    return v;
}

uint32_t pci_config_read(uint16_t function, unsigned at, unsigned size) {
    return transfer(function, at, size, false, 0);
}

void pci_config_write(uint16_t function, unsigned at, unsigned size, uint32_t value) {
    transfer(function, at, size, true, value);
}

void pci_message(unsigned n, uint64_t *address, uint32_t *data) {
    ASSERT(n < PCI_INTERRUPT_LINES);
    *address = MESSAGE_BASE | (cpu_nth(0)->apic_id & 0xff) << 12;
    *data = VECTOR_DEVICE + n;
}
