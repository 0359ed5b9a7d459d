/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * arch/x86_64/acpi.c: the list of CPUs out of whatever the firmware left. First table by table what can be
 * wrong with each, then random damage, with the sums put right again so that it gets past them.
 */
#include "arch/x86_64/acpi.h"
#include "tests/tap.h"

#define LOW_SIZE  0x100000ul  /* physical memory: the first MiB ... */
#define HIGH_BASE 0x240000000ul /* ... and a piece above 4 GiB */
#define HIGH_SIZE 0x2000ul
#define RSDT_AT 0x20000ul
#define MADT_AT 0x21000ul
#define XSDT_AT HIGH_BASE
#define HIGH_MADT_AT (HIGH_BASE + 0x800)

static uint8_t *low, *high;
static unsigned long reads;
static uint8_t rsdp[ACPI_RSDP_SIZE];
static struct madt madt;

static bool read_memory(const struct acpi_memory *m, void *to, paddr_t from, size_t len) {
    (void)m;
    reads++;
    if (from < LOW_SIZE && len <= LOW_SIZE - from) return memcpy(to, low + from, len), true;
    if (from >= HIGH_BASE && from - HIGH_BASE < HIGH_SIZE && len <= HIGH_SIZE - (from - HIGH_BASE)) {
        return memcpy(to, high + (from - HIGH_BASE), len), true;
    }
    return false;
}
static const struct acpi_memory memory = {read_memory};

/* ---- making tables ---- */

static uint8_t *at(paddr_t pa) {
    return pa < LOW_SIZE ? low + pa : high + (pa - HIGH_BASE);
}

static void put(uint8_t *p, uint64_t v, unsigned bytes) {
    for (; bytes; bytes--, v >>= 8) *p++ = (uint8_t)v;
}

static void fix_sum(uint8_t *p, size_t n, unsigned where) {
    uint8_t s = 0;
    p[where] = 0;
    for (size_t i = 0; i < n; i++) s = (uint8_t)(s + p[i]);
    p[where] = (uint8_t)-s;
}

static uint32_t length_of(paddr_t pa) {
    const uint8_t *p = at(pa);
    return p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
}

static void head(paddr_t pa, const char *signature, uint32_t length) {
    memcpy(at(pa), signature, 4);
    put(at(pa) + 4, length, 4);
}

static void fix_table(paddr_t pa) {
    fix_sum(at(pa), length_of(pa), 9);
}

static void add_entry(paddr_t pa, const uint8_t *e, unsigned n) {
    uint32_t end = length_of(pa);
    memcpy(at(pa) + end, e, n);
    put(at(pa) + 4, end + n, 4);
    fix_table(pa);
}

static void add_cpu(paddr_t pa, uint8_t id, uint8_t flags) {
    add_entry(pa, (uint8_t[8]){0, 8, 77, id, flags}, 8);
}

static void add_x2apic(paddr_t pa, uint32_t id, uint8_t flags) {
    uint8_t e[16] = {9, 16, [8] = flags};
    put(e + 4, id, 4);
    add_entry(pa, e, 16);
}

static void add_pointer(paddr_t root, uint64_t to, unsigned width) {
    uint8_t p[8];
    put(p, to, width);
    add_entry(root, p, width);
}

static void make_madt(paddr_t pa) {
    head(pa, "APIC", 44);
    fix_table(pa);
}

static void make_rsdp(unsigned revision, uint32_t rsdt, uint64_t xsdt) {
    memset(rsdp, 0, sizeof rsdp);
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = (uint8_t)revision;
    put(rsdp + 16, rsdt, 4);
    fix_sum(rsdp, 20, 8);
    if (revision < 2) return;
    put(rsdp + 20, ACPI_RSDP_SIZE, 4);
    put(rsdp + 24, xsdt, 8);
    fix_sum(rsdp, ACPI_RSDP_SIZE, 32);
}

/* RSDP -> RSDT -> another table, and an empty MADT. */
static void begin(void) {
    memset(low, 0, LOW_SIZE);
    memset(high, 0, HIGH_SIZE);
    head(RSDT_AT, "RSDT", 36);
    add_pointer(RSDT_AT, 0x22000, 4);
    add_pointer(RSDT_AT, MADT_AT, 4);
    head(0x22000, "HPET", 56);
    make_madt(MADT_AT);
    make_rsdp(0, RSDT_AT, 0);
}

static const char *parse(void) {
    reads = 0;
    return acpi_read_madt(&memory, rsdp, &madt);
}

static void is_wrong(const char *want, const char *name) {
    const char *wrong = parse();
    if (!ok(wrong && strcmp(wrong, want) == 0, "%s: %s", name, want)) diag("got: %s", wrong ? wrong : "(nothing wrong)");
}

static void is_cpus(unsigned n, const uint32_t *ids, const char *name) {
    const char *wrong = parse();
    bool same = !wrong && madt.ncpus == n && memcmp(madt.apic_id, ids, n * sizeof *ids) == 0;
    if (!ok(same, "%s", name)) diag("%s, %u CPUs", wrong ? wrong : "nothing wrong", madt.ncpus);
}
#define IS_CPUS(name, ...) is_cpus(sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__}, name)

/* ---- what is right ---- */

static void test_good(void) {
    begin();
    for (uint8_t i = 0; i < 4; i++) add_cpu(MADT_AT, i, 1);
    IS_CPUS("four CPUs", 0, 1, 2, 3);

    begin();
    add_entry(MADT_AT, (uint8_t[12]){1, 12}, 12);
    add_cpu(MADT_AT, 4, 1);
    add_cpu(MADT_AT, 5, 0);
    add_entry(MADT_AT, (uint8_t[10]){2, 10}, 10);
    add_cpu(MADT_AT, 6, 2);
    add_x2apic(MADT_AT, 300, 1);
    add_x2apic(MADT_AT, 301, 0);
    add_x2apic(MADT_AT, UINT32_MAX, 1);
    add_cpu(MADT_AT, 255, 1);
    add_entry(MADT_AT, (uint8_t[2]){200, 2}, 2);
    add_x2apic(MADT_AT, 4, 1);
    IS_CPUS("entries of other kinds, CPUs that are off, nobody's ids and repeated ones are passed over", 4, 300);

    begin();
    for (unsigned i = 0; i < 200; i++) add_cpu(MADT_AT, (uint8_t)i, 1);
    parse();
    ok(madt.ncpus == MADT_CPUS && madt.more == 200 - MADT_CPUS && madt.apic_id[63] == 63, "too many CPUs are counted");

    begin();
    head(XSDT_AT, "XSDT", 36);
    add_pointer(XSDT_AT, HIGH_MADT_AT, 8);
    make_madt(HIGH_MADT_AT);
    add_cpu(HIGH_MADT_AT, 9, 1);
    make_rsdp(2, 0, XSDT_AT);
    IS_CPUS("by 64-bit pointers", 9);

    add_cpu(MADT_AT, 1, 1);
    make_rsdp(2, RSDT_AT, XSDT_AT);
    IS_CPUS("the 64-bit table comes first", 9);
    at(XSDT_AT)[9]++;
    IS_CPUS("the 32-bit one stands in when its sum is wrong", 1);
    fix_table(XSDT_AT);
    rsdp[32]++;
    IS_CPUS("or when the root pointer's second sum is", 1);
    make_rsdp(2, RSDT_AT, UINT64_MAX - 8);
    IS_CPUS("or when it is nowhere", 1);
}

/* ---- what is wrong ---- */

static void test_root(void) {
    begin();
    add_cpu(MADT_AT, 1, 1);
    memset(rsdp, 0, sizeof rsdp);
    is_wrong("no root pointer", "nothing");
    make_rsdp(0, RSDT_AT, 0);
    rsdp[10]++;
    is_wrong("no root pointer", "a wrong sum");
    make_rsdp(0, 0, 0);
    is_wrong("the root pointer leads nowhere", "zero");
    make_rsdp(0, 0x90000000, 0);
    is_wrong("the root pointer leads nowhere", "no memory there");
    make_rsdp(0, MADT_AT, 0);
    is_wrong("a table is not what the pointer to it says", "it points at the table itself");
}

static void test_tables(void) {
    begin();
    add_cpu(MADT_AT, 1, 1);
    at(RSDT_AT)[20]++;
    is_wrong("a table's sum is wrong", "RSDT");

    begin();
    add_cpu(MADT_AT, 1, 1);
    at(MADT_AT)[47]++;
    is_wrong("a table's sum is wrong", "MADT");

    const uint32_t lengths[] = {0, 35, (1u << 20) + 1, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++) {
        begin();
        put(at(RSDT_AT) + 4, lengths[i], 4);
        is_wrong("a table has an impossible length", "RSDT");
        begin();
        put(at(MADT_AT) + 4, lengths[i], 4);
        is_wrong("a table has an impossible length", "MADT");
    }
    begin();
    put(at(MADT_AT) + 4, LOW_SIZE - MADT_AT + 1, 4);
    is_wrong("a table's sum is wrong", "one byte beyond memory");

    begin();
    head(RSDT_AT, "RSDT", 36);
    for (unsigned i = 0; i < 1000; i++) add_pointer(RSDT_AT, RSDT_AT, 4);
    is_wrong("there is no table of CPUs", "a table of tables that names itself a thousand times");

    begin();
    add_cpu(MADT_AT, 1, 1);
    add_pointer(RSDT_AT, MADT_AT, 4);
    is_wrong("there are two tables of CPUs", "twice the same");
    begin();
    is_wrong("the table of CPUs is empty", "no entries");
    add_cpu(MADT_AT, 1, 0);
    is_wrong("the table of CPUs is empty", "no CPU is on");
}

static void test_entries(void) {
    for (uint8_t len = 0; len < 2; len++) {
        begin();
        add_cpu(MADT_AT, 1, 1);
        add_entry(MADT_AT, (uint8_t[8]){0, len}, 8);
        is_wrong("an entry of the table of CPUs has an impossible length", len ? "one byte" : "none");
    }
    begin();
    add_entry(MADT_AT, (uint8_t[8]){0, 9, 0, 1, 1}, 8);
    is_wrong("an entry of the table of CPUs has an impossible length", "beyond the end");
    begin();
    add_entry(MADT_AT, (uint8_t[7]){0, 7, 0, 1, 1}, 7);
    is_wrong("an entry of the table of CPUs is cut off", "a short local APIC");
    begin();
    add_entry(MADT_AT, (uint8_t[12]){9, 12, [8] = 1}, 12);
    is_wrong("an entry of the table of CPUs is cut off", "a short x2APIC");
    begin();
    add_cpu(MADT_AT, 1, 1);
    add_entry(MADT_AT, (uint8_t[1]){0}, 1);
    is_wrong("the table of CPUs is cut off", "one byte more");
}

static void test_search(void) {
    uint8_t found[ACPI_RSDP_SIZE];
    begin();
    make_rsdp(2, RSDT_AT, XSDT_AT);
    ok(!acpi_find_rsdp(&memory, found), "no root pointer anywhere");
    memcpy(low + 0xe1234, rsdp, sizeof rsdp);
    ok(!acpi_find_rsdp(&memory, found), "between two sixteenths it is none");
    memcpy(low + 0xfffe0, rsdp, 20);
    low[0xfffe0 + 9]++;
    ok(!acpi_find_rsdp(&memory, found), "nor with a wrong sum");
    memcpy(low + 0xff000, rsdp, sizeof rsdp);
    ok(acpi_find_rsdp(&memory, found) && memcmp(found, rsdp, sizeof rsdp) == 0, "found in the BIOS area");
    put(low + 0x40e, 0x9fc0, 2);
    make_rsdp(0, RSDT_AT, 0);
    memcpy(low + 0x9fc00 + 1024 - 32, rsdp, 20);
    ok(acpi_find_rsdp(&memory, found) && memcmp(found, rsdp, 20) == 0, "found first in the BIOS data area's extension");
    memset(low + 0x9fc00, 0, 1024);
    memset(low + 0xff000, 0, 64);
    memcpy(low + 0xffff0, rsdp, 16);
    ok(!acpi_find_rsdp(&memory, found), "one that runs out of the BIOS area is none");
}

/* ---- damage ---- */

static uint64_t seed = 1;

static unsigned draw(unsigned below) {
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(seed >> 33) % below;
}

static void damage(void) {
    for (unsigned n = 1 + draw(4); n; n--) {
        paddr_t table = draw(2) ? RSDT_AT : MADT_AT;
        unsigned where = draw(4) ? 36 + draw(90) : draw(36);
        at(table)[where] = (uint8_t)(draw(3) ? draw(256) : draw(20));
    }
    /* Past the sums, that the rest is reached: where there is a length to believe. */
    if (length_of(RSDT_AT) >= 36 && length_of(RSDT_AT) < 0x1000) fix_table(RSDT_AT);
    if (length_of(MADT_AT) >= 36 && length_of(MADT_AT) < 0x1000) fix_table(MADT_AT);
}

static bool damaged(void) {
    begin();
    for (uint8_t i = 0; i < 6; i++) add_cpu(MADT_AT, i, 1);
    add_x2apic(MADT_AT, 400, 1);
    damage();
    const char *wrong = parse();
    return reads < 100000 && madt.ncpus <= MADT_CPUS && (wrong || madt.ncpus > 0);
}

int main(void) {
    plan(41);
    const char *given = getenv("SEED");
    if (given) seed = strtoull(given, NULL, 0);
    diag("seed %lu", seed);
    low = malloc(LOW_SIZE);
    high = malloc(HIGH_SIZE);
    test_good();
    test_root();
    test_tables();
    test_entries();
    test_search();
    unsigned good = 0, rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) good += damaged();
    is_int(good, rounds, "damaged tables: an end, and an answer that can be used or none");
    free(low);
    free(high);
    return done_testing();
}
