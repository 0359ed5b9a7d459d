/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Eviction of an object's pages: shared memory, whose truth is the object's index, and copies of files.
 *
 * The same clock as for private pages (mm/evict.c), but the hand goes over the index, and a page has as many
 * entries as there are mappings: it was accessed if one of them says so, and it is locked if one region is
 * (contract L15). A page of a file is dropped: its bytes are in memory anyway. A shared one is written, always: no
 * copy of it is kept when it comes back, because anyone's entry might have changed it and be gone by now.
 *
 * WHY NO LOCKED PAGE GOES. Space.lock is not held here (object.lock comes after it). But a region's want is set before
 * its request looks at any entry, and both looks are under that space's pmap.lock: either the hand sees the mark, or it was
 * there first, and the request finds the entry empty and brings the page in again, waiting for object.lock if need be.
 *
 * LOCKING  object.lock, tried; pmap.lock of one mapping at a time.
 */
#include "mm/evict.h"

#include "kernel/assert.h"
#include "mm/object_impl.h"
#include "mm/space.h"
#include "mm/swap.h"

/* The entry of an object's page in a region that maps it, or NULL. pmap.lock held. */
static pte_t *entry_of(const struct region *r, uint64_t page, vaddr_t *va) {
    if (page < r->offset || page >= r->offset + region_pages(r)) return NULL;
    *va = r->start + ((page - r->offset) << PAGE_SHIFT);
    pte_t *slot = pmap_find(&r->space->pmap, *va);
    return slot && pte_resident(*slot) ? slot : NULL;
}

static bool is_locked(const struct region *r) {
    return __atomic_load_n(&r->lock, __ATOMIC_RELAXED) != LOCK_NONE || __atomic_load_n(&r->want, __ATOMIC_RELAXED) != LOCK_NONE;
}

enum verdict { KEEP, AGED, COLD };

/* What one mapping says of the page. If it is to go, and may: takes it out of there. */
static enum verdict ask(const struct region *r, uint64_t page, pfn_t pfn, bool take, bool force) {
    struct pmap *pm = &r->space->pmap;
    struct flush f;
    vaddr_t va;
    enum verdict v = COLD;
    flush_begin(&f, pm);
    spin_lock(&pm->lock);
    pte_t *slot = entry_of(r, page, &va);
    if (slot && pte_pfn(*slot) == pfn) { /* a private copy is no business of ours */
        if (is_locked(r) || __atomic_load_n(&r->space->pager, __ATOMIC_RELAXED)) {
            v = KEEP;
        } else if ((*slot & PTE_A) && !force) {
            pmap_age(slot);
            flush_page(&f, va);
            v = AGED;
        } else if (take) {
            pte_t e = pmap_take_marked(slot);
            pmap_uncount(pm, slot, 1, 0);
            if (pte_present(e)) flush_page(&f, va);
            flush_drop(&f, pfn);
            pmap_prune(pm, va, &f);
        }
    }
    flush_finish(&f);
    spin_unlock(&pm->lock);
    return v;
}

static enum verdict ask_all(struct object *o, uint64_t page, pfn_t pfn, bool take, bool force) {
    enum verdict worst = COLD;
    struct region *r;
    LIST_FOREACH(r, &o->mappings, mapping) {
        enum verdict v = ask(r, page, pfn, take, force);
        if (v < worst) worst = v;
        if (v == KEEP) break;
    }
    return worst;
}

/* Nobody maps it any more, or so it seemed: write it, or drop it. */
static void take_out(struct object *o, uint64_t page, struct swap_write *io, struct eviction *ev) {
    pfn_t *slot = object_slot(o, page), pfn = *slot;
    if (__atomic_load_n(&frame_of(pfn)->refs, __ATOMIC_ACQUIRE) > 1) return; /* somebody has it in hand */
    o->resident--;
    if (o->kind == OBJECT_FILE || frame_is_zero(pfn)) {
        *slot = NO_PFN;
        frame_drop(pfn);
        ev->dropped++;
    } else {
        *slot = index_swap(swap_write_add(io, pfn, true));
        o->swapped++;
        ev->written++;
    }
}

static void evict_page(struct object *o, uint64_t page, struct eviction *ev, struct swap_write **io) {
    pfn_t pfn = *object_slot(o, page);
    if (!index_resident(pfn)) return;
    ev->looked++;
    if (frame_of(pfn)->pins || frame_of(pfn)->slot) return; /* in use by a device; or on its way out still */
    enum verdict v = ask_all(o, page, pfn, false, ev->force);
    if (v == AGED) ev->aged++;
    if (v != COLD) return;
    if (o->kind == OBJECT_SHARED && (!*io || swap_write_full(*io))) {
        if (*io) swap_write_end(*io);
        *io = ev->full ? NULL : swap_write_begin(&ev->starved); /* whether there is a slot is asked once */
        ev->full |= !*io && !ev->starved;
    }
    if (o->kind == OBJECT_SHARED && !*io) return;
    if (ask_all(o, page, pfn, true, true) == COLD) take_out(o, page, *io, ev);
}

void evict_object_locked(struct object *o, struct eviction *ev) {
    struct swap_write *io = NULL;
    uint64_t pages = pages_in(page_ceil(o->size)), round = pages;
    if (o->kind == OBJECT_DEVICE) return;
    while (round-- && !eviction_done(ev)) {
        if (o->hand >= pages) o->hand = 0;
        evict_page(o, o->hand++, ev, &io);
    }
    if (io) swap_write_end(io);
}

void evict_object(struct object *o, struct eviction *ev) {
    if (o->kind == OBJECT_DEVICE || __atomic_load_n(&o->resident, __ATOMIC_RELAXED) == 0) return;
    ev->busy = true;
    if (!mutex_trylock(&o->lock)) return;
    ev->busy = false;
    evict_object_locked(o, ev);
    mutex_unlock(&o->lock);
}

void evict_object_range(struct object *o, uint64_t page, uint64_t end, struct eviction *ev) {
    struct swap_write *io = NULL;
    if (o->kind == OBJECT_DEVICE) return;
    mutex_lock(&o->lock);
    uint64_t pages = pages_in(page_ceil(o->size));
    for (; page < end && page < pages && !ev->starved; page++) evict_page(o, page, ev, &io);
    if (io) swap_write_end(io);
    mutex_unlock(&o->lock);
}
