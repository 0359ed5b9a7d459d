/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Page tables: what pmap.c writes is what the emulated MMU reads; spans, counts, pruning; and flushes,
 * which must come before a frame is let go.
 */
#include "tests/host/support.h"

#include <string.h>

#include "arch/mmu.h"
#include "arch/pmap.h"
#include "boot/bootinfo.h"

static struct pmap pm;

static pfn_t map_page(vaddr_t va, bool write, bool exec) {
    pfn_t pfn = frame_alloc_zero(FRAME_ANON);
    spin_lock(&pm.lock);
    pmap_set(&pm, pmap_make(&pm, va), pte_make(pfn, write, exec));
    spin_unlock(&pm.lock);
    return pfn;
}

/* Take a page away as mm/ does: clear, note, prune, finish. */
static void unmap_page(vaddr_t va) {
    struct flush f;
    flush_begin(&f, &pm);
    spin_lock(&pm.lock);
    pte_t *slot = pmap_find(&pm, va);
    pfn_t pfn = pte_pfn(*slot);
    pmap_set(&pm, slot, 0);
    flush_page(&f, va);
    flush_drop(&f, pfn);
    pmap_prune(&pm, va, &f);
    flush_finish(&f);
    spin_unlock(&pm.lock);
}

static bool reads(vaddr_t va, pfn_t pfn) {
    void *byte;
    return mmu_access(va, FAULT_READ, &byte) == 0 && frame_number((void *)page_floor((uint64_t)byte)) == pfn;
}

static void test_one(void) {
    void *byte;
    vaddr_t va = 0x7654321000;
    uint64_t before = free_frames();
    is_int(pmap_init(&pm), 0, "a pmap can be made");
    pmap_load(&pm);
    pfn_t pfn = map_page(va, true, false);
    ok(reads(va, pfn), "a mapped page is reached");
    is_int(pm.tables, 3, "three tables lead to it");
    is_int(pm.resident, 1, "one page is resident");
    is_int(mmu_access(va, FAULT_WRITE, &byte), 0, "it can be written");
    ok(mmu_access(va, FAULT_EXEC, &byte) & HOST_FETCH, "but not executed");
    map_page(va + PAGE_SIZE, false, true);
    is_int(mmu_access(va + PAGE_SIZE, FAULT_EXEC, &byte), 0, "its neighbour can be executed");
    ok(mmu_access(va + PAGE_SIZE, FAULT_WRITE, &byte) & HOST_PRESENT, "but not written");
    is_int(pm.tables, 3, "in the same tables");
    ok(pmap_find(&pm, va + PT_SPAN(1)) == NULL, "a page without a table has no entry");
    unmap_page(va);
    is_int(pm.tables, 3, "a table that still has an entry stays");
    unmap_page(va + PAGE_SIZE);
    is_int(pm.tables, 0, "empty tables go");
    pmap_load(NULL);
    pmap_fini(&pm);
    is_int(free_frames(), before, "I8: every frame is back");
}

/* Each level's edge: the pages on both sides share exactly the tables that they should. */
static void test_edges(void) {
    static const vaddr_t edge[] = {USER_MIN, 0x200000, 0x40000000, 0x8000000000, USER_MAX - PAGE_SIZE};
    static const unsigned tables[] = {3, 4, 5, 6, 3};
    for (unsigned i = 0; i < 5; i++) {
        vaddr_t va = edge[i];
        bool two = va != USER_MIN && va != USER_MAX - PAGE_SIZE;
        pmap_init(&pm);
        pmap_load(&pm);
        pfn_t a = map_page(va, true, false), b = two ? map_page(va - PAGE_SIZE, true, false) : NO_PFN;
        ok(reads(va, a) && (!two || reads(va - PAGE_SIZE, b)), "both sides of %#lx are reached", va);
        is_int(pm.tables, tables[i], "by %u tables", tables[i]);
        unmap_page(va);
        if (two) unmap_page(va - PAGE_SIZE);
        is_int(pm.tables, 0, "and by none in the end");
        pmap_load(NULL);
        pmap_fini(&pm);
    }
}

/* ---- spans ---- */

static unsigned spans;

static uint64_t pages_by_span(vaddr_t va, vaddr_t end) {
    uint64_t n = 0;
    vaddr_t stop;
    pte_t *pte;
    spans = 0;
    while ((pte = pmap_span(&pm, &va, end, &stop)) != NULL) {
        spans++;
        if (stop > end || stop <= va || (va ^ (stop - 1)) >> 21) return UINT64_MAX;
        for (; va < stop; va += PAGE_SIZE, pte++) {
            if (pte != pmap_find(&pm, va)) return UINT64_MAX;
            n += pte_resident(*pte);
        }
    }
    return n;
}

static void test_spans(uint64_t seed) {
    enum { N = 400 };
    static vaddr_t at[N];
    struct rng rng = {seed};
    bool same = true;
    pmap_init(&pm);
    pmap_load(&pm);
    is_int(pages_by_span(0, USER_MAX), 0, "an empty pmap has no span");
    for (int i = 0; i < N; i++) {
        vaddr_t near = i ? at[rng_below(&rng, (uint64_t)i)] : 1ul << 40;
        at[i] = page_floor(USER_MIN + (near + rng_below(&rng, 1ul << rng_below(&rng, 46))) % (USER_MAX - 2 * USER_MIN));
        if (!pmap_find(&pm, at[i]) || !*pmap_find(&pm, at[i])) map_page(at[i], true, false);
        else at[i--] += 0;
    }
    is_int(pages_by_span(0, USER_MAX), N, "spans find each of %d pages scattered over user space", N);
    ok(spans <= N, "in no more spans than pages: %u", spans);
    for (int k = 0; k < 300; k++) {
        vaddr_t lo = at[rng_below(&rng, N)], hi = at[rng_below(&rng, N)];
        uint64_t want = 0;
        for (int i = 0; i < N; i++) want += at[i] >= lo && at[i] < hi;
        same &= pages_by_span(lo, hi) == want;
    }
    ok(same, "any part of user space is walked exactly");
    for (int i = 0; i < N; i++) unmap_page(at[i]);
    is_int(pm.tables, 0, "no table is left");
    pmap_load(NULL);
    pmap_fini(&pm);
}

/* ---- flushes ---- */

static void test_flush(void) {
    struct flush f;
    vaddr_t va = 0x10000000;
    pmap_init(&pm);
    pmap_load(&pm);
    for (unsigned pages = 1; pages <= FLUSH_FRAMES + 40; pages = pages * 3) {
        uint64_t before = free_frames();
        for (unsigned i = 0; i < pages; i++) reads(va + i * PAGE_SIZE, map_page(va + i * PAGE_SIZE, true, false));
        flush_begin(&f, &pm);
        spin_lock(&pm.lock);
        for (unsigned i = 0; i < pages; i++) {
            pte_t *slot = pmap_find(&pm, va + i * PAGE_SIZE);
            pfn_t pfn = pte_pfn(*slot);
            pmap_set(&pm, slot, 0);
            flush_page(&f, va + i * PAGE_SIZE);
            flush_drop(&f, pfn);
        }
        bool full = pages > FLUSH_FRAMES; /* then the batch has finished itself on the way */
        ok(full || mmu_stale() == pages, "%u pages: before the batch is finished, translations are stale", pages);
        flush_finish(&f);
        is_int(mmu_stale(), 0, "%u pages: none is after", pages);
        pmap_prune(&pm, va, &f);
        flush_finish(&f);
        spin_unlock(&pm.lock);
        is_int(free_frames(), before, "%u pages: all frames are back", pages);
    }
    pmap_load(NULL);
    pmap_fini(&pm);
}

/* The last entry of a table was parked: no translation changed, but the way to the table may be cached. */
static void test_parked(void) {
    void *byte;
    struct flush f;
    uint64_t before = free_frames();
    vaddr_t va = 0x10000000;
    pmap_init(&pm);
    pmap_load(&pm);
    pfn_t pfn = map_page(va, true, false);
    spin_lock(&pm.lock);
    pte_t *slot = pmap_find(&pm, va);
    pmap_set(&pm, slot, pte_park(*slot));
    is_int(pm.resident, 1, "a parked page is resident");
    is_int(mmu_access(va, FAULT_READ, &byte), HOST_USER, "and cannot be touched");
    flush_begin(&f, &pm);
    pmap_set(&pm, slot, 0);
    pmap_prune(&pm, va, &f);
    flush_drop(&f, pfn);
    flush_finish(&f);
    spin_unlock(&pm.lock);
    is_int(pm.tables, 0, "its tables go, and are flushed although no translation was");
    pmap_load(NULL);
    pmap_fini(&pm);
    is_int(free_frames(), before, "I8: with every frame");
}

/* Unmap a page with all but the note that its translation changed. */
static void forget_flush(void *arg) {
    (void)arg;
    struct flush f;
    pmap_init(&pm);
    pmap_load(&pm);
    vaddr_t va = 0x10000000;
    pfn_t pfn = map_page(va, true, false);
    reads(va, pfn);
    flush_begin(&f, &pm);
    spin_lock(&pm.lock);
    pmap_set(&pm, pmap_find(&pm, va), 0);
    flush_drop(&f, pfn);
    flush_finish(&f);
}

static void finish_early(void *arg) {
    (void)arg;
    pmap_init(&pm);
    map_page(0x10000000, true, false);
    pmap_fini(&pm);
}

static void finish_running(void *arg) {
    (void)arg;
    pmap_init(&pm);
    pmap_load(&pm);
    pmap_fini(&pm);
}

int main(int argc, char **argv) {
    host_power(64 * MIB);
    frame_init(&boot_info);
    heap_init();
    frame_promise(8000);
    test_one();
    test_edges();
    test_spans(seed_of(argc, argv));
    test_flush();
    test_parked();
    panics(forget_flush, NULL, "still translates", "a page dropped without a flush is caught");
    panics(finish_early, NULL, "assertion failed", "a pmap with pages cannot be given up");
    panics(finish_running, NULL, "assertion failed", "nor one that the CPU runs");
    return done_testing();
}
