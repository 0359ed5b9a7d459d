/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The tree of regions against a sorted array: lookup, neighbours, gaps, the augmentation of each node, and
 * the bound on page tables.
 */
#include "tests/host/support.h"

#include <stdlib.h>
#include <string.h>

#include "mm/region.h"

#define MAX 300

static struct region *model[MAX]; /* ascending */
static unsigned n;
static struct regions regions;

static void insert(vaddr_t start, vaddr_t end, uint16_t flags) {
    struct region *r = calloc(1, sizeof(*r));
    unsigned i = n++;
    r->start = start, r->end = end, r->flags = flags;
    for (; i > 0 && model[i - 1]->start > start; i--) model[i] = model[i - 1];
    model[i] = r;
    region_insert(&regions, r);
}

static void remove_at(unsigned i) {
    region_remove(&regions, model[i]);
    free(model[i]);
    memmove(&model[i], &model[i + 1], (--n - i) * sizeof(model[0]));
}

static void clear(void) {
    while (n) remove_at(n - 1);
    regions_init(&regions);
}

static vaddr_t end_before(unsigned i) {
    return i ? model[i - 1]->end : 0;
}

/* ---- what the array says ---- */

static vaddr_t model_gap(uint64_t len, vaddr_t lo, vaddr_t hi) {
    vaddr_t to = hi;
    for (unsigned i = n;; i--) {
        vaddr_t from = end_before(i) > lo ? end_before(i) : lo;
        if (to > from && to - from >= len) return to - len;
        if (i == 0) return 0;
        if (model[i - 1]->start < to) to = model[i - 1]->start;
    }
}

/* Distinct tables of one level that pages of REGION_TABLES regions lie under. */
static uint64_t tables_at(int shift) {
    uint64_t count = 0, last = UINT64_MAX;
    for (unsigned i = 0; i < n; i++) {
        if (!(model[i]->flags & REGION_TABLES)) continue;
        uint64_t a = model[i]->start >> shift, b = (model[i]->end - 1) >> shift;
        count += b - a + 1 - (a == last);
        last = b;
    }
    return count;
}

static uint64_t tables_needed(void) {
    return tables_at(21) + tables_at(30) + tables_at(39);
}

static bool all_have_tables(void) {
    for (unsigned i = 0; i < n; i++)
        if (!(model[i]->flags & REGION_TABLES)) return false;
    return true;
}

/* ---- what the tree says ---- */

static bool augmented(const struct region *r) {
    if (!r) return true;
    const struct region *l = RB_LEFT(r, link), *g = RB_RIGHT(r, link);
    uint64_t gap = 0;
    if (l && r->start - l->max_end > gap) gap = r->start - l->max_end;
    if (l && l->max_gap > gap) gap = l->max_gap;
    if (g && g->min_start - r->end > gap) gap = g->min_start - r->end;
    if (g && g->max_gap > gap) gap = g->max_gap;
    return r->min_start == (l ? l->min_start : r->start) && r->max_end == (g ? g->max_end : r->end) && r->max_gap == gap &&
           augmented(l) && augmented(g);
}

static bool same_order(void) {
    struct region *r = region_from(&regions, 0), *last = NULL;
    for (unsigned i = 0; i < n; i++, last = r, r = region_next(r)) {
        if (r != model[i]) return false;
        if (region_prev(r) != last) return false;
    }
    return r == NULL && regions.count == n;
}

static bool same_find(vaddr_t va) {
    unsigned i = 0;
    while (i < n && model[i]->end <= va) i++;
    struct region *from = i < n ? model[i] : NULL;
    return region_from(&regions, va) == from && region_find(&regions, va) == (from && from->start <= va ? from : NULL);
}

static const char *differs(struct rng *rng, uint64_t reach) {
    if (!augmented(RB_ROOT(&regions.tree))) return "augmentation";
    if (!same_order()) return "order, neighbours or count";
    if (regions.tables < tables_needed()) return "fewer tables promised than may be needed";
    if (all_have_tables() && regions.tables != tables_needed()) return "table count is not exact";
    for (int i = 0; i < 8; i++) {
        vaddr_t va = rng_below(rng, reach), lo = rng_below(rng, reach), hi = rng_below(rng, reach);
        uint64_t len = page_ceil(1 + rng_below(rng, reach >> rng_below(rng, 20)));
        lo = page_floor(lo) + PAGE_SIZE, hi = page_floor(hi);
        if (!same_find(va)) return "region_find or region_from";
        if (region_gap(&regions, len, lo, hi) != (lo < hi ? model_gap(len, lo, hi) : 0)) return "region_gap";
        if (region_gap(&regions, len, PAGE_SIZE, reach) != model_gap(len, PAGE_SIZE, reach)) return "region_gap in the whole";
    }
    return NULL;
}

/* ---- random work ---- */

static void random_insert(struct rng *rng, uint64_t reach, bool all_tables) {
    vaddr_t start = page_floor(PAGE_SIZE + rng_below(rng, reach - 2 * PAGE_SIZE));
    uint64_t len = page_ceil(1 + rng_below(rng, reach >> (4 + rng_below(rng, 12))));
    if (n == MAX || start + len > reach) return;
    for (unsigned i = 0; i < n; i++)
        if (model[i]->start < start + len && start < model[i]->end) return;
    insert(start, start + len, all_tables || rng_below(rng, 3) ? REGION_TABLES : 0);
}

static void random_bounds(struct rng *rng, uint64_t reach) {
    if (!n) return;
    unsigned i = (unsigned)rng_below(rng, n);
    vaddr_t lo = i ? end_before(i) : PAGE_SIZE, hi = i + 1 < n ? model[i + 1]->start : reach;
    vaddr_t start = lo + page_floor(rng_below(rng, hi - lo));
    vaddr_t end = start + page_ceil(1 + rng_below(rng, hi - start));
    if (end > hi) end = hi;
    region_set_bounds(&regions, model[i], start, end);
}

/* A region that is split in two, and joined again, may need as many tables as before. */
static const char *random_split(struct rng *rng) {
    if (!n || n == MAX) return NULL;
    unsigned i = (unsigned)rng_below(rng, n);
    struct region *r = model[i];
    uint64_t pages = region_pages(r), before = regions.tables;
    if (pages < 2) return NULL;
    vaddr_t end = r->end, middle = r->start + (1 + rng_below(rng, pages - 1)) * PAGE_SIZE;
    region_set_bounds(&regions, r, r->start, middle);
    insert(middle, end, r->flags);
    if (regions.tables != before) return "a split changed the table count";
    if (rng_below(rng, 2)) return NULL;
    remove_at(i + 1);
    region_set_bounds(&regions, r, r->start, end);
    return regions.tables != before ? "a merge changed the table count" : NULL;
}

static void test_random(uint64_t seed, uint64_t reach, bool all_tables, int steps) {
    struct rng rng = {seed};
    const char *what = NULL;
    int step = 0;
    clear();
    for (; step < steps && !what; step++) {
        uint64_t what_to_do = rng_below(&rng, 10);
        if (what_to_do < 5) random_insert(&rng, reach, all_tables);
        else if (what_to_do < 7 && n) remove_at((unsigned)rng_below(&rng, n));
        else if (what_to_do < 8) random_bounds(&rng, reach);
        else if (what_to_do < 9) what = random_split(&rng);
        else if (n) {
            struct region *r = model[rng_below(&rng, n)];
            region_set_flags(&regions, r, all_tables ? REGION_TABLES : r->flags ^ REGION_TABLES);
        }
        if (!what) what = differs(&rng, reach);
    }
    ok(!what, "%d random steps over %#lx bytes%s", steps, reach, all_tables ? ", all with tables" : "");
    if (what) diag("  seed %lu, step %d, %u regions: %s", seed, step, n, what);
    clear();
    ok(regions.count == 0 && regions.tables == 0, "nothing is left");
}

static void test_gaps(void) {
    clear();
    ok(region_gap(&regions, USER_MAX - USER_MIN, USER_MIN, USER_MAX) == USER_MIN, "an empty space fits all of user space");
    ok(region_gap(&regions, USER_MAX - USER_MIN + PAGE_SIZE, USER_MIN, USER_MAX) == 0, "and not a page more");
    ok(region_gap(&regions, PAGE_SIZE, USER_MIN, USER_MAX) == USER_MAX - PAGE_SIZE, "the highest place is taken");
    insert(USER_MAX - PAGE_SIZE, USER_MAX, 0);
    insert(USER_MAX - 4 * PAGE_SIZE, USER_MAX - 3 * PAGE_SIZE, 0);
    ok(region_gap(&regions, 2 * PAGE_SIZE, USER_MIN, USER_MAX) == USER_MAX - 3 * PAGE_SIZE, "a hole that fits exactly");
    ok(region_gap(&regions, 3 * PAGE_SIZE, USER_MIN, USER_MAX) == USER_MAX - 7 * PAGE_SIZE, "or else below everything");
    ok(region_gap(&regions, 2 * PAGE_SIZE, USER_MIN, USER_MAX - 2 * PAGE_SIZE) == USER_MAX - 6 * PAGE_SIZE,
       "a hole that the upper bound cuts short is passed over");
    ok(region_gap(&regions, UINT64_MAX, USER_MIN, USER_MAX) == 0, "2^64-1 bytes fit nowhere");
    clear();
    insert(USER_MIN, USER_MIN + PAGE_SIZE, REGION_TABLES);
    is_int(regions.tables, 3, "one page needs three tables");
    insert(USER_MAX - PAGE_SIZE, USER_MAX, REGION_TABLES);
    is_int(regions.tables, 6, "a page at the other end needs three more");
    ok(region_tables_bound(USER_MIN, USER_MAX) >= (USER_MAX >> 21) + (USER_MAX >> 30) + (USER_MAX >> 39), "all of user space");
    clear();
}

int main(int argc, char **argv) {
    uint64_t seed = seed_of(argc, argv);
    test_gaps();
    test_random(seed, 1 << 20, false, 4000);
    test_random(seed + 1, 1ul << 32, false, 4000);
    test_random(seed + 2, USER_MAX, false, 4000);
    test_random(seed + 3, USER_MAX, true, 4000);
    return done_testing();
}
