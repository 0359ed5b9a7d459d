/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * ACPI's root pointer, the table of tables, and of the tables one: the MADT (see arch/x86_64/acpi.h).
 *
 *   head of any table   0 signature  4 length  8 revision  9 sum  10 who made it ... 36
 *   MADT                36 address of the local APICs  40 flags  44 entries
 *   entry               0 type  1 length  ...
 *       type 0   local APIC     3 APIC id  4 flags
 *       type 9   local x2APIC   4 APIC id  8 flags
 *
 * A table is read entry by entry and never held whole, so its size costs nothing.
 *
 * INVARIANTS  what is read of a table lies within its length, and its length below TABLE_MAX.
 * MISSING  everything of ACPI but the list of CPUs: interrupt overrides (no I/O APIC is used), power, AML.
 */
#include "arch/x86_64/acpi.h"

#include "libc/core/string.h"

#define HEAD_SIZE  36u
#define MADT_HEAD  44u
#define TABLE_MAX  (1u << 20)
#define RSDP_V1    20u
#define RSDP_STEP  16u
#define BIOS_START 0xe0000ul
#define BIOS_END   0x100000ul
#define EBDA_SEGMENT 0x40eul /* the BIOS data area's word: where its extension begins, in 16 bytes */
#define EBDA_SEARCH  1024u

#define MADT_LOCAL_APIC   0
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED      1u
#define NO_APIC_ID        0xffu /* everybody's address, so nobody's */

struct table {
    paddr_t at;
    uint32_t length;
    char signature[4];
};

static uint64_t little(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

static uint8_t sum(const uint8_t *p, size_t n) {
    uint8_t s = 0;
    while (n--) s = (uint8_t)(s + *p++);
    return s;
}

/* ---- the root pointer ---- */

static bool is_rsdp(const uint8_t *p) {
    return memcmp(p, "RSD PTR ", 8) == 0 && sum(p, RSDP_V1) == 0;
}

static bool search(const struct acpi_memory *m, paddr_t start, paddr_t end, uint8_t rsdp[ACPI_RSDP_SIZE]) {
    for (paddr_t at = start; at + RSDP_V1 <= end; at += RSDP_STEP) {
        memset(rsdp, 0, ACPI_RSDP_SIZE);
        if (!m->read(m, rsdp, at, RSDP_V1) || !is_rsdp(rsdp)) continue;
        if (at + ACPI_RSDP_SIZE <= end) (void)m->read(m, rsdp, at, ACPI_RSDP_SIZE);
        return true;
    }
    return false;
}

bool acpi_find_rsdp(const struct acpi_memory *m, uint8_t rsdp[ACPI_RSDP_SIZE]) {
    uint8_t segment[2];
    if (m->read(m, segment, EBDA_SEGMENT, sizeof segment)) {
        paddr_t ebda = little(segment, 2) << 4;
        if (ebda && search(m, ebda, ebda + EBDA_SEARCH, rsdp)) return true;
    }
    return search(m, BIOS_START, BIOS_END, rsdp);
}

/* ---- tables ---- */

static bool sum_is_zero(const struct acpi_memory *m, const struct table *t) {
    uint8_t part[64], s = 0;
    for (uint32_t at = 0; at < t->length; at += sizeof part) {
        uint32_t n = t->length - at < sizeof part ? t->length - at : sizeof part;
        if (!m->read(m, part, t->at + at, n)) return false;
        s = (uint8_t)(s + sum(part, n));
    }
    return s == 0;
}

static bool read_head(const struct acpi_memory *m, paddr_t at, struct table *t) {
    uint8_t head[HEAD_SIZE];
    if (at == 0 || at > UINT64_MAX - TABLE_MAX || !m->read(m, head, at, HEAD_SIZE)) return false;
    t->at = at;
    memcpy(t->signature, head, 4);
    t->length = (uint32_t)little(head + 4, 4);
    return true;
}

/* A table of this kind that is what it says. NULL, or what is wrong. */
static const char *check_table(const struct acpi_memory *m, const struct table *t, const char *signature, uint32_t least) {
    if (memcmp(t->signature, signature, 4) != 0) return "a table is not what the pointer to it says";
    if (t->length < least || t->length > TABLE_MAX) return "a table has an impossible length";
    if (!sum_is_zero(m, t)) return "a table's sum is wrong";
    return NULL;
}

/* The only "APIC" among the tables that a table of tables names. */
static const char *find_madt(const struct acpi_memory *m, const struct table *root, unsigned width, struct table *madt) {
    bool found = false;
    for (uint32_t at = HEAD_SIZE; root->length - at >= width; at += width) {
        uint8_t pointer[8];
        struct table t;
        if (!m->read(m, pointer, root->at + at, width)) return "the table of tables cannot be read";
        if (!read_head(m, little(pointer, width), &t) || memcmp(t.signature, "APIC", 4) != 0) continue;
        if (found) return "there are two tables of CPUs";
        found = true;
        *madt = t;
    }
    return found ? NULL : "there is no table of CPUs";
}

/* By the 64-bit table of tables if there is a sound one, else by the 32-bit one. */
static const char *locate(const struct acpi_memory *m, const uint8_t *rsdp, struct table *madt) {
    struct table root;
    if (!is_rsdp(rsdp)) return "no root pointer";
    bool v2 = rsdp[15] >= 2 && little(rsdp + 20, 4) >= ACPI_RSDP_SIZE && sum(rsdp, ACPI_RSDP_SIZE) == 0;
    if (v2 && read_head(m, little(rsdp + 24, 8), &root) && !check_table(m, &root, "XSDT", HEAD_SIZE)) {
        return find_madt(m, &root, 8, madt);
    }
    if (!read_head(m, little(rsdp + 16, 4), &root)) return "the root pointer leads nowhere";
    const char *wrong = check_table(m, &root, "RSDT", HEAD_SIZE);
    return wrong ? wrong : find_madt(m, &root, 4, madt);
}

/* ---- the MADT ---- */

static void add_cpu(struct madt *out, uint32_t id) {
    for (unsigned i = 0; i < out->ncpus; i++) {
        if (out->apic_id[i] == id) return;
    }
    if (out->ncpus < MADT_CPUS) out->apic_id[out->ncpus++] = id;
    else out->more++;
}

/* An entry of n bytes, of which e holds the first 12 or all. */
static const char *read_entry(const uint8_t *e, unsigned n, struct madt *out) {
    if (e[0] == MADT_LOCAL_APIC) {
        if (n < 8) return "an entry of the table of CPUs is cut off";
        if ((little(e + 4, 4) & MADT_ENABLED) && e[3] != NO_APIC_ID) add_cpu(out, e[3]);
    }
    if (e[0] == MADT_LOCAL_X2APIC) {
        if (n < 16) return "an entry of the table of CPUs is cut off";
        if ((little(e + 8, 4) & MADT_ENABLED) && little(e + 4, 4) != UINT32_MAX) add_cpu(out, (uint32_t)little(e + 4, 4));
    }
    return NULL;
}

const char *acpi_read_madt(const struct acpi_memory *m, const uint8_t rsdp[ACPI_RSDP_SIZE], struct madt *out) {
    struct table t;
    memset(out, 0, sizeof *out);
    const char *wrong = locate(m, rsdp, &t);
    if (!wrong) wrong = check_table(m, &t, "APIC", MADT_HEAD);
    for (uint32_t at = MADT_HEAD; !wrong && at < t.length;) {
        uint8_t e[12] = {0};
        uint32_t left = t.length - at;
        if (left < 2 || !m->read(m, e, t.at + at, left < sizeof e ? left : sizeof e)) return "the table of CPUs is cut off";
        if (e[1] < 2 || e[1] > left) return "an entry of the table of CPUs has an impossible length";
        wrong = read_entry(e, e[1], out);
        at += e[1];
    }
    return wrong ? wrong : out->ncpus ? NULL : "the table of CPUs is empty";
}
