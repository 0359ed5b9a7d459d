/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A census: which pages of a region are in memory, and how they stand. For whoever asks (/proc/PID/smaps, status).
 *
 * Counted from the entries of the page table, and for shared memory from the object's index where that is in swap.
 * What is private and what is shared follows from the frame's references: those of mappings are what is left
 * when pins, swap's own and the object's are taken off. Others map and unmap meanwhile, so that this one count
 * is of no moment; what says whether a page is there is.
 *
 * LOCKING  space.lock shared; pmap.lock, a leaf table at a time; object.lock before it.
 * MISSING  a part in the slots of swap that others share (SwapPss).
 */
#include "kernel/assert.h"
#include "mm/object_impl.h"
#include "mm/space.h"

/* Entries that map this frame, of all spaces. */
static uint64_t mappings_of(const struct frame *f) {
    uint64_t refs = __atomic_load_n(&f->refs, __ATOMIC_RELAXED), others = __atomic_load_n(&f->pins, __ATOMIC_RELAXED);
    if (f->state != FRAME_ANON || __atomic_load_n(&f->slot, __ATOMIC_RELAXED)) others++; /* the object's; or swap's */
    return refs > others ? refs - others : 1;
}

static void count_page(pte_t e, struct census *c) {
    uint64_t n = 1;
    bool dirty = e & PTE_D, plain = !pte_is_device(e) && pte_pfn(e) != zero_pfn;
    c->resident++;
    if (e & PTE_A) c->referenced++;
    if (plain) {
        const struct frame *f = frame_of(pte_pfn(e));
        if (f->state == FRAME_ANON) c->anonymous++;
        if (f->state == FRAME_SHARED) c->shmem++;
        n = mappings_of(f);
    }
    c->part += PAGE_SIZE / n;
    if (n > 1 || pte_pfn(e) == zero_pfn) dirty ? c->shared_dirty++ : c->shared_clean++;
    else dirty ? c->private_dirty++ : c->private_clean++;
}

static void count_entries(struct space *s, vaddr_t va, vaddr_t end, struct census *c) {
    vaddr_t stop;
    const pte_t *pte;
    do {
        spin_lock(&s->pmap.lock);
        pte = pmap_span(&s->pmap, &va, end, &stop);
        for (; pte && va < stop; va += PAGE_SIZE, pte++) {
            pte_t e = __atomic_load_n(pte, __ATOMIC_RELAXED); /* the MMU may be marking it */
            if (pte_resident(e)) count_page(e, c);
            if (pte_swapped(e)) c->swapped++;
        }
        spin_unlock(&s->pmap.lock);
    } while (pte);
}

/* Shared memory in swap has no entry that says so. */
static void count_index(const struct region *r, struct census *c) {
    struct object *o = r->object;
    mutex_lock(&o->lock);
    uint64_t pages = pages_in(page_ceil(o->size)), end = r->offset + region_pages(r);
    for (uint64_t i = r->offset; o->swapped && i < end && i < pages; i++)
        if (index_swapped(*object_slot(o, i))) c->swapped++;
    mutex_unlock(&o->lock);
}

static void count_region(struct space *s, const struct region *r, struct census *c) {
    count_entries(s, r->start, r->end, c);
    if (r->flags & REGION_SHARED && r->object && r->object->kind == OBJECT_SHARED) count_index(r, c);
}

bool space_census_at(struct space *s, vaddr_t va, struct region_info *info, struct census *c) {
    *c = (struct census){0};
    rw_lock_shared(&s->lock);
    const struct region *r = region_from(&s->regions, va);
    if (r) {
        region_describe(r, info);
        count_region(s, r, c);
    }
    rw_unlock_shared(&s->lock);
    return r != NULL;
}

void space_census(struct space *s, struct census *c) {
    *c = (struct census){0};
    rw_lock_shared(&s->lock);
    for (const struct region *r = region_from(&s->regions, 0); r; r = region_next(r)) count_entries(s, r->start, r->end, c);
    rw_unlock_shared(&s->lock);
}
