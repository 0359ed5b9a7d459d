/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Spaces: making and ending them, and the bookkeeping that keeps a space's counts true while its regions
 * are attached, detached, split and merged. Everything that changes a region's extent or existence goes
 * through here; what the counts mean is in mm/space.h.
 *
 * INVARIANTS  mapped, accessible and charged equal the sums over regions (I3); tables_promised >= regions.tables;
 *             every region with an object is on its list of mappings.
 */
#include "mm/space.h"
#include "mm/swap.h"

#include <asm/errno.h>
#include <asm/mman.h>

#include "kernel/assert.h"
#include "libc/core/string.h"

static struct cache space_cache, region_cache;
static struct mutex list_lock;
static TAILQ_HEAD(space_list, space) all_spaces;
static uint64_t nspaces GUARDED_BY(&list_lock);
static uint64_t ended_faults[2] GUARDED_BY(&list_lock); /* minor and major, of spaces that are gone */

void spaces_init(void) NOT_ANALYSED { /* boot */
    cache_init(&space_cache, "space", sizeof(struct space));
    cache_init(&region_cache, "region", sizeof(struct region));
    mutex_init(&list_lock, "spaces");
    TAILQ_INIT(&all_spaces);
    nspaces = ended_faults[0] = ended_faults[1] = 0;
}

void mm_init(const struct boot_info *bi) {
    frame_init(bi);
    heap_init();
    object_init();
    spaces_init();
    swap_init();
    pageout_init();
    struct frame_stats fs;
    frame_get_stats(&fs);
    charge_init(fs.total);
}

/* ---- making and ending ---- */

struct space *space_create(const struct space_limits *limits) {
    struct space *s = cache_alloc_zero(&space_cache);
    if (!s) return NULL;
    if (pmap_init(&s->pmap)) {
        cache_free(&space_cache, s);
        return NULL;
    }
    s->refs = 1;
    rw_init(&s->lock, "space");
    mutex_init(&s->break_lock, "break");
    regions_init(&s->regions);
    range_init(&s->ranges);
    s->limits = *limits;
    mutex_lock(&list_lock);
    TAILQ_INSERT_HEAD(&all_spaces, s, link);
    nspaces++;
    mutex_unlock(&list_lock);
    return s;
}

void space_hold(struct space *s) {
    uint32_t before = __atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
    ASSERT(before != 0);
}

bool space_try_hold(struct space *s) {
    uint32_t refs = __atomic_load_n(&s->refs, __ATOMIC_RELAXED);
    while (refs && !__atomic_compare_exchange_n(&s->refs, &refs, refs + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return refs;
}

static void space_free(struct space *s) {
    ASSERT(range_idle(&s->ranges) && s->pinned == 0);
    pmap_evict(&s->pmap); /* lazy CPUs let go before the tables do, and no batch below has anyone to tell */
    struct spares none = {{NULL, NULL}};
    rw_lock(&s->lock);
    space_clear(s, WHOLE_SPACE, &none);
    rw_unlock(&s->lock);
    ASSERT(s->mapped == 0 && s->charged == 0 && s->regions.count == 0 && s->tables_promised == 0);
    mutex_lock(&list_lock); /* last: until its pages and charges are gone, the auditor has to count them */
    TAILQ_REMOVE(&all_spaces, s, link);
    nspaces--;
    ended_faults[0] += s->minor_faults;
    ended_faults[1] += s->major_faults;
    mutex_unlock(&list_lock);
    pmap_fini(&s->pmap);
    cache_free(&space_cache, s);
}

void space_drop(struct space *s) {
    uint32_t before = __atomic_fetch_sub(&s->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before != 0);
    if (before > 1) return;
    space_free(s);
    memory_freed();
}

void space_load(struct space *s) {
    pmap_load(s ? &s->pmap : NULL);
}

void space_set_limits(struct space *s, const struct space_limits *limits) {
    rw_lock(&s->lock);
    s->limits = *limits;
    rw_unlock(&s->lock);
}

void space_on_release(struct space *s, void (*hook)(void *), void *arg) {
    mutex_lock(&s->ranges.mutex);
    s->ranges.hook = hook;
    s->ranges.hook_arg = arg;
    mutex_unlock(&s->ranges.mutex);
}

void spaces_visit(void (*visit)(struct space *, void *), void *arg) {
    struct space *s;
    mutex_lock(&list_lock);
    TAILQ_FOREACH(s, &all_spaces, link) visit(s, arg);
    mutex_unlock(&list_lock);
}

void spaces_rotate(void) {
    mutex_lock(&list_lock);
    struct space *s = TAILQ_FIRST(&all_spaces);
    if (s) {
        TAILQ_REMOVE(&all_spaces, s, link);
        TAILQ_INSERT_TAIL(&all_spaces, s, link);
    }
    mutex_unlock(&list_lock);
}

void spaces_each(void (*visit)(struct space *, void *), void *arg) {
    mutex_lock(&list_lock);
    struct space *s;
    TAILQ_FOREACH(s, &all_spaces, link) {
        rw_lock_shared(&s->lock);
        visit(s, arg);
        rw_unlock_shared(&s->lock);
    }
    mutex_unlock(&list_lock);
}

/* ---- regions in and out ---- */

struct region *region_alloc(void) {
    return cache_alloc_zero(&region_cache);
}

uint64_t region_frames(uint64_t n) {
    return cache_frames(&region_cache, n);
}

int spares_get(struct spares *sp, unsigned n) {
    *sp = (struct spares){{NULL, NULL}};
    for (unsigned i = 0; i < n; i++) {
        sp->region[i] = region_alloc();
        if (sp->region[i]) continue;
        spares_put(sp);
        return -ENOMEM;
    }
    return 0;
}

void spares_put(struct spares *sp) {
    for (unsigned i = 0; i < 2; i++) {
        if (sp->region[i]) cache_free(&region_cache, sp->region[i]);
        sp->region[i] = NULL;
    }
}

/* Add or take away r's pages in the space's sums. */
static void account(struct space *s, const struct region *r, int sign) {
    uint64_t n = region_pages(r) * (uint64_t)(int64_t)sign;
    s->mapped += n;
    if (region_accessible(r)) s->accessible += n;
}

void space_attach(struct space *s, struct region *r) NOT_ANALYSED {
    r->space = s;
    if (r->object) {
        object_hold(r->object);
        mutex_lock(&r->object->lock);
    }
    region_insert(&s->regions, r);
    if (r->object) {
        LIST_INSERT_HEAD(&r->object->mappings, r, mapping);
        mutex_unlock(&r->object->lock);
    }
    account(s, r, 1);
}

static void unlink_region(struct space *s, struct region *r) {
    if (r->object) {
        mutex_lock(&r->object->lock);
        LIST_REMOVE(r, mapping);
        mutex_unlock(&r->object->lock);
    }
    region_remove(&s->regions, r);
}

void space_detach(struct space *s, struct region *r) {
    account(s, r, -1);
    unlink_region(s, r);
    if (r->object) object_drop(r->object);
    cache_free(&region_cache, r);
}

/* ---- split and merge: no count changes ---- */

void space_split(struct space *s, vaddr_t va, struct spares *sp) NOT_ANALYSED {
    struct region *r = region_find(&s->regions, va);
    if (!r || r->start == va) return;
    unsigned i = sp->region[0] ? 0 : 1;
    struct region *upper = sp->region[i];
    ASSERT(upper);
    sp->region[i] = NULL;
    if (r->object) {
        object_hold(r->object);
        mutex_lock(&r->object->lock); /* before the copy: it is of holes too */
    }
    *upper = *r;
    upper->start = va;
    upper->offset += pages_in(va - r->start);
    region_set_bounds(&s->regions, r, r->start, va);
    region_insert(&s->regions, upper);
    if (r->object) {
        LIST_INSERT_HEAD(&r->object->mappings, upper, mapping);
        mutex_unlock(&r->object->lock);
    }
}

/* What a request is at work on (want differs from lock) joins nobody: two requests may stand side by side, and the ends of
 * each must stay boundaries until it has settled. */
static bool continues(const struct region *a, const struct region *b) {
    return a->end == b->start && a->object == b->object && a->flags == b->flags && a->prot == b->prot &&
           a->max_prot == b->max_prot && a->lock == b->lock && a->want == a->lock && b->want == b->lock &&
           a->holes == b->holes && (!a->object || a->offset + region_pages(a) == b->offset);
}

/* b goes, a grows over it. */
static void join(struct space *s, struct region *a, struct region *b) NOT_ANALYSED {
    struct object *o = b->object;
    if (o) {
        mutex_lock(&o->lock);
        if (b->holes > a->holes) a->holes = b->holes; /* truncation may have come between the look and the lock */
    }
    vaddr_t end = b->end;
    region_remove(&s->regions, b);
    region_set_bounds(&s->regions, a, a->start, end);
    if (o) {
        LIST_REMOVE(b, mapping);
        mutex_unlock(&o->lock);
        object_drop(o);
    }
    cache_free(&region_cache, b);
}

struct region *space_merge(struct space *s, struct region *r) {
    struct region *p = region_prev(r), *n = region_next(r);
    if (n && continues(r, n)) join(s, r, n);
    if (p && continues(p, r)) {
        join(s, p, r);
        r = p;
    }
    return r;
}

void space_merge_range(struct space *s, vaddr_t start, vaddr_t end) {
    struct region *r = region_from(&s->regions, start ? start - 1 : 0);
    while (r && r->end <= end) {
        struct region *n = region_next(r);
        if (n && continues(r, n))
            join(s, r, n);
        else
            r = n;
    }
}

bool space_covers(const struct space *s, vaddr_t start, vaddr_t end) {
    for (struct region *r = region_find(&s->regions, start); r; r = region_next(r)) {
        if (r->start > start) return false;
        start = r->end;
        if (start >= end) return true;
    }
    return false;
}

unsigned space_cuts(const struct space *s, vaddr_t start, vaddr_t end) {
    const struct region *a = region_find(&s->regions, start), *b = region_find(&s->regions, end);
    return (a && a->start < start) + (b && b->start < end);
}

/* ---- promises of page tables ---- */

int memory_commit(uint64_t n) {
    int err;
    do {
        err = frame_commit(n);
    } while (err && object_make_room());
    return err;
}

int memory_promise(uint64_t n) {
    int err;
    do {
        err = frame_promise(n);
    } while (err == -ENOMEM && object_make_room());
    return err;
}

int space_promise_tables(struct space *s, uint64_t n) {
    int err = memory_promise(n);
    if (!err) s->tables_promised += n;
    else s->tables_wanted = n;
    return err;
}

bool space_stalled(struct space *s, int *err, struct stall *st) {
    if (*err == -ESTALL && !st->frames && !st->slot) st->frames = s->tables_wanted;
    return stalled(err, st);
}

void space_settle_tables(struct space *s) {
    ASSERT(s->tables_promised >= s->regions.tables);
    frame_unpromise(s->tables_promised - s->regions.tables);
    s->tables_promised = s->regions.tables;
}

/* ---- what there is to see ---- */

void space_get_stats(struct space *s, struct space_stats *out) {
    rw_lock_shared(&s->lock);
    *out = (struct space_stats){
        .mapped = s->mapped,
        .resident = __atomic_load_n(&s->pmap.resident, __ATOMIC_RELAXED),
        .locked = s->charged,
        .accessible = s->accessible,
        .pinned = s->pinned,
        .regions = s->regions.count,
        .tables = __atomic_load_n(&s->pmap.tables, __ATOMIC_RELAXED),
        .swapped = __atomic_load_n(&s->pmap.swapped, __ATOMIC_RELAXED),
        .minor_faults = s->minor_faults,
        .major_faults = s->major_faults,
        .future = s->future == LOCK_NONE ? 0 : s->future == LOCK_FULL ? MCL_FUTURE : MCL_FUTURE | MCL_ONFAULT,
    };
    rw_unlock_shared(&s->lock);
}

void region_describe(const struct region *r, struct region_info *out) {
    *out = (struct region_info){
        .start = r->start,
        .end = r->end,
        .prot = r->prot,
        .max_prot = r->max_prot,
        .shared = r->flags & REGION_SHARED,
        .locked = r->lock != LOCK_NONE,
        .on_fault = r->lock == LOCK_ON_FAULT,
        .stack = r->flags & REGION_STACK,
        .dont_fork = r->flags & REGION_DONTFORK,
        .wipe_on_fork = r->flags & REGION_WIPEONFORK,
        .committed = r->flags & REGION_PROMISED,
        .no_reserve = r->flags & REGION_NORESERVE,
        .device = r->flags & REGION_DEVICE,
        .offset = r->offset << PAGE_SHIFT,
        .object = r->object,
    };
}

bool space_region_at(struct space *s, vaddr_t va, struct region_info *out) {
    rw_lock_shared(&s->lock);
    const struct region *r = region_from(&s->regions, va);
    if (r) region_describe(r, out);
    rw_unlock_shared(&s->lock);
    return r != NULL;
}

static void add_space(struct space *s, void *arg) {
    struct mm_stats *sum = arg;
    sum->regions += s->regions.count;
    sum->minor_faults += __atomic_load_n(&s->minor_faults, __ATOMIC_RELAXED);
    sum->major_faults += __atomic_load_n(&s->major_faults, __ATOMIC_RELAXED);
}

void mm_get_stats(struct mm_stats *out) {
    memset(out, 0, sizeof(*out));
    heap_drain();
    frame_get_stats(&out->frames);
    charge_get_stats(&out->locked, &out->lock_cap);
    spaces_each(add_space, out);
    mutex_lock(&list_lock);
    out->spaces = nspaces;
    out->minor_faults += ended_faults[0];
    out->major_faults += ended_faults[1];
    mutex_unlock(&list_lock);
}
