/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Fork: the child's space, without the parent paying for it (contract A7, A8).
 *
 *      the parent's private page is ...        the child gets           the parent's entry
 *      not there, or the object's own          nothing (a fault will)   as it was
 *      the frame of zeroes                     the same                 as it was
 *      locked and writable, or pinned          a copy, now              as it was: still writable
 *      anything else                           the same frame, COW      loses the right to write
 *      in swap                                 the same slot            as it was
 *
 * The child has no locks, no MCL_FUTURE and no charge. All frames that it may ever need are promised
 * before the first page is looked at, so fork fails early, with ENOMEM and nothing changed, and the child's
 * later writes never fail. A running lock request counts as a lock already: its range has want set.
 * Device memory is not inherited: one process drives a device.
 *
 * LOCKING  the parent's lock exclusive (no fault, no slice of a request); object.lock of an object-backed
 *          region while its entries are copied, so that truncation sees both or neither; then the
 *          parent's pmap.lock with the child's, which nobody else knows yet, inside it.
 * Cost: a few dozen instructions a resident page. Sharing whole leaf tables would beat that; not yet.
 */
#include <asm/errno.h>
#include <asm/mman.h>

#include "kernel/assert.h"
#include "kernel/race.h"
#include "mm/space.h"
#include "mm/swap.h"

#define COPY 8 /* entries that are as much work as copying a page */

struct fork {
    struct space *parent, *child;
    struct flush flush;  /* the parent's entries that lost the right to write */
    int left;            /* entries that the present hold of the locks may still work on */
};

static bool is_locked(const struct region *r) {
    return r->lock != LOCK_NONE || r->want != LOCK_NONE;
}

static bool copies_now(const struct region *r, pfn_t pfn) {
    return (is_locked(r) && (r->prot & PROT_WRITE)) || frame_of(pfn)->pins;
}

/* A page in swap: one more entry names the slot. */
static int copy_swapped(struct fork *k, const struct region *r, pte_t e, pte_t *child_slot) {
    if (!(r->flags & REGION_PROMISED) && frame_commit(1)) return -ENOMEM;
    swap_dup(pte_slot(e));
    pmap_set(&k->child->pmap, child_slot, e);
    return 0;
}

/* Pages that the child may have to get copies of: of those that are there, however much is locked on fault. */
static uint64_t copies_in(const struct space *parent) {
    uint64_t n = parent->pinned;
    for (const struct region *r = region_from(&parent->regions, 0); r; r = region_next(r)) {
        bool passed = r->flags & (REGION_SHARED | REGION_DEVICE | REGION_DONTFORK | REGION_WIPEONFORK);
        if (!passed && is_locked(r) && (r->prot & PROT_WRITE)) n += region_pages(r);
    }
    return n < parent->pmap.resident ? n : parent->pmap.resident;
}

/* With so many frames the fork can begin again: its tables and regions, too, were taken from what was free, and will be. */
static uint64_t frames_to_begin(const struct fork *k) {
    uint64_t regions = region_frames(k->parent->regions.count);
    return copies_in(k->parent) + k->child->tables_promised + k->child->tables_wanted + regions;
}

/* One page of a private region: the child's entry for it. -ENOMEM for MAP_NORESERVE alone. */
static int copy_entry(struct fork *k, const struct region *r, vaddr_t va, pte_t *slot, pte_t *child_slot) {
    pte_t e = *slot;
    pfn_t pfn = pte_pfn(e);
    struct pmap *to = &k->child->pmap;
    if (pte_swapped(e)) return copy_swapped(k, r, e, child_slot);
    bool anon = pfn != zero_pfn && frame_of(pfn)->state == FRAME_ANON;
    if (!anon && r->object) return 0;
    if (anon && !(r->flags & REGION_PROMISED) && frame_commit(1)) return -ENOMEM;
    if (anon && copies_now(r, pfn)) {
        pfn_t copy = frame_alloc(FRAME_ANON);
        if (copy == NO_PFN && !(r->flags & REGION_PROMISED)) frame_uncommit(1);
        if (copy == NO_PFN) return -ESTALL;
        mmu_copy_page(frame_addr(copy), frame_addr(pfn));
        k->left -= COPY;
        pmap_set(to, child_slot, (e & ~PTE_FRAME) | ((pte_t)copy << PAGE_SHIFT));
        return 0;
    }
    if (anon) {
        frame_hold(pfn);
        if (e & PTE_W) {
            e = pmap_replace(slot, e & ~PTE_W);
            flush_page(&k->flush, va);
        }
    }
    pmap_set(to, child_slot, e);
    return 0;
}

/* The next entries that one hold of the locks is for, from *va on: 0 with *va behind them, -ENOMEM, or 1 when there are none. */
static int copy_span(struct fork *k, const struct region *r, vaddr_t *va) {
    struct pmap *from = &k->parent->pmap, *to = &k->child->pmap;
    struct flush vain;
    vaddr_t stop;
    pte_t *pte = pmap_span(from, va, r->end, &stop);
    int err = 0;
    if (!pte) return 1;
    vaddr_t first = *va;
    pte_t *child_pte = pmap_make(to, first);
    k->left = HOLD;
    for (; !err && *va < stop && k->left-- > 0; *va += PAGE_SIZE, pte++, child_pte++)
        if (*pte) err = copy_entry(k, r, *va, pte, child_pte);
    flush_begin(&vain, to);
    pmap_prune(to, first, &vain); /* a table made in vain: all its entries are the object's own */
    flush_finish(&vain);
    return err;
}

/* The locks are let go after each hold, so that a more urgent thread waits for no more; what keeps pages is in LOCKING above. */
static int copy_entries(struct fork *k, const struct region *r) {
    vaddr_t va = r->start;
    int err = 0;
    while (!err) {
        spin_lock(&k->parent->pmap.lock);
        spin_lock_nested(&k->child->pmap.lock); /* nobody else has it yet */
        err = copy_span(k, r, &va);
        spin_unlock(&k->child->pmap.lock);
        spin_unlock(&k->parent->pmap.lock);
    }
    return err < 0 ? err : 0;
}

/* The child's region: the same, unlocked, with promises of its own. Entries come after. */
static int copy_region(struct fork *k, const struct region *r, struct region **out) {
    struct space *c = k->child;
    struct region proto = *r;
    struct addition a;
    proto.lock = proto.want = LOCK_NONE;
    proto.holes = HOLES_NONE;
    int err = add_reserve(c, &proto, 0, &a);
    if (err) return err;
    space_attach(c, a.region); /* not add_commit: the copy of entries wants it unmerged */
    space_settle_tables(c);
    *out = a.region;
    return 0;
}

static int copy_one(struct fork *k, const struct region *r) NOT_ANALYSED {
    struct region *copy;
    if (r->flags & (REGION_DONTFORK | REGION_DEVICE)) return 0;
    int err = copy_region(k, r, &copy);
    if (err || (r->flags & (REGION_SHARED | REGION_WIPEONFORK))) return err;
    race_point(RACE_FORK_REGION);
    if (r->object) mutex_lock(&r->object->lock);
    err = copy_entries(k, r);
    if (r->object) mutex_unlock(&r->object->lock);
    return err;
}

static int fork_once(struct space *parent, struct space **child, struct stall *st) {
    struct fork k = {.parent = parent, .child = space_create(&parent->limits)};
    int err = 0;
    if (!k.child) return -ENOMEM;
    flush_begin(&k.flush, &parent->pmap);
    rw_lock(&parent->lock);
    rw_lock_nested(&k.child->lock); /* nobody else has it yet */
    for (const struct region *r = region_from(&parent->regions, 0); r && !err; r = region_next(r)) err = copy_one(&k, r);
    k.child->break_start = parent->break_start;
    k.child->break_end = parent->break_end;
    k.child->stack_top = parent->stack_top;
    space_merge_range(k.child, WHOLE_SPACE);
    if (err == -ESTALL) st->frames = frames_to_begin(&k);
    rw_unlock(&k.child->lock);
    flush_finish(&k.flush);
    rw_unlock(&parent->lock);
    if (err) {
        space_drop(k.child); /* pages that lost the right to write find themselves alone and get it back on a fault */
        return err;
    }
    *child = k.child;
    return 0;
}

int space_fork(struct space *parent, struct space **child) {
    struct stall st = {.collects = true};
    int err;
    do {
        err = fork_once(parent, child, &st);
        if (err == -ENOMEM && object_make_room()) err = fork_once(parent, child, &st);
    } while (stalled(&err, &st));
    stall_end(&st);
    return err;
}
