/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Finding the machine's CPUs in the firmware's tables (ACPI Specification 6.4, 5.2). Pure code: it sees
 * physical memory through a function alone, so that the very same runs on the host under sanitizers.
 *
 *      RSDP ---> XSDT or RSDT ---> "APIC" (the MADT): a head, then entries of many kinds, each with its length
 *
 * Nothing of the tables is believed: each length is checked against what holds it, each sum against its
 * zero. A pointer is followed two steps deep and never back, so tables that point at each other are no loop.
 */
#pragma once

#include "mm/types.h"

#define ACPI_RSDP_SIZE 36
#define MADT_CPUS      64 /* CPUs that are remembered; the others are counted alone */

struct acpi_memory {
    /* Copy bytes of physical memory. False: there is no such memory. */
    bool (*read)(const struct acpi_memory *, void *to, paddr_t from, size_t len);
};

struct madt {
    unsigned ncpus;              /* CPUs that may be used, each APIC id once */
    unsigned more;               /* further ones, for which apic_id has no room */
    uint32_t apic_id[MADT_CPUS]; /* in the table's order */
};

/* Look for the root pointer where a BIOS leaves it (5.2.5.1). False: it is not there. */
bool acpi_find_rsdp(const struct acpi_memory *, uint8_t rsdp[ACPI_RSDP_SIZE]);
/* The CPUs that the table under this root pointer lists. NULL, or in one phrase what is wrong. */
const char *acpi_read_madt(const struct acpi_memory *, const uint8_t rsdp[ACPI_RSDP_SIZE], struct madt *);
