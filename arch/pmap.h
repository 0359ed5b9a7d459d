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
 * FLUSHES. Taking away or changing a present entry leaves old translations in TLBs. Every such change is
 * noted in a struct flush, and frames that lost a mapping are handed to it; flush_finish tells every CPU
 * that runs the space, and only then drops the frames. Correctness: a frame is reused only after its drop,
 * the drop follows the flush, and the flush follows the store to the entry, all in program order on the
 * changing CPU; a CPU that loads the space later loads no translation older than its load (SDM 4.10.2,
 * 4.10.4). What only adds or grows a permission needs no flush: a stale, lesser entry costs one more
 * fault, which finds the page and returns (SDM 4.10.4.3); so that no locked page takes even that one,
 * growing a permission on a locked page does flush (contract L2).
 *
 * LOCKING  pmap.lock, a spinlock, guards the tables; all calls but init and fini want it held. Nothing sleeps.
 */
#pragma once

#include "kernel/sync.h"
#include "mm/types.h"

#include "arch/x86_64/pte.h"

struct pmap {
    paddr_t root;
    struct spinlock lock;
    uint32_t tables;   /* user tables below the root */
    uint64_t resident; /* leaf entries with a page */
};

int pmap_init(struct pmap *);  /* 0 or -ENOMEM */
void pmap_fini(struct pmap *); /* every page and table is gone; no CPU runs it */

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
/* n entries of the table that slot lies in were taken. */
void pmap_uncount(struct pmap *, pte_t *slot, uint32_t n);

#define FLUSH_PAGES  16
#define FLUSH_FRAMES 64

struct flush {
    struct pmap *pmap;
    unsigned pages;              /* above FLUSH_PAGES: flush all */
    unsigned frames;
    vaddr_t page[FLUSH_PAGES];
    pfn_t frame[FLUSH_FRAMES];
};

void flush_begin(struct flush *, struct pmap *);
void flush_finish(struct flush *); /* must be called; the batch is empty and usable afterwards */

/* This translation changed. */
static inline void flush_page(struct flush *f, vaddr_t va) {
    if (f->pages < FLUSH_PAGES) f->page[f->pages] = va;
    f->pages++;
}

/* Drop this frame once flushed; may finish a full batch at once. */
static inline void flush_drop(struct flush *f, pfn_t pfn) {
    if (f->frames == FLUSH_FRAMES) flush_finish(f);
    f->frame[f->frames++] = pfn;
}

/* Free the tables on the path to va that have no entry left; they go by the batch. */
void pmap_prune(struct pmap *, vaddr_t va, struct flush *);
