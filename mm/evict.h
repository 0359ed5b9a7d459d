/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Taking pages out of memory: of a space, of a range, of an object. Who decides how many is mm/pageout.c.
 */
#pragma once

#include "mm/types.h"

struct space;
struct object;

struct eviction {
    uint64_t most, most_looks; /* in: stop after so many pages, or looks at entries and regions */
    bool force, only_age;      /* in: accessed pages too; none goes, all become cold */
    uint64_t written, dropped; /* out: pages on their way to a device; pages that went at once: their frames are free */
    uint64_t unmapped;         /* entries that went, of pages that others have still */
    uint64_t aged, looked;
    bool full;                 /* out: there was no slot to write to: only what need not be written went */
    bool starved;              /* out: there was no request to write with; it stopped there, since that passes */
    bool busy;                 /* out: its lock was not to be had */
};

/* Enough entries for one go? Or is nothing to be had now to write more with? */
static inline bool eviction_done(const struct eviction *ev) {
    return ev->looked >= ev->most_looks || ev->written + ev->dropped + ev->unmapped >= ev->most || ev->starved;
}

bool frame_is_zero(pfn_t);

/* From where the space's hand stands, once round at most. Nothing if its lock is not to be had; or: lock held. */
void evict_space(struct space *, struct eviction *);
void evict_space_locked(struct space *, struct eviction *);
/* A part of it; lock held, shared at least. */
void evict_range(struct space *, vaddr_t start, vaddr_t end, struct eviction *);

/* Pages of a shared object, or copies of a file's, from its hand on (mm/evict_object.c). Nothing if its lock is not to be had. */
void evict_object(struct object *, struct eviction *);
/* These pages of it. object.lock is waited for. */
void evict_object_range(struct object *, uint64_t page, uint64_t end, struct eviction *);
void evict_object_locked(struct object *, struct eviction *);
