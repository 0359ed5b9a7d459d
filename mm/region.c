/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The tree of regions: an augmented red-black tree (bsd/sys/tree.h calls RB_AUGMENT as it rotates).
 *
 *                 [30,40)                 each node: extent and widest inner gap of its subtree
 *            min 10 max 70 gap 10
 *             /           \
 *        [10,20)         [40,70)          gap(30..) = max(gap left, gap right, 30 - 20, 40 - 40)
 *
 * Page tables. regions.tables bounds the tables that the pages of REGION_TABLES regions can need: each
 * region's tables at three levels, less those that it shares with the neighbour before it. It is a sum
 * over adjacent pairs, so inserting, removing, splitting and merging adjust it locally, and a split or
 * merge leaves it as it was. It may count a table twice when an inaccessible region stands between two
 * others in one table's reach; never too few.
 */
#include "mm/region.h"

#include "kernel/assert.h"

static uint64_t max64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static void augment(struct region *r) {
    const struct region *left = RB_LEFT(r, link), *right = RB_RIGHT(r, link);
    r->min_start = left ? left->min_start : r->start;
    r->max_end = right ? right->max_end : r->end;
    uint64_t gap = 0;
    if (left) gap = max64(left->max_gap, r->start - left->max_end);
    if (right) gap = max64(gap, max64(right->max_gap, right->min_start - r->end));
    r->max_gap = gap;
}

static int region_cmp(const struct region *a, const struct region *b) {
    return a->start < b->start ? -1 : a->start > b->start;
}

#undef RB_AUGMENT
#define RB_AUGMENT(r) augment(r)
#ifndef __unused
#define __unused __attribute__((unused))
#endif
RB_GENERATE_STATIC(region_tree, region, link, region_cmp)

static void augment_up(struct region *r) {
    for (; r; r = RB_PARENT(r, link)) augment(r);
}

/* ---- tables ---- */

static const int table_shift[] = {21, 30, 39}; /* what a table of each level reaches */
#define TABLE_LEVELS 3

uint64_t region_tables_bound(vaddr_t start, vaddr_t end) {
    uint64_t n = TABLE_LEVELS; /* a neighbour pair that a new region parts may stop sharing */
    for (int i = 0; i < TABLE_LEVELS; i++) n += ((end - 1) >> table_shift[i]) - (start >> table_shift[i]) + 1;
    return n;
}

static uint64_t own_tables(const struct region *r) {
    return r && (r->flags & REGION_TABLES) ? region_tables_bound(r->start, r->end) - TABLE_LEVELS : 0;
}

/* At how many levels do the last page of a and the first of b lie in one table? */
static uint64_t shared_tables(const struct region *a, const struct region *b) {
    if (!a || !b || !(a->flags & b->flags & REGION_TABLES)) return 0;
    uint64_t apart = (a->end - 1) ^ b->start;
    return (apart >> table_shift[0] == 0) + (apart >> table_shift[1] == 0) + (apart >> table_shift[2] == 0);
}

/* What r, standing between its neighbours, adds to the bound. May be negative: it parts two that shared. */
static uint64_t marginal_tables(const struct region *r) {
    const struct region *p = region_prev(r), *n = region_next(r);
    return own_tables(r) - shared_tables(p, r) - shared_tables(r, n) + shared_tables(p, n);
}

/* ---- tree ---- */

void regions_init(struct regions *rs) {
    RB_INIT(&rs->tree);
    rs->count = 0;
    rs->tables = 0;
}

struct region *region_from(const struct regions *rs, vaddr_t va) {
    struct region *r = RB_ROOT(&rs->tree), *best = NULL;
    while (r) {
        if (r->end > va) {
            best = r;
            r = RB_LEFT(r, link);
        } else {
            r = RB_RIGHT(r, link);
        }
    }
    return best;
}

struct region *region_find(const struct regions *rs, vaddr_t va) {
    struct region *r = region_from(rs, va);
    return r && r->start <= va ? r : NULL;
}

struct region *region_next(const struct region *r) {
    return region_tree_RB_NEXT((struct region *)r);
}

struct region *region_prev(const struct region *r) {
    return region_tree_RB_PREV((struct region *)r);
}

void region_insert(struct regions *rs, struct region *r) {
    DEBUG_ASSERT(r->start < r->end && !((r->start | r->end) & PAGE_MASK));
    struct region *clash = region_tree_RB_INSERT(&rs->tree, r);
    ASSERT(clash == NULL);
    augment_up(r);
    rs->count++;
    rs->tables += marginal_tables(r);
}

void region_remove(struct regions *rs, struct region *r) {
    rs->tables -= marginal_tables(r);
    struct region *parent = RB_PARENT(r, link);
    region_tree_RB_REMOVE(&rs->tree, r);
    augment_up(parent);
    rs->count--;
}

void region_set_bounds(struct regions *rs, struct region *r, vaddr_t start, vaddr_t end) {
    rs->tables -= marginal_tables(r);
    r->start = start;
    r->end = end;
    augment_up(r);
    rs->tables += marginal_tables(r);
}

void region_set_flags(struct regions *rs, struct region *r, uint16_t flags) {
    rs->tables -= marginal_tables(r);
    r->flags = flags;
    rs->tables += marginal_tables(r);
}

/* ---- gaps ---- */

/* Highest place for len bytes in the hole [from, to) clipped to [lo, hi). */
static vaddr_t fit(vaddr_t from, vaddr_t to, uint64_t len, vaddr_t lo, vaddr_t hi) {
    if (from < lo) from = lo;
    if (to > hi) to = hi;
    return to > from && to - from >= len ? to - len : 0;
}

/* Inside the extent of r's subtree, from the top. Depth is that of the tree. */
static vaddr_t gap_below(const struct region *r, uint64_t len, vaddr_t lo, vaddr_t hi) {
    if (!r || r->max_gap < len || r->max_end <= lo || r->min_start >= hi) return 0;
    const struct region *left = RB_LEFT(r, link), *right = RB_RIGHT(r, link);
    vaddr_t at = gap_below(right, len, lo, hi);
    if (!at && right) at = fit(r->end, right->min_start, len, lo, hi);
    if (!at && left) at = fit(left->max_end, r->start, len, lo, hi);
    return at ? at : gap_below(left, len, lo, hi);
}

vaddr_t region_gap(const struct regions *rs, uint64_t len, vaddr_t lo, vaddr_t hi) {
    const struct region *root = RB_ROOT(&rs->tree);
    if (!root) return fit(lo, hi, len, lo, hi);
    vaddr_t at = fit(root->max_end, hi, len, lo, hi);
    if (!at) at = gap_below(root, len, lo, hi);
    return at ? at : fit(lo, root->min_start, len, lo, hi);
}
