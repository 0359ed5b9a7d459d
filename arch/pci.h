/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * How the machine reaches PCI: configuration space, and interrupts as messages. Registers: kmap_register (arch/kmap.h).
 *
 * A function is named bus << 8 | device << 3 | function. Nothing here sleeps; threads only.
 */
#pragma once

#include "mm/types.h"

/* size 1, 2 or 4, at a multiple of it below 256. Where no function answers: all ones. */
uint32_t pci_config_read(uint16_t function, unsigned at, unsigned size);
void pci_config_write(uint16_t function, unsigned at, unsigned size, uint32_t value);

#define PCI_INTERRUPT_LINES 32
/* What a function must write where to make interrupt n < PCI_INTERRUPT_LINES: pci_interrupt(n) (SDM Vol. 3, 10.11). */
void pci_message(unsigned n, uint64_t *address, uint32_t *data);
void pci_interrupt(unsigned n); /* implemented by kernel/pci_file.c; in interrupt context */
