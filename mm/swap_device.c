/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Swap devices: slots given out in runs, a device turned on, and turned off while the system runs.
 *
 * A run is looked for from where the last one ended, so that pages that leave together lie together, and what
 * is read ahead of one is likely wanted with it. Full leaves are passed over in one step. The device of the
 * highest priority that has a free slot is used; equal ones in the order in which they came.
 *
 * Turning off: the device's slots are taken out of what memory is committed against (-ENOMEM, and nothing has
 * changed); no more of them are given out; then space by space and object by object, what is on it is read back.
 * Whoever forks meanwhile may pass a name on, so it goes round until no slot is used.
 */
#include <asm/errno.h>

#include "kernel/assert.h"
#include "libc/core/string.h"
#include "mm/space.h"
#include "mm/swap_impl.h"

struct swap_device swap_device[DEVICES];

static struct mutex change_lock = {.guard = {.name = "guard"}, .name = "swap change"}; /* one on or off at a time */

/* ---- slots ---- */

static uint32_t leaves_of(const struct swap_device *dev) {
    return (dev->pages + LEAF - 1) / LEAF;
}

static bool is_free(const struct swap_device *dev, uint32_t page) {
    return page && page < dev->pages && !(dev->leaf[page / LEAF][page % LEAF].flags & (SLOT_USED | SLOT_BAD));
}

/* The first free page from the hand on, round the end; there is one. */
static uint32_t find_free(const struct swap_device *dev) {
    uint32_t page = dev->hand;
    while (!is_free(dev, page)) {
        if (page >= dev->pages) page = 0;
        else if (dev->free_in[page / LEAF] == 0) page = (page / LEAF + 1) * LEAF;
        else page++;
    }
    return page;
}

static unsigned take_run(struct swap_device *dev, unsigned max, slot_t *first) {
    uint32_t page = find_free(dev);
    unsigned n = 0;
    *first = (slot_t)(dev - swap_device) << SLOT_BITS | page;
    for (; n < max && is_free(dev, page); n++, page++) {
        dev->leaf[page / LEAF][page % LEAF] = (struct slot){.frame = NO_PFN, .flags = SLOT_USED};
        dev->free_in[page / LEAF]--;
    }
    dev->used += n;
    dev->hand = page;
    return n;
}

static unsigned spare_in(struct swap_device *dev, uint32_t leaf, unsigned most) {
    slot_t first = (slot_t)(dev - swap_device) << SLOT_BITS | leaf * LEAF;
    unsigned n = 0;
    for (unsigned i = 0; i < LEAF && n < most && dev->copies_in[leaf]; i++)
        if (dev->leaf[leaf][i].frame != NO_PFN) n += swap_detach_locked(first + i);
    return n;
}

/* Copies of frames that are in memory are slots to spare: as many as one request takes, from where the last were found. A
 * leaf without is one step, and one that is looked through in vain has copies that are still being written. */
static unsigned spare_copies(void) {
    unsigned n = 0;
    for (struct swap_device *dev = swap_device; dev < swap_device + DEVICES; dev++) {
        uint32_t leaves = leaves_of(dev);
        for (uint32_t i = 0; i < leaves && dev->copies && !dev->closed; i++) {
            n += spare_in(dev, dev->copy_hand, BACKING_SEGMENTS - n);
            if (n == BACKING_SEGMENTS) return n;
            dev->copy_hand = (dev->copy_hand + 1) % leaves;
        }
    }
    return n;
}

static struct swap_device *best_device(void) {
    struct swap_device *best = NULL;
    for (unsigned d = 0; d < DEVICES; d++) {
        struct swap_device *dev = &swap_device[d];
        if (!dev->backing || dev->closed || dev->used + dev->bad >= dev->pages - 1) continue;
        if (!best || dev->priority > best->priority) best = dev;
    }
    return best;
}

unsigned slots_take(unsigned max, slot_t *first) {
    struct swap_device *dev = best_device();
    if (!dev && spare_copies()) dev = best_device();
    return dev ? take_run(dev, max, first) : 0;
}

void slot_release(slot_t s) {
    struct swap_device *dev = device_of(s);
    struct slot *slot = slot_at(s);
    ASSERT(slot->refs == 0 && slot->frame == NO_PFN && (slot->flags & SLOT_USED));
    dev->used--;
    if (dev->hand == page_of(s) + 1) dev->hand = page_of(s); /* of a run, what was not filled */
    if (slot->flags & SLOT_BAD)
        dev->bad++;
    else
        dev->free_in[page_of(s) / LEAF]++;
    slot->flags &= SLOT_BAD;
}

void slot_spoil(slot_t s) {
    slot_at(s)->flags |= SLOT_BAD;
    device_of(s)->spoilt++;
    frame_lose_backing(1);
}

/* ---- on ---- */

static void free_leaves(struct swap_device *dev) {
    for (uint32_t i = 0; dev->leaf && i < leaves_of(dev); i++) heap_free(dev->leaf[i]);
    heap_free(dev->leaf);
    heap_free(dev->free_in);
    heap_free(dev->copies_in);
    *dev = (struct swap_device){0};
}

static bool make_leaves(struct swap_device *dev) {
    uint32_t leaves = leaves_of(dev);
    dev->leaf = heap_alloc_zero(leaves * sizeof(struct slot *));
    dev->free_in = heap_alloc_zero(leaves * sizeof(uint16_t));
    dev->copies_in = heap_alloc_zero(leaves * sizeof(uint16_t));
    if (!dev->leaf || !dev->free_in || !dev->copies_in) return false;
    for (uint32_t i = 0; i < leaves; i++) {
        dev->leaf[i] = heap_alloc_zero(LEAF * sizeof(struct slot));
        if (!dev->leaf[i]) return false;
        for (uint32_t k = 0; k < LEAF; k++) {
            dev->leaf[i][k].frame = NO_PFN;
            dev->free_in[i] += is_free(dev, i * LEAF + k);
        }
    }
    return true;
}

/* What all devices that are not closed can hold is what memory is committed against: 0 or -ENOMEM. */
static int set_backing(void) {
    uint64_t n = 0;
    spin_lock(&swap_lock); /* against slots that spoil meanwhile */
    for (unsigned d = 0; d < DEVICES; d++)
        if (swap_device[d].backing && !swap_device[d].closed) n += swap_device[d].pages - 1 - swap_device[d].spoilt;
    int err = frame_set_backing(n);
    spin_unlock(&swap_lock);
    return err;
}

static struct swap_device *find(const struct backing *b) {
    for (unsigned d = 0; d < DEVICES; d++)
        if (swap_device[d].backing == b) return &swap_device[d];
    return NULL;
}

static int turn_on(struct backing *b, int priority) {
    struct swap_device made = {.backing = b, .priority = priority};
    struct swap_device *dev = find(NULL);
    if (find(b)) return -EBUSY;
    if (!dev || b->size < 2 * PAGE_SIZE) return -EINVAL;
    uint64_t pages = pages_in(b->size);
    made.pages = pages < 1u << SLOT_BITS ? (uint32_t)pages : 1u << SLOT_BITS;
    if (!make_leaves(&made)) {
        free_leaves(&made);
        return -ENOMEM;
    }
    spin_lock(&swap_lock);
    *dev = made;
    spin_unlock(&swap_lock);
    (void)set_backing(); /* it is more than before */
    return 0;
}

int swap_on(struct backing *b, int priority) {
    mutex_lock(&change_lock);
    int err = turn_on(b, priority);
    mutex_unlock(&change_lock);
    return err;
}

bool swap_device_at(unsigned i, struct swap_device_stats *out) {
    const struct swap_device *dev = swap_device;
    spin_lock(&swap_lock);
    while (dev < swap_device + DEVICES && (!dev->backing || i-- > 0)) dev++;
    bool found = dev < swap_device + DEVICES;
    if (found)
        *out = (struct swap_device_stats){.backing = dev->backing, .priority = dev->priority, .total = dev->pages - 1,
                                          .used = dev->used};
    spin_unlock(&swap_lock);
    return found;
}

/* ---- off ---- */

static bool in_use(struct swap_device *dev) {
    bool used = false;
    for (uint32_t page = 0; page < dev->pages;) {
        spin_lock(&swap_lock);
        do {
            slot_t s = (slot_t)(dev - swap_device) << SLOT_BITS | page;
            if (slot_at(s)->frame != NO_PFN) swap_detach_locked(s);
        } while (++page % LEAF && page < dev->pages);
        used = dev->used;
        spin_unlock(&swap_lock);
    }
    return used;
}

static int read_back(struct swap_device *dev) {
    unsigned d = (unsigned)(dev - swap_device);
    int err = 0;
    while (!err && in_use(dev)) {
        err = spaces_swap_in(d << SLOT_BITS, SLOT_BITS);
        if (!err) err = objects_swap_in(d << SLOT_BITS, SLOT_BITS);
        swap_drop_ahead();
        if (!err && __atomic_load_n(&dev->transfers, __ATOMIC_RELAXED)) err = swap_wait(); /* but not for others alone */
        yield_point();
    }
    return err;
}

/* Are pages being written to it? What other devices have on their way is not waited for. */
static bool is_leaving(const struct swap_device *dev) {
    spin_lock(&swap_lock);
    bool is = dev->leaving;
    spin_unlock(&swap_lock);
    return is;
}

static int turn_off(struct backing *b) {
    struct swap_device *dev = find(b);
    if (!dev) return -EINVAL;
    spin_lock(&swap_lock);
    dev->closed = true;
    spin_unlock(&swap_lock);
    int err = 0;
    while (!err && is_leaving(dev)) err = swap_wait(); /* their frames may have outlived their pages: nobody committed them */
    if (!err) err = set_backing();
    if (!err) err = read_back(dev);
    spin_lock(&swap_lock);
    struct swap_device gone = *dev;
    if (err) dev->closed = false;
    else *dev = (struct swap_device){0};
    spin_unlock(&swap_lock);
    if (err) (void)set_backing();
    else free_leaves(&gone);
    return err;
}

int swap_off(struct backing *b) {
    mutex_lock(&change_lock);
    int err = turn_off(b);
    mutex_unlock(&change_lock);
    return err;
}
