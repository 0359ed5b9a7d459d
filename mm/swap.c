/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Slots and the frames that they know (see mm/swap.h): who names a slot, who maps its frame, and when each goes.
 *
 *      names  frame's others   then
 *        0       any mapping   a copy: kept for as long as slots last
 *        0         none        both go
 *       > 0        none        the frame goes, once its contents are on the device
 *       > 0     any mapping    both stay
 *
 * "Others" are the frame's references beside swap's own: entries that map it, pins, those who hold it for a moment.
 * Only who has one, or looks here under the lock, can make another; so none stays none while the lock is held.
 */
#include "mm/swap.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "mm/frame.h"
#include "mm/swap_impl.h"

struct spinlock swap_lock;
struct swap_stats swap_count;

void swap_init(void) {
    spin_init(&swap_lock, "swap");
    swap_count = (struct swap_stats){0};
    for (unsigned d = 0; d < DEVICES; d++) swap_device[d] = (struct swap_device){0};
    swap_io_init();
}

/* ---- binding ---- */

/* So many more slots (one, or one less) are nothing but copies of frames. */
static void count_copies(slot_t s, int n) {
    device_of(s)->copies += (uint32_t)n;
    device_of(s)->copies_in[page_of(s) / LEAF] += (uint16_t)n;
}

void slot_bind(slot_t s, pfn_t pfn) {
    slot_at(s)->frame = pfn;
    frame_of(pfn)->slot = s;
    swap_count.cached++;
    if (slot_at(s)->refs == 0) count_copies(s, 1);
}

static void unbind(slot_t s) {
    struct slot *slot = slot_at(s);
    pfn_t pfn = slot->frame;
    slot->frame = NO_PFN;
    frame_of(pfn)->slot = 0;
    swap_count.cached--;
    if (slot->refs == 0) count_copies(s, -1);
    frame_drop(pfn);
}

static bool has_others(pfn_t pfn) {
    return __atomic_load_n(&frame_of(pfn)->refs, __ATOMIC_ACQUIRE) > 1;
}

void slot_settle(slot_t s) {
    struct slot *slot = slot_at(s);
    if (slot->flags & SLOT_BUSY) return;
    bool bound = slot->frame != NO_PFN;
    if (slot->refs) {
        if (bound && !has_others(slot->frame) && !(slot->flags & SLOT_BAD)) unbind(s);
        return;
    }
    if (bound && has_others(slot->frame) && !(slot->flags & (SLOT_SHARED | SLOT_BAD))) return; /* a copy */
    if (bound) unbind(s);
    slot_release(s);
}

/* ---- entries ---- */

void swap_dup(slot_t s) {
    spin_lock(&swap_lock);
    struct slot *slot = slot_at(s);
    ASSERT(slot->refs != 0);
    slot->refs++;
    ASSERT(slot->refs != 0); /* 2^23 processes */
    spin_unlock(&swap_lock);
}

void swap_free(slot_t s) {
    spin_lock(&swap_lock);
    struct slot *slot = slot_at(s);
    ASSERT(slot->refs != 0);
    if (--slot->refs == 0 && slot->frame != NO_PFN) count_copies(s, 1);
    slot_settle(s);
    spin_unlock(&swap_lock);
}

int swap_lookup(slot_t s, struct stall *st, pfn_t *pfn, bool *alone) {
    spin_lock(&swap_lock);
    const struct slot *slot = slot_at(s);
    int err = 0;
    ASSERT(slot->refs != 0);
    if (slot->flags & SLOT_LOST) {
        err = -EIO;
    } else if (slot->frame == NO_PFN || (slot->flags & SLOT_READING)) {
        err = -ESTALL;
    } else {
        if (slot->flags & SLOT_AHEAD) swap_ahead_used(s);
        *pfn = slot->frame;
        *alone = slot->refs == 1 && frame_of(*pfn)->refs == 1u + (st->held == *pfn);
        frame_hold(*pfn);
    }
    spin_unlock(&swap_lock);
    if (err == -ESTALL) st->slot = s;
    return err;
}

/* ---- frames ---- */

bool swap_detach_locked(slot_t s) {
    const struct slot *slot = slot_at(s);
    if (slot->refs || (slot->flags & SLOT_BUSY)) return false;
    unbind(s);
    slot_release(s);
    return true;
}

bool swap_detach(pfn_t pfn) {
    spin_lock(&swap_lock);
    slot_t s = frame_of(pfn)->slot;
    bool free = !s || swap_detach_locked(s);
    spin_unlock(&swap_lock);
    return free;
}

void swap_reap(pfn_t pfn) {
    spin_lock(&swap_lock);
    /* It may be free by now, and this a link of a list; or another's: settling does no harm. */
    slot_t s = __atomic_load_n(&frame_of(pfn)->slot, __ATOMIC_RELAXED);
    if (slot_exists(s) && slot_at(s)->frame == pfn) slot_settle(s);
    spin_unlock(&swap_lock);
}

enum again swap_again(pfn_t pfn, bool dirty, slot_t *s) {
    enum again answer = AGAIN_NONE;
    spin_lock(&swap_lock);
    *s = frame_of(pfn)->slot;
    struct slot *slot = *s ? slot_at(*s) : NULL;
    if (!slot) {
    } else if (slot->flags & (SLOT_BUSY | SLOT_BAD)) {
        answer = AGAIN_BUSY;
    } else if (slot->refs || (!dirty && !device_of(*s)->closed)) {
        if (slot->refs++ == 0) count_copies(*s, -1);
        swap_count.kept++;
        answer = AGAIN_KEPT;
    } else {
        unbind(*s);
        slot_release(*s);
    }
    spin_unlock(&swap_lock);
    return answer;
}

/* ---- what there is to see ---- */

static void each_slot(void (*visit)(slot_t, struct slot *, void *), void *arg) {
    for (unsigned d = 0; d < DEVICES; d++)
        for (uint32_t page = 1; swap_device[d].backing && page < swap_device[d].pages; page++) {
            slot_t s = d << SLOT_BITS | page;
            if (slot_at(s)->flags & SLOT_USED) visit(s, slot_at(s), arg);
        }
}

void swap_get_stats(struct swap_stats *out) {
    spin_lock(&swap_lock);
    *out = swap_count;
    for (unsigned d = 0; d < DEVICES; d++) {
        const struct swap_device *dev = &swap_device[d];
        if (!dev->backing) continue;
        out->total += dev->pages - 1;
        out->free += dev->pages - 1 - dev->used;
        out->bad += dev->bad;
    }
    spin_unlock(&swap_lock);
}

/* ---- the auditor ---- */

uint64_t swap_hash(slot_t s) {
    uint64_t h = (s + 1ul) * 0x9e3779b97f4a7c15ul;
    return h ^ h >> 29;
}

struct check {
    struct swap_sums *sums;
    void (*frame)(pfn_t);
    uint64_t cached, copies;
    const char *wrong;
};

static void check_slot(slot_t s, struct slot *slot, void *arg) {
    struct check *c = arg;
    c->sums->names += slot->refs;
    c->sums->hash += slot->refs * swap_hash(s);
    if (slot->frame == NO_PFN) {
        if (slot->refs == 0 && !(slot->flags & (SLOT_BUSY | SLOT_BAD))) c->wrong = "I1: a slot is used by nobody";
        return;
    }
    c->cached++;
    c->copies += slot->refs == 0;
    c->frame(slot->frame);
    if (frame_of(slot->frame)->slot != s) c->wrong = "I4: a slot's frame does not know it";
}

const char *swap_check(struct swap_sums *sums, void (*visit)(pfn_t)) {
    struct check c = {.sums = sums, .frame = visit};
    spin_lock(&swap_lock);
    each_slot(check_slot, &c);
    uint64_t copies = 0;
    for (unsigned d = 0; d < DEVICES; d++) copies += swap_device[d].copies;
    if (c.cached != swap_count.cached) c.wrong = "I4: frames that have a slot are not as many as counted";
    if (c.copies != copies) c.wrong = "I4: slots that are copies of frames are not as many as counted";
    spin_unlock(&swap_lock);
    return c.wrong;
}
