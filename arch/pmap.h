/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A pmap is the page tables of one space: the user half of a tree of four levels.
 *
 * mm/ works on leaf entries directly, a span at a time: a span is the run of entries of one leaf table
 * that a range covers, so that a loop over resident pages costs a few instructions a page, and a loop
 * over nothing skips whole subtrees.
 *
 *      va = start;
 *      while ((pte = pmap_span(pm, &va, end, &stop)) != NULL)
 *          for (; va < stop; va += PAGE_SIZE, pte++) ...
 *
 * The frame descriptor of a table counts its entries in use (refs); a table that has none left is freed
 * by pmap_prune. So tables exist exactly where there is a page, and regions.tables (mm/region.h) can promise them.
 *
 * Changes to present entries go through batches that tell the CPUs' TLBs: arch/tlb.h.
 *
 * LOCKING  pmap.lock, a spinlock, guards the tables; all calls but init and fini want it held. Nothing sleeps.
 */
#pragma once

#include "arch/tlb.h"
#include "arch/x86_64/pte.h"
#include "kernel/sync.h"
#include "mm/types.h"

struct pmap {
    paddr_t root;
    uint64_t id;       /* from 1 on; no other pmap has it or ever had it */
    struct spinlock lock;
    uint32_t tables;   /* user tables below the root */
    uint64_t resident; /* leaf entries with a page */
    uint64_t swapped;  /* leaf entries with a slot */
    uint64_t cpus;       /* atomic: CPUs that have the root loaded, lazily or not (arch/tlb.h) */
    uint64_t generation; /* atomic: batches finished */
    bool grown;          /* rights were added without a batch since flush_grown */
};

int pmap_init(struct pmap *);  /* 0 or -ENOMEM */
void pmap_fini(struct pmap *); /* every page and table is gone; no CPU runs it, or will. Lazy ones let it go here */

/* First existing leaf table that serves a page of [*va, end): its entry for the (advanced) *va, and in *stop
 * where its entries end (<= end). NULL: no table in the rest. */
pte_t *pmap_span(const struct pmap *, vaddr_t *va, vaddr_t end, vaddr_t *stop);
/* The leaf entry of a page; NULL when it has no table. */
pte_t *pmap_find(const struct pmap *, vaddr_t va);
/* The leaf entry of a page, with tables made on the way (promised frames: cannot fail). */
pte_t *pmap_make(struct pmap *, vaddr_t va);
/* Store an entry, keeping the counts. */
void pmap_set(struct pmap *, pte_t *slot, pte_t entry);
/* Empty an entry that is in use, in a loop over a span. What went is counted once, by pmap_uncount, before the lock is
 * let go. */
static inline pte_t pmap_take(pte_t *slot) {
    pte_t e = *slot;
    *(volatile pte_t *)slot = 0;
    return e;
}
/* Of the table that slot lies in entries were taken: resident with a page, swapped with a slot. */
void pmap_uncount(struct pmap *, pte_t *slot, uint32_t resident, uint32_t swapped);
/* n empty entries of the table that slot lies in got a page. */
void pmap_count(struct pmap *, pte_t *slot, uint32_t n);
/* The entry at slot, which had a page and was taken, is this one now: a slot, or empty. */
void pmap_set_evicted(struct pmap *, pte_t *slot, pte_t entry);
/* Empty an entry in one step with the MMU, which may be marking it: what it was. */
static inline pte_t pmap_take_marked(pte_t *slot) {
    return __atomic_exchange_n(slot, 0, __ATOMIC_RELAXED);
}
/* Give a present entry other rights over the same frame, in one step with the MMU; what this has marked stays. As it is now. */
static inline pte_t pmap_replace(pte_t *slot, pte_t entry) {
    pte_t was = __atomic_exchange_n(slot, entry, __ATOMIC_RELAXED);
    if (was & PTE_D & ~entry) entry = __atomic_or_fetch(slot, PTE_D, __ATOMIC_RELAXED);
    return entry;
}
/* The kernel writes to the page by another way than this entry. */
static inline void pmap_dirty(pte_t *slot) {
    __atomic_fetch_or(slot, PTE_D, __ATOMIC_RELAXED);
}
/* It was not accessed from here on, as far as the entry says. */
static inline void pmap_age(pte_t *slot) {
    __atomic_fetch_and(slot, ~PTE_A, __ATOMIC_RELAXED);
}

/* Free the tables on the path to va that have no entry left; they go by the batch. */
void pmap_prune(struct pmap *, vaddr_t va, struct flush *);
