/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Which CPU has which space loaded, and how all of them are told that translations changed.
 *
 *      space.pmap                             one a CPU (tlb.c)
 *      cpus        1 0 1 1  <---- bit -----   loaded, lazy
 *      generation  17       <-- compared --   seen = 17: nothing older than batch 17 is cached here
 *                                             slots: another (space, seen) for each identifier
 *
 * BATCHES. Taking away or changing a present entry leaves old translations in TLBs. Every such change is
 * noted in a struct flush, and frames that lost a mapping are handed to it. flush_finish makes every CPU
 * that could use an old translation forget it, and only then drops the frames.
 *
 * LAZINESS. A kernel thread has no space: the tables of the last one stay loaded and the CPU is lazy. It
 * touches no user address until it leaves laziness, so stale leaf translations hurt nobody and it is not
 * interrupted for them; it compares generations when it comes back. But it may still walk speculatively, and
 * such a walk writes accessed bits: for batches that free page tables lazy CPUs are interrupted too, once: then they go over
 * to the kernel's own tables.
 *
 * SLOTS. Where CPUs have process-context identifiers (SDM Vol. 3, 4.10.1), each keeps a few for the spaces that it has
 * loaded last; with each goes a slot: the space's number, and what was seen of its generations. A load finds the space's
 * slot and compares as one that comes back from laziness does: what the CPU remembers is kept, or goes with the load. A
 * space without a slot takes one from another, in turn, and the load forgets what that one left. Round robin, since
 * what matters is a few spaces that call each other: they do not meet more others meanwhile than there are slots.
 *
 * WHY NO CPU REACHES A FRAME THAT HAS BEEN DROPPED
 *   The flushing CPU:   1 store the entries   2 generation++   3 read cpus, lazy   4 call those   5 drop
 *   A CPU that loads:   a lazy = false   b set its bit in cpus   c seen = generation   d load CR3, keep if a slot had seen it
 *   A lazy one back:    a lazy = false                           c read generation     d flush if it differs
 *   2-3 and (b or a)-c are each a store and a load of the other's word with a full barrier between. So of 3
 *   and c at least one sees the other: either the CPU is called (4), or it reads the new generation, and
 *   then its flush (d) comes after the entries were stored (1), for they precede 2.
 *   A CPU clears its bit only after another root is in CR3: it can use no translation of the space any more (SDM
 *   Vol. 3, 4.10.4.1), and a - d apply when it returns. a - d run with interrupts off, so that a call meets
 *   a CPU before a or after d, never between.
 *   A CPU that is called and has seen that generation already has flushed everything after it, and does nothing.
 *   With slots: what is remembered under an identifier that is not current is not used, neither translations nor
 *   paging-structure caches (4.10.1); so frames and tables that it leads to may be dropped, and it may rot until d makes the
 *   identifier current again. If c finds the generation that the slot has seen, no batch has passed 2 since; what earlier ones
 *   changed was forgotten when the slot's `seen` was set, and later ones find the bit and call. If not, d forgets all
 *   under the identifier, caches of tables too (4.10.4.1), after the entries were stored, as above. The slots of CPUs that
 *   are not told, having loaded another space or being lazy, are behind from then on, whatever they load in between.
 *   INVLPG and mmu_flush_user act on the current identifier: a CPU is called about the space that it has loaded, or does nothing.
 *   A space that has ended leaves its slots: its number is nobody else's, so no load ever finds them, though its struct
 *   and its root's frame serve another; and who takes them over forgets. The kernel's own tables are loaded under 0.
 *
 * WHAT GROWS. A change that only adds rights needs no batch: a stale, lesser entry costs one more fault, which
 * invalidates it (SDM Vol. 3, 4.10.4.1), finds the page and returns. Not so on locked pages, which take no
 * fault (contract L2). There growth goes by the batch; and growth that went without one before the page was
 * locked is remembered in pmap.grown, and flushed by flush_grown before the call that locks returns. From the
 * moment that a region is marked, growth in it goes by the batch, so nothing slips between the two.
 *
 * LOCKING  flush_finish waits for other CPUs with interrupts on (arch/ipi.h): no lock that is taken with
 *          interrupts off may be held; pmap.lock, taken with interrupts on alone, may.
 */
#pragma once

#include "mm/types.h"

struct pmap;

/*
 * Run this space on this CPU. NULL: no space; the CPU becomes lazy with the last one. Preemption or interrupts
 * off; does not sleep.
 */
void pmap_load(struct pmap *);
/* No CPU runs the space any more and none will (asserted): those that are lazy with it let it go. As flush_finish. */
void pmap_evict(struct pmap *);

#define FLUSH_PAGES  16
#define FLUSH_FRAMES 64

struct flush {
    struct pmap *pmap;
    uint64_t generation;         /* that it has made; set when it is finished */
    unsigned pages;              /* above FLUSH_PAGES: flush all */
    unsigned frames;
    bool tables;                 /* page tables are among the frames */
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

/* All translations may have changed. */
static inline void flush_all(struct flush *f) {
    f->pages = FLUSH_PAGES + 1;
}

/* Before locked pages are answered for: CPUs forget lesser entries than the tables have by now. No lock held that pmap.lock
 * comes before. */
void flush_grown(struct pmap *);

/* Drop this frame once flushed; may finish a full batch at once. */
static inline void flush_drop(struct flush *f, pfn_t pfn) {
    if (f->frames == FLUSH_FRAMES) flush_finish(f);
    f->frame[f->frames++] = pfn;
}

/* The same for a page table that served va, unhooked from its parent. */
static inline void flush_drop_table(struct flush *f, vaddr_t va, pfn_t pfn) {
    flush_drop(f, pfn);
    flush_page(f, va);
    f->tables = true;
}

/* Since boot, all CPUs. */
struct tlb_stats {
    uint64_t batches;     /* that changed translations */
    uint64_t shootdowns;  /* of them, those for which other CPUs were interrupted */
    uint64_t interrupted; /* CPUs, in all */
    uint64_t lazy;        /* CPUs that had the space loaded and were left alone because they were lazy */
    uint64_t covered;     /* calls that found the CPU ahead of them: a later flush had done it */
    uint64_t kept;        /* returns, from laziness or to a slot, to a space whose translations were all still good */
    uint64_t outdated;    /* returns that had to flush */
};
void tlb_get_stats(struct tlb_stats *);
