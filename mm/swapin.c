/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Bringing back all that is on one swap device, for who turns it off: space by space, object by object.
 *
 * A page comes back as a fault for reading would bring it, so it may well go out again, to another device.
 * A space, or an object, is held while it is looked through, so that it cannot go; those that are made meanwhile may
 * be missed, and the caller goes round again.
 *
 * LOCKING  as a fault: space.lock shared, or object.lock, and nothing while waiting.
 */
#include <asm/errno.h>

#include "kernel/assert.h"
#include "mm/object_impl.h"
#include "mm/space.h"
#include "mm/swap.h"

struct pick {
    uint64_t skip;
    void *found;
};

/* ---- spaces ---- */

static void pick_space(struct space *s, void *arg) {
    struct pick *p = arg;
    if (p->found || __atomic_load_n(&s->refs, __ATOMIC_RELAXED) == 0 || p->skip-- > 0) return;
    if (space_try_hold(s)) p->found = s;
    else p->skip = 0;
}

static bool on_device(pte_t e, uint32_t upper, unsigned shift) {
    return pte_swapped(e) && pte_slot(e) >> shift == upper >> shift;
}

/* The first page of [*va, end) that is on the device. */
static bool find_page(struct space *s, vaddr_t *va, vaddr_t end, uint32_t upper, unsigned shift) {
    vaddr_t stop;
    bool found = false;
    spin_lock(&s->pmap.lock);
    for (const pte_t *pte; !found && (pte = pmap_span(&s->pmap, va, end, &stop)) != NULL;) {
        while (*va < stop && !on_device(*pte, upper, shift)) {
            *va += PAGE_SIZE;
            pte++;
        }
        found = *va < stop;
    }
    spin_unlock(&s->pmap.lock);
    return found;
}

static int bring_back(struct space *s, vaddr_t *va, uint32_t upper, unsigned shift, struct stall *st) {
    const struct region *r = region_from(&s->regions, *va);
    for (; r; r = region_next(r)) {
        if (*va < r->start) *va = r->start;
        while (find_page(s, va, r->end, upper, shift)) {
            int err = page_resolve(s, r, *va, r->prot, false, st);
            if (err) return err;
        }
    }
    return 0;
}

static int space_swap_in(struct space *s, uint32_t upper, unsigned shift) {
    struct stall st = {0};
    vaddr_t va = 0;
    int err;
    do {
        rw_lock_shared(&s->lock);
        err = bring_back(s, &va, upper, shift, &st);
        rw_unlock_shared(&s->lock);
    } while (stalled(&err, &st));
    stall_end(&st);
    return err;
}

int spaces_swap_in(uint32_t upper, unsigned shift) {
    int err = 0;
    for (uint64_t i = 0; !err; i++) {
        struct pick p = {.skip = i};
        spaces_visit(pick_space, &p);
        if (!p.found) break;
        err = space_swap_in(p.found, upper, shift);
        space_drop(p.found);
    }
    return err;
}

/* ---- objects ---- */

static void pick_object(struct object *o, void *arg) {
    struct pick *p = arg;
    if (p->found || p->skip-- > 0) return;
    if (object_try_hold(o)) p->found = o;
    else p->skip = 0;
}

static int object_swap_in(struct object *o, uint32_t upper, unsigned shift) {
    int err = 0;
    for (uint64_t page = 0; !err && o->swapped && page << PAGE_SHIFT < o->size; page++) {
        pfn_t pfn, entry;
        mutex_lock(&o->lock);
        bool inside = page << PAGE_SHIFT < o->size;
        entry = inside ? *object_slot(o, page) : NO_PFN;
        mutex_unlock(&o->lock);
        if (!index_swapped(entry) || index_slot(entry) >> shift != upper >> shift) continue;
        err = object_page(o, page, &pfn);
        if (!err) frame_drop(pfn);
        if (err == -ENXIO) err = 0; /* truncated meanwhile */
    }
    return err;
}

int objects_swap_in(uint32_t upper, unsigned shift) {
    int err = 0;
    for (uint64_t i = 0; !err; i++) {
        struct pick p = {.skip = i};
        objects_each(pick_object, &p);
        if (!p.found) break;
        err = object_swap_in(p.found, upper, shift);
        object_drop(p.found);
    }
    return err;
}
