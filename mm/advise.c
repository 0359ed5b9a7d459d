/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Calls that ask about a range or advise on it, and change no region's extent: madvise, mincore, msync.
 *
 * madvise on a locked page: what would take the page away is -EINVAL and touches nothing (contract L19).
 * MADV_FREE frees at once, which its callers must be ready for at any time: what they wrote last is what the next read
 * gives, or zeroes. Not to free, but mark pages as droppable, would need a fault, or a look at each entry, to see that
 * they were written again, and gain only where they are before memory is short.
 */
#include <asm/errno.h>
#include <asm/mman.h>

#include "kernel/assert.h"
#include "mm/evict.h"
#include "mm/space.h"
#include "mm/swap.h"

/* ---- madvise ---- */

/* Advice that says the contents may go, or the pages may leave memory. */
static bool takes_away(int advice) {
    return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_PAGEOUT || advice == MADV_COLD;
}

static bool is_flag_advice(int advice) {
    return advice == MADV_DONTFORK || advice == MADV_DOFORK || advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK;
}

static bool is_known(int advice) {
    return takes_away(advice) || is_flag_advice(advice) || advice == MADV_WILLNEED || advice == MADV_NORMAL ||
           advice == MADV_RANDOM || advice == MADV_SEQUENTIAL || advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
}

static bool is_private_anonymous(const struct region *r) {
    return !r->object && !(r->flags & REGION_SHARED);
}

/* Lock held: may this advice be given here? */
static int check_advice(const struct space *s, vaddr_t start, vaddr_t end, int advice) {
    if (!space_covers(s, start, end)) return -ENOMEM;
    for (const struct region *r = region_find(&s->regions, start); r && r->start < end; r = region_next(r)) {
        if (takes_away(advice) && (r->lock != LOCK_NONE || r->want != LOCK_NONE)) return -EINVAL;
        if ((advice == MADV_FREE || advice == MADV_WIPEONFORK) && !is_private_anonymous(r)) return -EINVAL;
    }
    return 0;
}

static uint16_t flags_after(const struct region *r, int advice) {
    unsigned f = r->flags;
    if (advice == MADV_DONTFORK) f |= REGION_DONTFORK;
    if (advice == MADV_DOFORK) f &= ~(unsigned)REGION_DONTFORK;
    if (advice == MADV_WIPEONFORK) f |= REGION_WIPEONFORK;
    if (advice == MADV_KEEPONFORK) f &= ~(unsigned)REGION_WIPEONFORK;
    return (uint16_t)f;
}

static int change_flags(struct space *s, vaddr_t start, vaddr_t end, int advice) {
    struct spares sp;
    int err = spares_get(&sp, space_cuts(s, start, end));
    if (err) return err;
    space_split(s, start, &sp);
    space_split(s, end, &sp);
    for (struct region *r = region_find(&s->regions, start); r && r->start < end; r = region_next(r))
        r->flags = flags_after(r, advice);
    space_merge_range(s, start, end);
    spares_put(&sp);
    return 0;
}

static void forget(struct space *s, vaddr_t start, vaddr_t end) {
    for (struct region *r = region_find(&s->regions, start); r && r->start < end; r = region_next(r))
        pages_drop(s, r, r->start > start ? r->start : start, r->end < end ? r->end : end);
}

/* MADV_PAGEOUT: pages leave now, as far as there is swap for them; MADV_COLD: private ones sooner than others.
 * 1: so many are on their way that the rest has to wait. */
static int age_or_evict(struct space *s, vaddr_t start, vaddr_t end, bool evict) {
    struct eviction ev = {.most = UINT64_MAX, .most_looks = UINT64_MAX, .force = evict, .only_age = !evict};
    evict_range(s, start, end, &ev);
    for (struct region *r = region_find(&s->regions, start); evict && r && r->start < end; r = region_next(r)) {
        if (!(r->flags & REGION_SHARED)) continue;
        vaddr_t from = r->start > start ? r->start : start, to = r->end < end ? r->end : end;
        evict_object_range(r->object, r->offset + pages_in(from - r->start), r->offset + pages_in(to - r->start), &ev);
    }
    return ev.starved;
}

/* The slot of the first page of [*va, end) that is in swap, and *va beyond it; 0: there is none. */
static slot_t next_slot(struct space *s, vaddr_t *va, vaddr_t end) {
    slot_t slot = 0;
    vaddr_t stop;
    const pte_t *pte;
    spin_lock(&s->pmap.lock);
    while (!slot && (pte = pmap_span(&s->pmap, va, end, &stop)) != NULL)
        for (; !slot && *va < stop; *va += PAGE_SIZE, pte++)
            if (pte_swapped(*pte)) slot = pte_slot(*pte);
    spin_unlock(&s->pmap.lock);
    return slot;
}

/* MADV_WILLNEED: the range's first pages in swap are on their way. A slot that is another's by now is read in vain. */
static void read_soon(struct space *s, vaddr_t va, vaddr_t end) {
    int left = SWAP_SOON, n = 0;
    slot_t slot;
    for (; n >= 0 && left > 0 && (slot = next_slot(s, &va, end)) != 0; left -= n) n = swap_read_soon(slot);
}

static int advise_locked(struct space *s, vaddr_t start, vaddr_t end, int advice) REQUIRES(&s->lock) {
    int err = check_advice(s, start, end, advice);
    if (err) return err;
    if (is_flag_advice(advice)) return change_flags(s, start, end, advice);
    if (advice == MADV_DONTNEED || advice == MADV_FREE) forget(s, start, end);
    if (advice == MADV_WILLNEED) read_soon(s, start, end);
    if (advice == MADV_PAGEOUT || advice == MADV_COLD) return age_or_evict(s, start, end, advice == MADV_PAGEOUT);
    return 0;
}

/* MADV_POPULATE_*: page by page, as touching them would. */
static int populate_pages(struct space *s, vaddr_t start, vaddr_t end, bool write) {
    int err = 0;
    struct stall st = {0};
    for (vaddr_t va = start; va < end && !err; va += PAGE_SIZE) {
        rw_lock_shared(&s->lock);
        const struct region *r = region_find(&s->regions, va);
        if (!r)
            err = -ENOMEM;
        else if (!region_accessible(r) || (write && !(r->prot & PROT_WRITE)))
            err = -EINVAL;
        else
            err = page_resolve(s, r, va, r->prot, write, &st);
        rw_unlock_shared(&s->lock);
        if (err == -ENXIO || err == -EIO) err = -EFAULT;
        if (stalled(&err, &st)) va -= PAGE_SIZE; /* this one again */
        pageout_check();
    }
    stall_end(&st);
    return err;
}

int space_advise(struct space *s, vaddr_t addr, uint64_t len, int advice) {
    vaddr_t start, end;
    struct range_hold hold;
    if (!is_known(advice) || (addr & PAGE_MASK) || range_round(addr, len, &start, &end)) return -EINVAL;
    if (len == 0) return 0;
    if (!range_in_user(start, end)) return -ENOMEM;
    if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
        return populate_pages(s, start, end, advice == MADV_POPULATE_WRITE);
    range_lock(&s->ranges, &hold, start, end);
    int err;
    do {
        rw_lock(&s->lock);
        err = advise_locked(s, start, end, advice);
        rw_unlock(&s->lock);
    } while (err > 0 && !(err = swap_wait()));
    range_unlock(&s->ranges, &hold);
    return err;
}

/* ---- mincore ---- */

/* Residency of one region's pages: by the page table, or for an object's by its index. */
static void region_incore(struct space *s, const struct region *r, vaddr_t va, vaddr_t end, uint8_t *vec) {
    vaddr_t from = va, stop;
    const pte_t *pte;
    for (uint64_t i = 0; i < pages_in(end - from); i++) vec[i] = 0;
    if (r->object) {
        mutex_lock(&r->object->lock);
        for (uint64_t i = 0; i < pages_in(end - from); i++)
            vec[i] = object_resident_locked(r->object, r->offset + pages_in(from - r->start) + i);
        mutex_unlock(&r->object->lock);
    }
    spin_lock(&s->pmap.lock);
    while ((pte = pmap_span(&s->pmap, &va, end, &stop)) != NULL)
        for (; va < stop; va += PAGE_SIZE, pte++)
            if (pte_resident(*pte)) vec[pages_in(va - from)] = 1;
    spin_unlock(&s->pmap.lock);
}

int space_incore(struct space *s, vaddr_t addr, uint64_t n, uint8_t *vec) {
    if (n > pages_in(USER_MAX) || !range_in_user(addr, addr + (n << PAGE_SHIFT))) return -ENOMEM;
    vaddr_t end = addr + (n << PAGE_SHIFT);
    rw_lock_shared(&s->lock);
    int err = n && !space_covers(s, addr, end) ? -ENOMEM : 0;
    for (const struct region *r = region_find(&s->regions, addr); !err && r && r->start < end; r = region_next(r)) {
        vaddr_t from = r->start > addr ? r->start : addr, to = r->end < end ? r->end : end;
        region_incore(s, r, from, to, vec + pages_in(from - addr));
    }
    rw_unlock_shared(&s->lock);
    return err;
}

/* ---- msync: files are read-only and shared memory has no store behind it, so there is nothing to write ---- */

int space_sync(struct space *s, vaddr_t addr, uint64_t len, int flags) {
    vaddr_t start, end;
    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC) || (addr & PAGE_MASK))
        return -EINVAL;
    if (range_round(addr, len, &start, &end)) return -ENOMEM;
    if (len == 0) return 0;
    if (!range_in_user(start, end)) return -ENOMEM;
    rw_lock_shared(&s->lock);
    int err = space_covers(s, start, end) ? 0 : -ENOMEM;
    if (flags & MS_INVALIDATE)
        for (const struct region *r = region_from(&s->regions, start); !err && r && r->start < end; r = region_next(r))
            if (r->lock != LOCK_NONE || r->want != LOCK_NONE) err = -EBUSY;
    rw_unlock_shared(&s->lock);
    return err;
}
