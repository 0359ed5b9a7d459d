/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mmap and munmap: adding regions and clearing ranges.
 *
 *      decode ──> hold the range ──> reserve: spares, frames, tables, charge ──> perform ──> bring in, if locked
 *         │             │                    │                                                   │
 *       errno         (waits)          errno, nothing changed                        EAGAIN, nothing mapped (L23, A6)
 *
 * Promises (design idea 2): a writable private region is promised all its pages, unless MAP_NORESERVE;
 * a shared object was promised when it got its size; every region that may be touched is promised its
 * page tables. What MAP_FIXED replaces gives back its promises only after the new ones were had.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/mman.h>

#include "kernel/assert.h"
#include "kernel/race.h"
#include "mm/space.h"

#define MAP_UNDERSTOOD \
    (MAP_TYPE | MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | \
     MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK)
#define MMAP_LOWEST  0x10000ul     /* where the kernel chooses */
#define STACK_ROOM   0x10000000ul  /* most that a stack's limit keeps free of mappings */
#define TABLES_PARTED 3            /* a region without tables may part two that shared one at each level */

int range_round(vaddr_t addr, uint64_t len, vaddr_t *start, vaddr_t *end) {
    if (addr + len < addr || addr + len > UINT64_MAX - PAGE_MASK) return -EINVAL;
    *start = page_floor(addr);
    *end = page_ceil(addr + len);
    return 0;
}

/* ---- clearing ---- */

void space_clear_regions(struct space *s, vaddr_t start, vaddr_t end) {
    struct region *r = region_from(&s->regions, start);
    while (r && r->start < end) {
        struct region *next = region_next(r);
        uint64_t n = region_pages(r);
        bool promised = r->flags & REGION_PROMISED;
        if (region_charged(r)) uncharge_pages(s, n);
        pages_drop(s, r, r->start, r->end);
        space_detach(s, r);
        if (promised) frame_uncommit(n);
        r = next;
    }
}

void space_clear(struct space *s, vaddr_t start, vaddr_t end, struct spares *sp) {
    space_split(s, start, sp);
    space_split(s, end, sp);
    space_clear_regions(s, start, end);
    space_settle_tables(s);
}

int space_unmap(struct space *s, vaddr_t addr, uint64_t len) {
    vaddr_t start, end;
    struct range_hold hold;
    struct spares sp;
    if ((addr & PAGE_MASK) || len == 0 || range_round(addr, len, &start, &end)) return -EINVAL;
    if (end > USER_MAX) return -EINVAL;
    range_lock(&s->ranges, &hold, start, end);
    race_point(RACE_UNMAP_HELD);
    rw_lock(&s->lock);
    int err = spares_get(&sp, space_cuts(s, start, end));
    if (!err) space_clear(s, start, end, &sp);
    spares_put(&sp);
    rw_unlock(&s->lock);
    range_unlock(&s->ranges, &hold);
    memory_freed();
    return err;
}

/* ---- adding ---- */

int add_reserve(struct space *s, const struct region *proto, uint64_t credit, struct addition *a) {
    uint64_t n = region_pages(proto);
    bool accessible = region_accessible(proto);
    uint64_t tables = region_tables_bound(proto->start, proto->end);
    a->promised = proto->flags & REGION_PROMISED ? n : 0;
    a->charged = proto->want != LOCK_NONE && accessible ? n : 0;
    if (a->charged && charge_permitted(s, s->limits.privileged)) return -EAGAIN;
    a->region = region_alloc();
    if (!a->region) return -ENOMEM;
    *a->region = *proto;
    struct spares just = {{a->region, NULL}};
    int err = memory_commit(a->promised);
    if (err) goto no_promise;
    err = space_promise_tables(s, proto->flags & REGION_TABLES ? tables : TABLES_PARTED);
    if (err) goto no_tables;
    if (charge_swap(s, a->charged, credit, s->limits.privileged)) {
        err = -EAGAIN;
        goto no_charge;
    }
    return 0;
no_charge:
    space_settle_tables(s);
no_tables:
    frame_uncommit(a->promised);
no_promise:
    spares_put(&just);
    return err;
}

void add_commit(struct space *s, struct addition *a) {
    struct region *r = a->region;
    space_attach(s, r);
    space_settle_tables(s);
    if (r->want == r->lock) space_merge(s, r);
}

uint64_t space_charged_in(const struct space *s, vaddr_t start, vaddr_t end) {
    uint64_t n = 0;
    for (const struct region *r = region_from(&s->regions, start); r && r->start < end; r = region_next(r)) {
        vaddr_t from = r->start > start ? r->start : start, to = r->end < end ? r->end : end;
        if (region_charged(r)) n += pages_in(to - from);
    }
    return n;
}

int add_finish(struct space *s, vaddr_t start, vaddr_t end, bool past_end) {
    vaddr_t next = start;
    int err;
    do {
        err = wanted_populate(s, &next, end, SLICE, past_end);
    } while (err > 0);
    struct spares none = {{NULL, NULL}};
    rw_lock(&s->lock);
    if (err)
        space_clear(s, start, end, &none);
    else
        wanted_settle(s, start, end, true);
    rw_unlock(&s->lock);
    return err ? -EAGAIN : 0;
}

/* ---- mmap ---- */

static int decode_flags(const struct map_request *q) {
    int type = q->flags & MAP_TYPE;
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE) return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && (q->flags & ~MAP_UNDERSTOOD)) return -EOPNOTSUPP;
    if (q->flags & MAP_HUGETLB) return -EINVAL;
    if ((q->flags & MAP_GROWSDOWN) && (type != MAP_PRIVATE || q->object)) return -EINVAL;
    if (q->prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) return -EINVAL;
    if ((q->prot & PROT_WRITE) && (q->prot & PROT_EXEC)) return -EACCES;
    if (q->prot & ~q->max_prot) return -EACCES;
    if (q->object && q->object->kind == OBJECT_DEVICE && (type == MAP_PRIVATE || q->prot & PROT_EXEC)) return -EACCES;
    return 0;
}

/* From the request to a region without a place. */
static int decode(const struct map_request *q, struct region *proto) {
    int err = decode_flags(q);
    if (err) return err;
    if (q->len == 0 || (q->offset & PAGE_MASK)) return -EINVAL;
    if (q->len > USER_MAX) return -ENOMEM;
    if (q->offset > INT64_MAX - page_ceil(q->len)) return -EOVERFLOW;
    bool shared = (q->flags & MAP_TYPE) != MAP_PRIVATE;
    unsigned flags = 0;
    if (shared) flags |= REGION_SHARED;
    if (q->object && q->object->kind == OBJECT_DEVICE) flags |= REGION_DEVICE;
    if (q->flags & MAP_NORESERVE) flags |= REGION_NORESERVE;
    if (q->prot) flags |= REGION_TABLES;
    if (!shared && (q->prot & PROT_WRITE) && !(q->flags & MAP_NORESERVE)) flags |= REGION_PROMISED;
    if (q->flags & MAP_GROWSDOWN) flags |= REGION_STACK;
    *proto = (struct region){.object = q->object, .offset = pages_in(q->offset), .flags = (uint16_t)flags,
                             .prot = (uint8_t)q->prot, .max_prot = (uint8_t)q->max_prot};
    return 0;
}

vaddr_t space_choose(const struct space *s, vaddr_t hint, uint64_t len) {
    hint = page_floor(hint);
    if (hint >= MMAP_LOWEST && hint <= USER_MAX - len) {
        const struct region *r = region_from(&s->regions, hint);
        if (!r || r->start >= hint + len) return hint;
    }
    vaddr_t top = USER_MAX;
    if (s->stack_top) {
        uint64_t room = s->limits.stack < STACK_ROOM ? s->limits.stack : STACK_ROOM;
        top = page_floor(s->stack_top - room - GUARD_GAP);
    }
    return region_gap(&s->regions, len, MMAP_LOWEST, top);
}

/* Hold a place for len bytes and take the lock: 0 with proto's bounds set, or an error with neither held. */
static int place_anywhere(struct space *s, vaddr_t hint, uint64_t len, struct region *proto, struct range_hold *hold)
    NOT_ANALYSED {
    for (;;) {
        rw_lock(&s->lock);
        proto->start = space_choose(s, hint, len);
        proto->end = proto->start + len;
        if (proto->start && range_try(&s->ranges, hold, proto->start, proto->end)) return 0;
        rw_unlock(&s->lock);
        if (!proto->start) return -ENOMEM;
        range_wait(&s->ranges, proto->start, proto->end); /* and look again */
    }
}

static int place_fixed(struct space *s, vaddr_t addr, uint64_t len, struct region *proto, struct range_hold *hold)
    NOT_ANALYSED {
    if (addr & PAGE_MASK) return -EINVAL;
    if (addr > USER_MAX - len || addr < USER_MIN) return -ENOMEM;
    proto->start = addr;
    proto->end = addr + len;
    range_lock(&s->ranges, hold, proto->start, proto->end);
    rw_lock(&s->lock);
    return 0;
}

static uint64_t mapped_in(const struct space *s, vaddr_t start, vaddr_t end) {
    uint64_t n = 0;
    for (const struct region *r = region_from(&s->regions, start); r && r->start < end; r = region_next(r))
        n += pages_in((r->end < end ? r->end : end) - (r->start > start ? r->start : start));
    return n;
}

/* What is replaced keeps its pages until it is cleared, but its charge has passed to the newcomer. */
static void pass_charge(struct space *s, vaddr_t start, vaddr_t end) {
    for (struct region *r = region_from(&s->regions, start); r && r->start < end; r = region_next(r))
        r->lock = r->want = LOCK_NONE;
}

/* Range and lock held: put the region there, over what is there. */
static int map_here(struct space *s, const struct region *proto, bool replace) REQUIRES(&s->lock) {
    uint64_t there = mapped_in(s, proto->start, proto->end);
    struct addition a;
    struct spares sp;
    if (there && !replace) return -EEXIST;
    if (((s->mapped - there + region_pages(proto)) << PAGE_SHIFT) > s->limits.as) return -ENOMEM;
    int err = spares_get(&sp, there ? space_cuts(s, proto->start, proto->end) : 0);
    if (!err) err = add_reserve(s, proto, there ? space_charged_in(s, proto->start, proto->end) : 0, &a);
    if (!err && there) {
        space_split(s, proto->start, &sp);
        space_split(s, proto->end, &sp);
        pass_charge(s, proto->start, proto->end);
        space_clear_regions(s, proto->start, proto->end);
    }
    if (!err) add_commit(s, &a);
    spares_put(&sp);
    return err;
}

/* MAP_POPULATE: as much as can be had; a failure is no error. */
static void populate_hint(struct space *s, vaddr_t start, vaddr_t end) {
    int err = 0;
    struct stall st = {0};
    for (vaddr_t va = start; va < end && !err;) {
        uint64_t budget = SLICE;
        rw_lock_shared(&s->lock);
        struct region *r = region_find(&s->regions, va);
        vaddr_t stop = r && r->end < end ? r->end : end;
        err = r && region_accessible(r) ? pages_populate(s, r, &va, stop, r->prot, &budget, true, &st) : -EFAULT;
        rw_unlock_shared(&s->lock);
        stalled(&err, &st);
        pageout_check();
    }
    stall_end(&st);
}

static long map_region(struct space *s, const struct map_request *q, struct region *proto) {
    struct range_hold hold;
    uint64_t len = page_ceil(q->len);
    bool fixed = q->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    int err = fixed ? place_fixed(s, q->addr, len, proto, &hold) : place_anywhere(s, q->addr, len, proto, &hold);
    if (err) return err;
    rw_assert(&s->lock);
    enum lock_mode mode = proto->flags & REGION_DEVICE ? LOCK_NONE : q->flags & MAP_LOCKED ? LOCK_FULL : s->future;
    if (!region_accessible(proto)) {
        proto->lock = proto->want = (uint8_t)mode; /* charged and brought in when mprotect opens it (A4) */
        if (q->flags & MAP_LOCKED) err = -EAGAIN;  /* what mlock would refuse (L9, L23) */
    } else {
        proto->want = (uint8_t)mode;
    }
    if (!err) err = map_here(s, proto, !(q->flags & MAP_FIXED_NOREPLACE));
    rw_unlock(&s->lock);
    if (!err && proto->want != proto->lock)
        err = add_finish(s, proto->start, proto->end, !(q->flags & MAP_LOCKED)); /* L23: as mlock, which L21 refuses */
    else if (!err && (q->flags & MAP_POPULATE))
        populate_hint(s, proto->start, proto->end);
    range_unlock(&s->ranges, &hold);
    return err ? err : (long)proto->start;
}

long space_map(struct space *s, const struct map_request *q) {
    struct region proto;
    int err = decode(q, &proto);
    if (err) return err;
    bool own = !q->object && (proto.flags & REGION_SHARED);
    if (own && !(proto.object = object_create_shared(page_ceil(q->len)))) return -ENOMEM;
    struct stall st = {0};
    long result;
    do {
        proto.lock = proto.want = LOCK_NONE;
        result = map_region(s, q, &proto);
        err = result < 0 ? (int)result : 0;
    } while (space_stalled(s, &err, &st));
    if (err) result = err;
    if (own) object_drop(proto.object);
    return result;
}
