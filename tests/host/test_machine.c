/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The model itself: does the MMU in software walk as the SDM says, does its TLB keep what it may, and do
 * the lock stand-ins catch what they promise to catch? A model that forgives proves nothing.
 */
#include "tests/host/support.h"

#include "arch/mmu.h"
#include "boot/bootinfo.h"

#define VA 0x123456789000ul
#define LEAF 3 /* index in tables[] */

/* Four tables and two pages by hand, in frames that nobody manages here. */
static paddr_t tables[4], page, spare;

static uint64_t *entry(int depth) {
    uint64_t *t = phys_to_virt(tables[depth]);
    return &t[VA >> (39 - 9 * depth) & 511];
}

static void build(void) {
    host_power(8 * MIB);
    for (int i = 0; i < 4; i++) tables[i] = 0x10000 + (paddr_t)i * PAGE_SIZE;
    page = 0x20000, spare = 0x21000;
    for (int i = 0; i < 3; i++) *entry(i) = tables[i + 1] | 7;
    *entry(LEAF) = page | 7;
    mmu_load(tables[0], 0, false);
}

static unsigned access_byte(int access, void **byte) {
    return mmu_access(VA + 5, access, byte);
}

static void test_walk(void) {
    void *byte = NULL;
    struct walk w;
    build();
    is_int(access_byte(FAULT_READ, &byte), 0, "a present page can be read");
    ok(byte == (uint8_t *)phys_to_virt(page) + 5, "and it is the right byte");
    mmu_walk(tables[0], VA, &w);
    ok(w.accessed && !w.dirty, "a read marks accessed, not dirty");
    ok((*entry(0) & *entry(1) & *entry(2) & 0x20) != 0, "accessed is marked at every level");
    is_int(access_byte(FAULT_WRITE, &byte), 0, "it can be written");
    mmu_walk(tables[0], VA, &w);
    ok(w.dirty, "a write through a clean translation marks dirty in the table");
    is_int(mmu_access(VA + PAGE_SIZE, FAULT_READ, &byte), HOST_USER, "its neighbour is absent");
    is_int(mmu_access(VA + PAGE_SIZE, FAULT_WRITE, &byte), HOST_USER | HOST_WRITE, "absent for writing: P=0 W=1 U=1");
}

static void test_rights(void) {
    void *byte;
    for (int depth = 0; depth < 4; depth++) {
        build();
        *entry(depth) &= ~2ul;
        unsigned refused = HOST_PRESENT | HOST_WRITE | HOST_USER;
        is_int(access_byte(FAULT_WRITE, &byte), refused, "W clear at depth %d refuses a write", depth);
        is_int(access_byte(FAULT_READ, &byte), 0, "but not a read");
        build();
        *entry(depth) &= ~4ul;
        is_int(access_byte(FAULT_READ, &byte), HOST_PRESENT | HOST_USER, "U clear at depth %d refuses ring 3", depth);
        build();
        *entry(depth) |= 1ul << 63;
        is_int(access_byte(FAULT_EXEC, &byte), HOST_PRESENT | HOST_FETCH | HOST_USER, "NX at depth %d refuses a fetch", depth);
    }
}

static void test_large(void) {
    void *byte;
    build();
    *entry(2) = 0x600000 | 0x87;
    is_int(access_byte(FAULT_READ, &byte), 0, "a 2 MiB page can be read");
    paddr_t want = 0x600000 + ((VA + 5) & 0x1fffff);
    ok(virt_to_phys(byte) == want, "at the right offset");
    mmu_flush_page(VA ^ 0x8000);
    ok(!mmu_cached(VA), "INVLPG of another address in it forgets it");
}

static void test_tlb(void) {
    void *byte;
    build();
    access_byte(FAULT_READ, &byte);
    ok(mmu_cached(VA), "the TLB keeps what was used");
    *entry(LEAF) = 0;
    is_int(mmu_stale(), 1, "clearing the entry leaves it stale");
    mmu_flush_page(VA);
    is_int(mmu_stale(), 0, "flushing the page forgets it");
    is_int(access_byte(FAULT_READ, &byte), HOST_USER, "then it faults");
    build();
    *entry(LEAF) &= ~2ul;
    access_byte(FAULT_READ, &byte);
    *entry(LEAF) |= 2;
    is_int(mmu_stale(), 0, "a translation that grants less is not a danger");
    is_int(access_byte(FAULT_WRITE, &byte), HOST_PRESENT | HOST_WRITE | HOST_USER, "but it faults until flushed");
    is_int(access_byte(FAULT_WRITE, &byte), 0, "once: the fault forgot it");
    *entry(LEAF) = spare | 7;
    is_int(mmu_stale(), 1, "another frame is stale");
    mmu_flush_user();
    is_int(mmu_stale(), 0, "until all of user space is flushed");
    mmu_speculate(VA);
    ok(mmu_cached(VA), "the CPU may read ahead");
    mmu_load(tables[0], 0, false);
    ok(!mmu_cached(VA), "loading tables forgets all");
}

/* ---- process-context identifiers ---- */

/* The page is known under 1, and 2 is current. */
static void go_away(void) {
    void *byte;
    mmu_has_pcids = true;
    build();
    mmu_load(tables[0], 1, false);
    access_byte(FAULT_READ, &byte);
    mmu_load(mmu_kernel_root, 2, false);
}

static void come_back(bool keep) {
    mmu_load(tables[0], 1, keep);
}

static void test_pcids(void) {
    go_away();
    ok(!mmu_cached(VA), "what is known under one PCID is not used under another");
    come_back(true);
    ok(mmu_cached(VA), "but again when that is loaded, and keeps it");
    come_back(false);
    ok(!mmu_cached(VA), "and no more when it is loaded and does not");
    go_away();
    mmu_flush_page(VA);
    mmu_flush_user();
    come_back(true);
    ok(mmu_cached(VA), "what is flushed is flushed under the current PCID alone");
    mmu_flush_user();
    ok(!mmu_cached(VA), "there it is");
    go_away();
    *entry(LEAF) = 0;
    is_int(mmu_stale(), 0, "what is stale under another PCID hurts nobody");
    host_frame_freed((pfn_t)(page >> PAGE_SHIFT), 0);
    host_frame_freed((pfn_t)(tables[LEAF] >> PAGE_SHIFT), 0);
    come_back(false);
    pass("nor does what is freed, if the load forgets");
    mmu_has_pcids = false;
}

enum { FREED, FREED_TABLE, CHANGED, LESSER, OTHER_ROOT, TOO_HIGH, NO_PCIDS, NO_PCIDS_KEEP };

static void keep_wrongly(void *arg) {
    int how = *(int *)arg;
    go_away();
    if (how == FREED) host_frame_freed((pfn_t)(page >> PAGE_SHIFT), 0);
    if (how == FREED_TABLE) host_frame_freed((pfn_t)(tables[1] >> PAGE_SHIFT), 0);
    if (how == CHANGED) *entry(LEAF) = spare | 7;
    if (how == LESSER) *entry(1) &= ~4ul;
    if (how == OTHER_ROOT) mmu_load(mmu_kernel_root, 1, true);
    if (how == TOO_HIGH) mmu_load(tables[0], HOST_PCIDS, false);
    if (how >= NO_PCIDS) mmu_has_pcids = false;
    if (how == NO_PCIDS) come_back(false);
    if (how == NO_PCIDS_KEEP) mmu_load(tables[0], 0, true);
    come_back(true);
}

static void test_pcids_catch(void) {
    static const char *const text[] = {"kept under PCID 1 still reaches", "kept under PCID 1 still reaches", "stale TLB",
        "stale TLB", "what it met by root", "there is no PCID", "general protection", "general protection"};
    static const char *const name[] = {"caught: kept over a frame freed meanwhile", "caught: kept over a table freed meanwhile",
        "caught: kept over an entry that leads elsewhere", "caught: kept over a table that grants less",
        "caught: kept over another root", "caught: a PCID above the last", "caught: a PCID, and the CPU has none",
        "caught: bit 63, and the CPU has no PCIDs"};
    for (int how = FREED; how <= NO_PCIDS_KEEP; how++) panics(keep_wrongly, &how, text[how], name[how]);
}

static void use_stale(void *arg) {
    (void)arg;
    void *byte;
    build();
    access_byte(FAULT_WRITE, &byte);
    *entry(LEAF) &= ~2ul;
    access_byte(FAULT_WRITE, &byte);
}

static void free_reached(void *arg) {
    void *byte;
    build();
    access_byte(FAULT_READ, &byte);
    *entry(LEAF) = 0;
    paddr_t which = arg ? tables[*(int *)arg] : page;
    if (arg) mmu_flush_page(VA), access_byte(FAULT_READ, &byte);
    host_frame_freed((pfn_t)(which >> PAGE_SHIFT), 0);
}

static void set_bits(void *arg) {
    void *byte;
    build();
    *entry(LEAF) |= *(uint64_t *)arg;
    access_byte(FAULT_READ, &byte);
}

static void set_ps_top(void *arg) {
    (void)arg;
    void *byte;
    build();
    *entry(0) |= 0x80;
    access_byte(FAULT_READ, &byte);
}

static void touch_absent(void *arg) {
    *(volatile char *)phys_to_virt(*(paddr_t *)arg) = 1;
}

static void touch_freed(void *arg) {
    (void)arg;
    build();
    host_frame_freed((pfn_t)(spare >> PAGE_SHIFT), 0);
    *(volatile char *)phys_to_virt(spare) = 1;
}

static void test_catches(void) {
    paddr_t hole = 4 * MIB, beyond = 8 * MIB;
    uint64_t reserved = 1ul << 45, outside = 0x80000000;
    int leaf = LEAF, top = 0;
    panics(use_stale, NULL, "stale TLB", "caught: a write through a stale translation");
    panics(free_reached, NULL, "still translates", "caught: a frame freed while the TLB reaches it");
    panics(free_reached, &leaf, "paging-structure", "caught: a table freed while it may be cached");
    panics(free_reached, &top, "root table", "caught: the root that runs freed");
    panics(set_bits, &reserved, "reserved bits", "caught: an address above MAXPHYADDR");
    panics(set_bits, &outside, "outside RAM", "caught: an address that is not RAM");
    panics(set_ps_top, NULL, "PS is reserved", "caught: PS in a PML4 entry");
    panics(touch_absent, &beyond, "beyond physical memory", "caught: an address beyond the machine");
    build();
    panics(touch_absent, &hole, "SEGV", "caught: the kernel touches what is not RAM");
    panics(touch_freed, NULL, "use-after-poison", "caught: the kernel touches a freed frame");
}

/* ---- locks ---- */

static struct spinlock spin;
static struct mutex m1, m2;
static struct rwlock rw;
static struct cond cond;

static void init_locks(void) {
    spin_init(&spin, "spin");
    mutex_init(&m1, "m1");
    mutex_init(&m2, "m2");
    rw_init(&rw, "rw");
    cond_init(&cond, "cond");
}

static void misuse_locks(void *arg) {
    init_locks();
    switch (*(int *)arg) {
    case 0: spin_lock(&spin), mutex_lock(&m1); break;
    case 1: mutex_lock(&m1), mutex_lock(&m1); break;
    case 2: mutex_lock(&m1), mutex_lock(&m2), mutex_unlock(&m2), mutex_unlock(&m1), mutex_lock(&m2), mutex_lock(&m1); break;
    case 3: rw_lock_shared(&rw), rw_lock(&rw); break;
    case 4: mutex_lock(&m1), cond_wait(&cond, &m1); break;
    case 5: spin_unlock(&spin); break;
    case 6: mutex_lock(&m1), sync_check_idle(); break;
    case 7: /* m1 -> rw, rw -> m2, m2 -> m1: a cycle of three */
        mutex_lock(&m1), rw_lock(&rw), mutex_unlock(&m1), mutex_lock(&m2), rw_unlock(&rw), mutex_lock(&m1);
        break;
    }
}

static bool other_ran;

static void other_takes_m1(void) {
    mutex_lock(&m1);
    other_ran = true;
    mutex_unlock(&m1);
}

static void test_locks(void) {
    static const char *const text[] = {"may sleep", "deadlock", "lock order", "deadlock", "no other thread",
                                       "was not held", "still held", "lock order"};
    for (int i = 0; i < 8; i++) panics(misuse_locks, &i, text[i], text[i]);
    init_locks();
    sync_other_thread = other_takes_m1;
    mutex_lock(&m1);
    cond_wait(&cond, &m1);
    ok(other_ran && mutex_held(&m1), "a wait lets another thread take the mutex, and has it again after");
    mutex_unlock(&m1);
    sync_other_thread = NULL;
}

int main(void) {
    test_walk();
    test_rights();
    test_large();
    test_tlb();
    test_catches();
    test_pcids();
    test_pcids_catch();
    test_locks();
    return done_testing();
}
