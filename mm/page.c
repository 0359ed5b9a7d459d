/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Leaf entries, a range at a time: forget, change rights, move.
 *
 * The page table is the truth about a private page: present, parked (PROT_NONE over it), swapped or not there.
 * For a shared page it is a cache of the object's index, so forgetting an entry forgets nothing.
 *
 * Each walk goes span by span (arch/pmap.h), so it costs what is resident, not what is mapped; the lock is let go after
 * HOLD entries, so that a more urgent thread waits for no more than that.
 *
 * LOCKING  space.lock held (shared at least); pmap.lock taken here, a span at a time.
 */
#include <asm/mman.h>

#include "kernel/assert.h"
#include "mm/space.h"
#include "mm/swap.h"

/* Each page of a private region that was not promised as a whole holds a promise of its own, if it has a frame of its own. */
static bool promised_singly(const struct region *r) {
    return !(r->flags & (REGION_PROMISED | REGION_SHARED));
}

/* The next entries of [*va, end) that one hold of the lock is for. NULL: there are none. */
static pte_t *next_hold(const struct pmap *pm, vaddr_t *va, vaddr_t end, vaddr_t *stop) {
    pte_t *pte = pmap_span(pm, va, end, stop);
    if (pte && *stop - *va > HOLD * PAGE_SIZE) *stop = *va + HOLD * PAGE_SIZE;
    return pte;
}

static uint64_t zap_span(struct pmap *pm, vaddr_t va, vaddr_t stop, pte_t *pte, bool singly, struct flush *f) {
    uint64_t own = 0;
    uint32_t taken = 0, swapped = 0;
    pte_t *first = pte;
    for (; va < stop; va += PAGE_SIZE, pte++) {
        if (!*pte) continue;
        pte_t e = pmap_take(pte);
        if (pte_swapped(e)) {
            swap_free(pte_slot(e));
            own += singly;
            swapped++;
            continue;
        }
        taken++;
        if (pte_present(e)) flush_page(f, va);
        pfn_t pfn = pte_pfn(e);
        if (pfn == zero_pfn || pte_is_device(e)) continue;
        if (singly && frame_of(pfn)->state == FRAME_ANON) own++;
        flush_drop(f, pfn);
    }
    pmap_uncount(pm, first, taken, swapped);
    return own;
}

/*
 * Each hold's entries are flushed, and its frames and tables let go, before the lock is: truncation comes without space.lock,
 * and a fault beside it may make a table anew for which one is promised, not two. Commitments go after the frames, so that what
 * is free is enough for the rest at every moment.
 */
void pages_drop(struct space *s, const struct region *r, vaddr_t va, vaddr_t end) {
    struct pmap *pm = &s->pmap;
    struct flush f;
    uint64_t own = 0;
    vaddr_t stop;
    pte_t *pte;
    flush_begin(&f, pm);
    spin_lock(&pm->lock);
    while ((pte = next_hold(pm, &va, end, &stop)) != NULL) {
        own += zap_span(pm, va, stop, pte, promised_singly(r), &f);
        pmap_prune(pm, va, &f);
        flush_finish(&f);
        va = stop;
        spin_unlock(&pm->lock);
        spin_lock(&pm->lock);
    }
    spin_unlock(&pm->lock);
    frame_uncommit(own);
}

/* May this entry be writable without copying first? The frame is the region's own, or shared on purpose. */
static bool may_write(const struct region *r, pfn_t pfn) {
    if (r->flags & REGION_SHARED) return true;
    return pfn != zero_pfn && frame_of(pfn)->state == FRAME_ANON && frame_is_sole(pfn);
}

static pte_t with_rights(const struct region *r, pte_t e, int prot) {
    if (prot == PROT_NONE) return pte_park(e);
    pfn_t pfn = pte_pfn(e);
    return pte_make(pfn, (prot & PROT_WRITE) && may_write(r, pfn), prot & PROT_EXEC) | (e & PTE_D);
}

/* The same frame, and nothing that old allowed is refused now. */
static bool grows(pte_t old, pte_t now) {
    return pte_present(old) && pte_present(now) && !(old & PTE_W & ~now) && !(now & PTE_NX & ~old);
}

void page_grew(struct space *s, const struct region *r, vaddr_t va, struct flush *f) {
    if (r->lock != LOCK_NONE || r->want != LOCK_NONE) flush_page(f, va);
    else s->pmap.grown = true;
}

void pages_protect(struct space *s, const struct region *r, vaddr_t va, vaddr_t end, int prot) {
    struct pmap *pm = &s->pmap;
    struct flush f;
    vaddr_t stop;
    pte_t *pte;
    flush_begin(&f, pm);
    spin_lock(&pm->lock);
    while ((pte = next_hold(pm, &va, end, &stop)) != NULL) {
        for (; va < stop; va += PAGE_SIZE, pte++) {
            if (!pte_resident(*pte)) continue;
            pte_t old = *pte, now = with_rights(r, old, prot);
            if (now == old) continue;
            pmap_replace(pte, now);
            if (grows(old, now)) page_grew(s, r, va, &f);
            else if (pte_present(old)) flush_page(&f, va);
        }
        spin_unlock(&pm->lock);
        spin_lock(&pm->lock);
    }
    spin_unlock(&pm->lock);
    flush_finish(&f);
}

void pages_move(struct space *s, vaddr_t from, vaddr_t to, uint64_t len) {
    struct pmap *pm = &s->pmap;
    struct flush f;
    vaddr_t va = from, end = from + len, stop;
    pte_t *pte;
    flush_begin(&f, pm);
    spin_lock(&pm->lock);
    while ((pte = next_hold(pm, &va, end, &stop)) != NULL) {
        vaddr_t first = va;
        for (; va < stop; va += PAGE_SIZE, pte++) {
            if (!*pte) continue;
            pte_t e = pmap_take_marked(pte);
            pmap_uncount(pm, pte, !pte_swapped(e), pte_swapped(e));
            pmap_set(pm, pmap_make(pm, to + (va - from)), e);
            if (pte_present(e)) flush_page(&f, va);
        }
        pmap_prune(pm, first, &f);
        spin_unlock(&pm->lock);
        spin_lock(&pm->lock);
    }
    spin_unlock(&pm->lock);
    flush_finish(&f);
}
