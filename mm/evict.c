/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Eviction of private pages: one clock hand in each space (Corbató, "A Paging Experiment with the Multics System", 1968).
 *
 *      hand ──> region, region, [locked: one step over], region ...
 *                  └─ leaf tables, entry by entry:  accessed since the last time?  age it, go on
 *                                                   not?                           take it out
 *
 *   take out    1 the entry is emptied in one step with the MMU, which so tells whether the page is dirty
 *               2 every CPU forgets it (flush), so that nobody writes it any more
 *               3 all zeroes: the entry stays empty. Unchanged since it was read in: the slot has it already. Else
 *                 it gets the next slot of the run that is to be written
 *   all three under one hold of pmap.lock: who faults meanwhile finds it there as before, or swapped.
 *
 * WHY NO LOCKED PAGE GOES (contract L1). A request marks its regions (want) under space.lock, exclusive, before it looks
 * whether its pages are there; the hand holds that lock, shared, from its look at the region to its last entry.
 * Pinned frames stay: a pin is taken under pmap.lock, from an entry that is there.
 *
 * LOCKING  space.lock shared, tried: who holds it may be waiting for memory. Then pmap.lock, a leaf table at a time.
 */
#include <asm/mman.h>

#include "kernel/assert.h"
#include "kernel/race.h"
#include "libc/core/string.h"
#include "mm/evict.h"
#include "mm/space.h"
#include "mm/swap.h"

#define HAUL BACKING_SEGMENTS /* pages taken out under one hold of the lock, and written by one request */

struct haul {
    struct space *space;
    const struct region *region;
    struct swap_write *io;  /* NULL: not begun, or nothing can be written just now; clean pages still go */
    struct eviction *ev;
    struct flush flush;
    unsigned n;
    struct {
        pte_t *slot, was;
        vaddr_t va;
    } page[HAUL];
};

/* ---- one page that is out ---- */

bool frame_is_zero(pfn_t pfn) {
    const uint64_t *word = frame_addr(pfn);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        if (word[i]) return false;
    return true;
}

static void put_back(struct haul *h, unsigned i) {
    *(volatile pte_t *)h->page[i].slot = h->page[i].was;
}

/* Is there a slot to write the next page to? */
static bool can_write(struct haul *h) {
    if (!h->io && !h->ev->starved && !h->ev->full) {
        h->io = swap_write_begin(&h->ev->starved);
        h->ev->full = !h->io && !h->ev->starved;
    }
    return h->io && !swap_write_full(h->io);
}

/* Is this entry all that keeps its frame? A copy of swap's goes with it, and so will one that is being written. */
static bool is_last(pfn_t pfn) {
    const struct frame *f = frame_of(pfn);
    bool copied = f->state == FRAME_ANON && __atomic_load_n(&f->slot, __ATOMIC_RELAXED);
    return __atomic_load_n(&f->refs, __ATOMIC_RELAXED) == 1u + copied;
}

/* Where its entry leads from now on. */
static void settle(struct haul *h, unsigned i) {
    pte_t e = h->page[i].was;
    pfn_t pfn = pte_pfn(e);
    struct pmap *pm = &h->space->pmap;
    bool anon = frame_of(pfn)->state == FRAME_ANON;
    slot_t slot = 0;
    enum again again = anon ? swap_again(pfn, e & PTE_D, &slot) : AGAIN_NONE;
    if (!anon || (again == AGAIN_NONE && !h->region->object && frame_is_zero(pfn))) {
        pmap_set_evicted(pm, h->page[i].slot, 0); /* the object has it; or there is nothing to have */
        if (anon && !(h->region->flags & REGION_PROMISED)) frame_uncommit(1);
    } else if (again == AGAIN_KEPT) {
        pmap_set_evicted(pm, h->page[i].slot, pte_swap(slot));
    } else if (again == AGAIN_NONE && can_write(h)) {
        pmap_set_evicted(pm, h->page[i].slot, pte_swap(swap_write_add(h->io, pfn, false)));
        h->ev->written++;
        return; /* the reference went with it */
    } else {
        put_back(h, i);
        return;
    }
    if (is_last(pfn)) h->ev->dropped++;
    else h->ev->unmapped++;
    frame_drop(pfn);
}

/* ---- a leaf table ---- */

/* May this entry's page go? Ages it if it was accessed. */
static bool is_cold(struct haul *h, pte_t *slot, vaddr_t va) {
    pte_t e = *slot;
    if (!pte_resident(e) || pte_is_device(e)) return false;
    h->ev->looked++;
    if (pte_pfn(e) == zero_pfn || frame_of(pte_pfn(e))->pins) return false;
    if ((e & PTE_A) && !h->ev->force) {
        pmap_age(slot);
        flush_page(&h->flush, va);
        h->ev->aged++;
        return false;
    }
    return !h->ev->only_age;
}

static void haul_out(struct haul *h, vaddr_t first) {
    flush_finish(&h->flush);
    for (unsigned i = 0; i < h->n; i++) settle(h, i);
    pmap_prune(&h->space->pmap, first, &h->flush);
    flush_finish(&h->flush);
}

/* Entries of one leaf table, until it ends or the haul is full: where to go on. */
static vaddr_t evict_span(struct haul *h, vaddr_t va, vaddr_t end) {
    struct pmap *pm = &h->space->pmap;
    vaddr_t stop;
    h->n = 0;
    flush_begin(&h->flush, pm);
    spin_lock(&pm->lock);
    pte_t *slot = pmap_span(pm, &va, end, &stop);
    vaddr_t first = va;
    for (; slot && va < stop && h->n < HAUL; va += PAGE_SIZE, slot++) {
        if (!is_cold(h, slot, va)) continue;
        pte_t e = pmap_take_marked(slot);
        if (pte_present(e)) flush_page(&h->flush, va);
        h->page[h->n].slot = slot;
        h->page[h->n].was = e;
        h->page[h->n++].va = va;
    }
    if (slot) haul_out(h, first);
    spin_unlock(&pm->lock);
    return slot ? va : end;
}

/* Pages of [va, end) of one region: where the hand stops. Goes on until enough is on its way out or has been looked at. */
static vaddr_t evict_region(struct space *s, const struct region *r, vaddr_t va, vaddr_t end, struct eviction *ev) {
    while (va < end && !eviction_done(ev)) {
        struct haul h = {.space = s, .region = r, .ev = ev};
        va = evict_span(&h, va, end);
        if (h.io) swap_write_end(h.io);
    }
    return va;
}

/* Does the hand pass over the whole region? Shared pages are their object's to evict. */
static bool passes(const struct region *r) {
    return r->lock != LOCK_NONE || r->want != LOCK_NONE || (r->flags & (REGION_SHARED | REGION_DEVICE));
}

/* ---- a space ---- */

void evict_range(struct space *s, vaddr_t start, vaddr_t end, struct eviction *ev) {
    if (__atomic_load_n(&s->pager, __ATOMIC_RELAXED)) return;
    for (struct region *r = region_from(&s->regions, start); r && r->start < end; r = region_next(r)) {
        ev->looked++; /* a region is a look, too */
        if (passes(r)) continue;
        vaddr_t from = r->start > start ? r->start : start, to = r->end < end ? r->end : end;
        s->hand = evict_region(s, r, from, to, ev);
        if (s->hand < to) return;
    }
    s->hand = end;
}

void evict_space_locked(struct space *s, struct eviction *ev) {
    vaddr_t from = s->hand < USER_MAX ? s->hand : 0;
    evict_range(s, from, USER_MAX, ev);
    if (s->hand == USER_MAX && !eviction_done(ev)) evict_range(s, 0, from, ev);
}

void evict_space(struct space *s, struct eviction *ev) {
    if (__atomic_load_n(&s->pager, __ATOMIC_RELAXED)) return;
    ev->busy = true;
    if (!rw_trylock_shared(&s->lock)) return;
    ev->busy = false;
    race_point(RACE_EVICT);
    evict_space_locked(s, ev);
    rw_unlock_shared(&s->lock);
}
