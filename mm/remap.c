/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mremap: a mapping grows, shrinks or moves, and its lock goes with it (contract L18).
 *
 *      shrink     unmap the tail
 *      grow       a new region just above, like the old, brought in if locked; then they merge
 *      move       the growth is made at the new place first (it may fail), then region and entries go over
 *
 * The delta alone is charged and promised. MREMAP_DONTUNMAP and the duplication of shared mappings by
 * old_len 0 are not offered: -EINVAL.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/mman.h>

#include "kernel/assert.h"
#include "mm/space.h"

struct move {
    vaddr_t old, new;
    uint64_t old_len, new_len; /* rounded to pages; a move that shrinks: old_len is what moves, ... */
    uint64_t tail;             /* ... and this, above it, goes */
    struct range_hold from, to;
};

/* The region that the whole old range lies in. Lock held. */
static struct region *source(const struct space *s, const struct move *m) {
    struct region *r = region_find(&s->regions, m->old);
    return r && m->old + m->old_len <= r->end && !(r->flags & REGION_DEVICE) ? r : NULL;
}

static bool can_grow_here(const struct region *r, const struct move *m) {
    const struct region *next = region_next(r);
    return r->end == m->old + m->old_len && m->old <= USER_MAX - m->new_len &&
           (!next || next->start >= m->old + m->new_len);
}

/* Reserve the grown part, a region like r and locked like it, for a mapping that will stand at at. Lock held. */
static int reserve_growth(struct space *s, const struct region *r, const struct move *m, vaddr_t at, struct addition *a)
    REQUIRES(&s->lock) {
    struct region piece = *r;
    piece.start = at + m->old_len;
    piece.end = at + m->new_len;
    piece.offset = r->offset + pages_in(m->old - r->start + m->old_len);
    piece.lock = region_accessible(r) ? LOCK_NONE : r->lock;
    piece.want = r->lock;
    piece.holes = HOLES_NONE;
    if (((s->mapped + region_pages(&piece)) << PAGE_SHIFT) > s->limits.as) return -ENOMEM;
    return add_reserve(s, &piece, 0, a);
}

/* Bring the growth in if it is to be locked. Lock held on entry and on return; let go between. */
static int finish_growth(struct space *s, vaddr_t start, vaddr_t end) REQUIRES(&s->lock) {
    const struct region *r = region_find(&s->regions, start);
    if (r->want == r->lock) return 0;
    rw_unlock(&s->lock);
    int err = add_finish(s, start, end, true);
    rw_lock(&s->lock);
    return err;
}

static int grow_in_place(struct space *s, const struct region *r, const struct move *m) REQUIRES(&s->lock) {
    struct addition a;
    int err = reserve_growth(s, r, m, m->old, &a);
    if (err) return err;
    add_commit(s, &a);
    return finish_growth(s, m->old + m->old_len, m->old + m->new_len);
}

/* Region and entries go to the new place: nothing here can fail. */
static void carry(struct space *s, struct region *r, const struct move *m) NOT_ANALYSED {
    if (r->object) mutex_lock(&r->object->lock);
    region_remove(&s->regions, r);
    r->start = m->new;
    r->end = m->new + m->old_len;
    region_insert(&s->regions, r);
    pages_move(s, m->old, m->new, m->old_len);
    if (r->object) mutex_unlock(&r->object->lock);
    space_merge(s, r);
}

/* What a move reserves before it touches anything. */
struct move_reserve {
    struct spares cuts, tail, target;
    uint64_t tables; /* frames promised for the tables at the new place */
    struct addition growth;
};

static int reserve_move(struct space *s, const struct move *m, struct move_reserve *v) REQUIRES(&s->lock) {
    const struct region *r = source(s, m);
    *v = (struct move_reserve){.tables = region_tables_bound(m->new, m->new + m->old_len)};
    if (!r) return -EFAULT;
    int err = spares_get(&v->cuts, 2);
    if (!err) err = spares_get(&v->tail, m->tail ? 1 : 0);
    if (!err) err = spares_get(&v->target, 2);
    if (!err && (err = memory_promise(v->tables))) s->tables_wanted = v->tables;
    if (!err && m->new_len > m->old_len) {
        err = reserve_growth(s, r, m, m->new, &v->growth);
        if (err) frame_unpromise(v->tables);
    }
    return err;
}

/*
 * Both ranges and the lock held. What is mapped at the new place (MREMAP_FIXED) goes, the growth is made and
 * brought in there, and then the mapping follows. Only bringing in can fail after the reservation, and only
 * for memory that nobody promised; the mapping then stays where it was.
 */
static int move_mapping(struct space *s, const struct move *m) REQUIRES(&s->lock) {
    struct move_reserve v;
    vaddr_t grown = m->new + m->old_len, new_end = m->new + m->new_len;
    int err = reserve_move(s, m, &v);
    if (!err) {
        space_split(s, m->new, &v.target);
        space_split(s, new_end, &v.target);
        space_clear_regions(s, m->new, new_end);
        if (v.growth.region) {
            add_commit(s, &v.growth);
            err = finish_growth(s, grown, new_end);
        }
        s->tables_promised += v.tables; /* settled below */
        if (!err) {
            space_split(s, m->old, &v.cuts);
            space_split(s, m->old + m->old_len, &v.cuts);
            space_split(s, m->old + m->old_len + m->tail, &v.tail);
            space_clear_regions(s, m->old + m->old_len, m->old + m->old_len + m->tail);
            carry(s, source(s, m), m);
        }
        space_settle_tables(s);
    }
    spares_put(&v.cuts);
    spares_put(&v.tail);
    spares_put(&v.target);
    return err;
}

/* ---- the call ---- */

static int decode(const struct move *m, uint64_t old_len, uint64_t new_len, int flags) {
    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) return -EINVAL;
    if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) return -EINVAL;
    if ((m->old & PAGE_MASK) || old_len == 0 || new_len == 0) return -EINVAL;
    if (old_len > USER_MAX || new_len > USER_MAX) return -EINVAL;
    if (!range_in_user(m->old, m->old + m->old_len) || m->old > USER_MAX) return -EFAULT;
    if (!(flags & MREMAP_FIXED)) return 0;
    if ((m->new & PAGE_MASK) || m->new < USER_MIN || m->new > USER_MAX - m->new_len) return -EINVAL;
    if (m->new < m->old + m->old_len && m->old < m->new + m->new_len) return -EINVAL;
    return 0;
}

/* Hold the old range and the new one, with the lock. The new one is given (MREMAP_FIXED), or found free. */
static int hold_both(struct space *s, struct move *m, bool fixed) NOT_ANALYSED {
    for (;;) {
        range_lock(&s->ranges, &m->from, m->old, m->old + m->old_len + m->tail);
        rw_lock(&s->lock);
        int err = source(s, m) ? 0 : -EFAULT; /* or the place chosen might be the old one, whose range is ours */
        if (!fixed) m->new = space_choose(s, 0, m->new_len);
        if (!m->new) err = -ENOMEM;
        if (!err && range_try(&s->ranges, &m->to, m->new, m->new + m->new_len)) return 0;
        rw_unlock(&s->lock);
        range_unlock(&s->ranges, &m->from);
        if (err) return err;
        range_wait(&s->ranges, m->new, m->new + m->new_len); /* and look again */
    }
}

static long move_away(struct space *s, struct move *m, bool fixed) {
    int err = hold_both(s, m, fixed);
    if (err) return err;
    rw_assert(&s->lock);
    err = move_mapping(s, m);
    rw_unlock(&s->lock);
    range_unlock(&s->ranges, &m->to);
    range_unlock(&s->ranges, &m->from);
    return err ? err : (long)m->new;
}

/* 0: it stays where it is. -ENOSPC: there is no room above it. */
static int resize_here(struct space *s, struct move *m) {
    vaddr_t end = m->old + (m->old_len > m->new_len ? m->old_len : m->new_len);
    if (end > USER_MAX) return -ENOSPC;
    range_lock(&s->ranges, &m->from, m->old, end);
    rw_lock(&s->lock);
    const struct region *r = source(s, m);
    int err = r ? 0 : -EFAULT;
    if (!err && m->new_len > m->old_len) err = can_grow_here(r, m) ? grow_in_place(s, r, m) : -ENOSPC;
    rw_unlock(&s->lock);
    range_unlock(&s->ranges, &m->from);
    return err;
}

static long remap_once(struct space *s, vaddr_t old, uint64_t old_len, uint64_t new_len, int flags, vaddr_t new_addr) {
    struct move m = {.old = old, .new = flags & MREMAP_FIXED ? new_addr : 0,
                     .old_len = page_ceil(old_len), .new_len = page_ceil(new_len)};
    int err = decode(&m, old_len, new_len, flags);
    if (err) return err;
    if (!(flags & MREMAP_FIXED)) {
        err = resize_here(s, &m);
        if (err && (err != -ENOSPC || !(flags & MREMAP_MAYMOVE))) return err == -ENOSPC ? -ENOMEM : err;
    }
    uint64_t tail = m.old_len > m.new_len ? m.old_len - m.new_len : 0;
    if ((flags & MREMAP_FIXED) || err) {
        m.tail = tail;
        m.old_len -= tail;
        return move_away(s, &m, flags & MREMAP_FIXED);
    }
    err = tail ? space_unmap(s, old + m.new_len, tail) : 0;
    return err ? err : (long)old;
}

long space_remap(struct space *s, vaddr_t old, uint64_t old_len, uint64_t new_len, int flags, vaddr_t new_addr) {
    struct stall st = {0};
    long result;
    int err;
    do {
        result = remap_once(s, old, old_len, new_len, flags, new_addr);
        err = result < 0 ? (int)result : 0;
    } while (space_stalled(s, &err, &st));
    return err ? err : result;
}
