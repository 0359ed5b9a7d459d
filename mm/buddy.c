/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The buddy system (Knowlton 1965), with descriptors initialised a chunk at a time.
 *
 *   order 10   |<------------------- 4 MiB: one chunk ------------------->|
 *   order  9   |<------------ buddy ----------->|<-------- buddy -------->|
 *    ...
 *   order  0   |.|.|.|.|
 *
 * A free block is known by its head: state FREE, its order in the descriptor, linked into that order's
 * list. The other frames of a block (its tails) carry order TAIL, so that none can be taken for a head.
 * A block's buddy never lies in another chunk, so a chunk's descriptors need not exist before the lists
 * run dry and the next chunk is opened. Chunks open from the top of memory downwards: low memory, which
 * some devices cannot do without, goes last; and boot touches one chunk however much RAM there is.
 *
 * INVARIANTS  two free buddies of the same order never both exist; every descriptor of an open chunk is valid.
 * Missing on purpose: per-CPU caches of single frames.
 */
#include "mm/buddy.h"

#include "kernel/assert.h"

#define CHUNK (1u << FRAME_MAX_ORDER)
#define TAIL  0xff

static struct frame *frames;
static const struct frame_range *ranges;
static unsigned nranges;
static pfn_t frontier; /* chunks at and above this frame are open */
static uint32_t head[FRAME_MAX_ORDER + 1];

static void list_push(pfn_t pfn, unsigned order) {
    struct frame *f = &frames[pfn];
    f->state = FRAME_FREE;
    f->order = (uint8_t)order;
    f->prev = NO_PFN;
    f->next = head[order];
    if (f->next != NO_PFN) frames[f->next].prev = pfn;
    head[order] = pfn;
}

static void list_remove(pfn_t pfn, unsigned order) {
    struct frame *f = &frames[pfn];
    if (f->prev == NO_PFN)
        head[order] = f->next;
    else
        frames[f->prev].next = f->next;
    if (f->next != NO_PFN) frames[f->next].prev = f->prev;
}

/* Put [start, end), inside one chunk, on the lists as the largest aligned blocks that it holds. */
static void add_run(pfn_t start, pfn_t end) {
    while (start < end) {
        unsigned order = 0;
        while (order < FRAME_MAX_ORDER && !(start & (1u << order)) && start + (2u << order) <= end) order++;
        list_push(start, order);
        start += 1u << order;
    }
}

static pfn_t max_pfn(pfn_t a, pfn_t b) {
    return a > b ? a : b;
}

static pfn_t min_pfn(pfn_t a, pfn_t b) {
    return a < b ? a : b;
}

/* Open the highest closed chunk that holds RAM: false when none is left. */
static bool open_chunk(void) {
    unsigned i = nranges;
    while (i > 0 && ranges[i - 1].start >= frontier) i--;
    if (i == 0) return false;
    pfn_t top = min_pfn(ranges[i - 1].end, frontier);
    pfn_t base = (top - 1) & ~(CHUNK - 1);
    for (pfn_t pfn = base; pfn < base + CHUNK; pfn++)
        frames[pfn] = (struct frame){.state = FRAME_ABSENT, .order = TAIL, .next = NO_PFN, .prev = NO_PFN};
    for (; i > 0 && ranges[i - 1].end > base; i--)
        add_run(max_pfn(ranges[i - 1].start, base), min_pfn(ranges[i - 1].end, base + CHUNK));
    frontier = base;
    return true;
}

void buddy_init(struct frame *table, const struct frame_range *r, unsigned n) {
    frames = table;
    ranges = r;
    nranges = n;
    frontier = n ? (r[n - 1].end + CHUNK - 1) & ~(CHUNK - 1) : 0;
    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) head[order] = NO_PFN;
}

pfn_t buddy_take(unsigned order) {
    unsigned have = order;
    while (have <= FRAME_MAX_ORDER && head[have] == NO_PFN) {
        if (++have > FRAME_MAX_ORDER && open_chunk()) have = order;
    }
    if (have > FRAME_MAX_ORDER) return NO_PFN;
    pfn_t pfn = head[have];
    list_remove(pfn, have);
    while (have > order) {
        have--;
        list_push(pfn + (1u << have), have);
    }
    frames[pfn].order = (uint8_t)order;
    return pfn;
}

void buddy_put(pfn_t pfn, unsigned order) {
    for (; order < FRAME_MAX_ORDER; order++) {
        pfn_t buddy = pfn ^ (1u << order);
        if (frames[buddy].state != FRAME_FREE || frames[buddy].order != order) break;
        list_remove(buddy, order);
        frames[max_pfn(pfn, buddy)].state = FRAME_FREE;
        frames[max_pfn(pfn, buddy)].order = TAIL;
        pfn = min_pfn(pfn, buddy);
    }
    list_push(pfn, order);
}

uint64_t buddy_count_listed(void) {
    uint64_t n = 0;
    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
        uint32_t prev = NO_PFN;
        for (uint32_t pfn = head[order]; pfn != NO_PFN; prev = pfn, pfn = frames[pfn].next) {
            ASSERT(frames[pfn].state == FRAME_FREE && frames[pfn].order == order && frames[pfn].prev == prev);
            n += 1u << order;
        }
    }
    return n;
}

uint64_t buddy_count_untouched(void) {
    uint64_t n = 0;
    for (unsigned i = 0; i < nranges && ranges[i].start < frontier; i++)
        n += min_pfn(ranges[i].end, frontier) - ranges[i].start;
    return n;
}

bool buddy_initialised(pfn_t pfn) {
    if (pfn < frontier) return false;
    for (unsigned i = 0; i < nranges; i++)
        if (pfn < ((ranges[i].end + CHUNK - 1) & ~(CHUNK - 1)) && pfn >= (ranges[i].start & ~(CHUNK - 1))) return true;
    return false;
}
