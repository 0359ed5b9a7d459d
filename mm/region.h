/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A region is a run of pages mapped alike: one object or none, one protection, one lock state.
 *
 * A lock is a property of the region, never of a frame (docs/DESIGN.md): locking and unlocking change
 * one byte here whatever the region's size, and what evicts pages skips a locked region in one step.
 *
 * The regions of a space form a red-black tree by address, augmented with each subtree's extent and its
 * widest gap, so that finding the region of an address and finding room for a mapping both take O(log n).
 *
 * LOCKING  the tree and every field: space.lock (exclusive to change). start, end, offset of a region with an
 *          object and its place on the object's list change only with object.lock held as well.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "mm/types.h"

struct object;
struct space;

enum lock_mode {
    LOCK_NONE,
    LOCK_ON_FAULT, /* charged whole; each page locks as it is first touched (L14) */
    LOCK_FULL,     /* every accessible page is resident and takes no fault (L1, L2) */
};

/* Pages of a locked region that went with its object's end (contract L21). */
enum holes {
    HOLES_NONE,
    HOLES_REFILLING, /* there were some, and a lock request is looking again */
    HOLES_SOME,      /* some were made since anybody looked */
};

enum {
    REGION_SHARED = 1 << 0,    /* writes go to the object; otherwise private, copied on write */
    REGION_PROMISED = 1 << 1,  /* every page has a frame promised */
    REGION_TABLES = 1 << 2,    /* page tables are promised; set once it has been accessible */
    REGION_NORESERVE = 1 << 3, /* pages are promised one by one as they are written */
    REGION_STACK = 1 << 4,     /* grows downwards on a fault just below */
    REGION_DONTFORK = 1 << 5,
    REGION_WIPEONFORK = 1 << 6,
    REGION_DEVICE = 1 << 7,    /* a device's registers: no memory, so never brought in, locked, pinned or copied (A4) */
};

struct region {
    RB_ENTRY(region) link;
    vaddr_t start, end;
    vaddr_t min_start, max_end; /* of the subtree */
    uint64_t max_gap;           /* widest hole between regions of the subtree */
    struct space *space;
    struct object *object;      /* NULL: anonymous private memory. A counted reference */
    uint64_t offset;            /* object's page at start */
    LIST_ENTRY(region) mapping; /* on object->mappings */
    uint16_t flags;
    uint8_t prot, max_prot;     /* PROT_* */
    uint8_t lock;               /* enum lock_mode in force */
    uint8_t want;               /* what a running lock request is turning it into; else equal to lock */
    uint8_t holes;              /* enum holes: locking must look again. object.lock: truncation has no other */
};

RB_HEAD(region_tree, region);

struct regions {
    struct region_tree tree;
    uint64_t count;
    uint64_t tables; /* page tables that the REGION_TABLES regions may need; see region.c */
};

void regions_init(struct regions *);
/* The region that contains va, or NULL. */
struct region *region_find(const struct regions *, vaddr_t va);
/* The first region that ends above va, or NULL. */
struct region *region_from(const struct regions *, vaddr_t va);
struct region *region_next(const struct region *);
struct region *region_prev(const struct region *);

void region_insert(struct regions *, struct region *); /* it overlaps none */
void region_remove(struct regions *, struct region *);
/* New bounds for a region in the tree; it still overlaps none. */
void region_set_bounds(struct regions *, struct region *, vaddr_t start, vaddr_t end);
/* Set flags that regions.tables depends on. */
void region_set_flags(struct regions *, struct region *, uint16_t flags);

/* Highest start of a free run of len bytes inside [lo, hi); 0: none. */
vaddr_t region_gap(const struct regions *, uint64_t len, vaddr_t lo, vaddr_t hi);

/* Upper bound on the page tables that a new region [start, end) adds to regions.tables. */
uint64_t region_tables_bound(vaddr_t start, vaddr_t end);

static inline uint64_t region_pages(const struct region *r) {
    return pages_in(r->end - r->start);
}

/* Is it memory that may be touched? Device memory is not: whoever brings in, locks or charges passes over it. */
static inline bool region_accessible(const struct region *r) {
    return r->prot != 0 && !(r->flags & REGION_DEVICE);
}

/* Do its locked pages count against the limits (contract L11, I3)? want counts: a request charges before it works. */
static inline bool region_charged(const struct region *r) {
    return region_accessible(r) && (r->lock != LOCK_NONE || r->want != LOCK_NONE);
}
