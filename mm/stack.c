/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Regions that grow: the heap by brk, upwards; the stack by a fault, downwards.
 *
 *        break_start     break_end                         guard gap        stack_top
 *             |  heap  --->  |            mappings          |  <--- stack  |
 *
 * The stack's growth leaves GUARD_GAP free above whatever is mapped below; the gap is no region, so
 * nothing can lock it (contract L24). What grows is added as a region of its own with the lock that the
 * stack has (or MCL_FUTURE gives), charged and brought in at once; then it merges.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/mman.h>

#include "kernel/assert.h"
#include "mm/space.h"

static struct region anonymous(vaddr_t start, vaddr_t end) {
    return (struct region){.start = start, .end = end, .prot = PROT_READ | PROT_WRITE,
                           .max_prot = PROT_READ | PROT_WRITE | PROT_EXEC,
                           .flags = (uint16_t)(REGION_PROMISED | REGION_TABLES)};
}

/* Reserve and add under the lock: 0, or an error and nothing changed. */
static int grow_locked(struct space *s, const struct region *proto) REQUIRES(&s->lock) {
    struct addition a;
    if (((s->mapped + region_pages(proto)) << PAGE_SHIFT) > s->limits.as) return -ENOMEM;
    int err = add_reserve(s, proto, 0, &a);
    if (!err) add_commit(s, &a);
    return err;
}

/* ---- the stack ---- */

int space_map_stack(struct space *s, vaddr_t top, uint64_t initial) {
    struct map_request q = {.addr = top - initial, .len = initial, .prot = PROT_READ | PROT_WRITE,
                            .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN,
                            .max_prot = PROT_READ | PROT_WRITE | PROT_EXEC};
    long at = space_map(s, &q);
    if (at < 0) return (int)at;
    rw_lock(&s->lock);
    s->stack_top = top;
    rw_unlock(&s->lock);
    return 0;
}

/* The upper end of the stack whose lowest region is r: locks and rights may have cut it into several. */
static vaddr_t top_of(const struct region *r) {
    const struct region *above = region_next(r);
    for (; above && above->start == r->end && (above->flags & REGION_STACK); above = region_next(r)) r = above;
    return r->end;
}

/* May the stack whose lowest region is r reach down to va? */
static bool may_reach(const struct space *s, const struct region *r, vaddr_t va) {
    const struct region *below = region_prev(r);
    if (below && va < below->end + GUARD_GAP) return false;
    return va >= USER_MIN + GUARD_GAP && top_of(r) - va <= s->limits.stack;
}

static int grow_stack(struct space *s, vaddr_t va) {
    struct range_hold hold;
    va = page_floor(va);
    rw_lock(&s->lock);
    struct region *r = region_from(&s->regions, va);
    if (r && r->start <= va) { /* another thread's fault grew it */
        rw_unlock(&s->lock);
        return 0;
    }
    if (!r || !(r->flags & REGION_STACK) || !region_accessible(r) || !may_reach(s, r, va)) {
        rw_unlock(&s->lock);
        return -EFAULT;
    }
    vaddr_t end = r->start;
    if (!range_try(&s->ranges, &hold, va, end)) { /* somebody is at work there: let them finish, then look again */
        rw_unlock(&s->lock);
        range_wait(&s->ranges, va, end);
        return 0;
    }
    struct region piece = *r;
    piece.start = va;
    piece.end = end;
    piece.lock = LOCK_NONE;
    piece.want = r->lock != LOCK_NONE ? r->lock : (uint8_t)s->future;
    int err = grow_locked(s, &piece);
    rw_unlock(&s->lock);
    if (!err && piece.want != LOCK_NONE) err = add_finish(s, va, end, true);
    range_unlock(&s->ranges, &hold);
    return err;
}

int stack_grow(struct space *s, vaddr_t va) {
    struct stall st = {0};
    int err;
    do {
        err = grow_stack(s, va);
    } while (space_stalled(s, &err, &st));
    return err ? -EFAULT : 0;
}

/* ---- the heap ---- */

void space_set_break(struct space *s, vaddr_t start) {
    rw_lock(&s->lock);
    s->break_start = s->break_end = start;
    rw_unlock(&s->lock);
}

static int grow_heap(struct space *s, vaddr_t from, vaddr_t to) {
    struct range_hold hold;
    struct region piece = anonymous(from, to);
    int err = -ENOMEM;
    range_lock(&s->ranges, &hold, from, to);
    rw_lock(&s->lock);
    const struct region *r = region_from(&s->regions, from);
    if (!r || r->start >= to) {
        piece.want = (uint8_t)s->future;
        err = grow_locked(s, &piece);
    }
    rw_unlock(&s->lock);
    if (!err && piece.want != LOCK_NONE) err = add_finish(s, from, to, true);
    range_unlock(&s->ranges, &hold);
    return err;
}

static vaddr_t move_break(struct space *s, vaddr_t want) {
    rw_lock_shared(&s->lock);
    vaddr_t start = s->break_start, now = s->break_end;
    uint64_t limit = s->limits.data;
    rw_unlock_shared(&s->lock);
    if (want < start || want >= USER_MAX || want - start > limit) return now;
    vaddr_t from = page_ceil(now), to = page_ceil(want);
    struct stall st = {0};
    int err = 0;
    do {
        if (to > from) err = grow_heap(s, from, to);
    } while (space_stalled(s, &err, &st));
    if (err) return now;
    if (to < from && space_unmap(s, to, from - to)) return now;
    rw_lock(&s->lock);
    s->break_end = want;
    rw_unlock(&s->lock);
    return want;
}

/* One at a time: between its look at the old end and the new one's, a call waits for ranges and for pages. */
vaddr_t space_brk(struct space *s, vaddr_t want) {
    mutex_lock(&s->break_lock);
    vaddr_t now = move_break(s, want);
    mutex_unlock(&s->break_lock);
    return now;
}
