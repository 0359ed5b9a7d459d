/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Objects: the page index, promises of shared memory, files in memory, truncation (see mm/object.h).
 *
 *      object ──> index[leaf] ──> 1024 frame numbers        leaf i serves pages [1024 i, 1024 (i + 1))
 *         └─────> mappings: every region over it
 *
 * A shared object's leaves are made, and its frames promised, when its size is set: so that a fault on it
 * allocates nothing that could be refused. A file's leaves are made when it is opened first; its frames
 * are copies of bytes that are in memory anyway, made page-aligned when first mapped, droppable at any time.
 *
 * LOCKING  object.lock; list_lock for the list of all objects, taken before any object.lock.
 */
#include "mm/object.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/race.h"
#include "libc/core/string.h"
#include "mm/object_impl.h"
#include "mm/space.h"
#include "mm/swap.h"

#define LEAF 1024ul /* frame numbers in a leaf: one frame */

static struct cache object_cache;
static struct mutex list_lock;
static TAILQ_HEAD(object_list, object) all_objects;

void object_init(void) {
    cache_init(&object_cache, "object", sizeof(struct object));
    mutex_init(&list_lock, "objects");
    TAILQ_INIT(&all_objects);
}

static uint64_t pages_for(uint64_t size) {
    return (size >> PAGE_SHIFT) + ((size & PAGE_MASK) != 0);
}

static uint64_t leaves_for(uint64_t size) {
    return (pages_for(size) + LEAF - 1) / LEAF;
}

/* ---- the index ---- */

static pfn_t *leaf_alloc(void) {
    pfn_t *leaf = heap_alloc(LEAF * sizeof(pfn_t));
    for (uint64_t i = 0; leaf && i < LEAF; i++) leaf[i] = NO_PFN;
    return leaf;
}

static void leaves_free(pfn_t **index, uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; i++) heap_free(index[i]);
}

/* A copy of the index with room for more leaves; the old one stays as it was. NULL: no memory. */
static pfn_t **index_grown(const struct object *o, uint64_t leaves) {
    pfn_t **index = heap_alloc(leaves * sizeof(pfn_t *));
    if (!index) return NULL;
    if (o->leaves) memcpy(index, o->index, o->leaves * sizeof(pfn_t *)); /* no index yet: no address to copy from */
    for (uint64_t i = o->leaves; i < leaves; i++) {
        index[i] = leaf_alloc();
        if (index[i]) continue;
        leaves_free(index, o->leaves, i);
        heap_free(index);
        return NULL;
    }
    return index;
}

pfn_t *object_slot(const struct object *o, uint64_t page) {
    return &o->index[page / LEAF][page % LEAF];
}

static void forget_page(struct object *o, uint64_t page) {
    pfn_t *slot = object_slot(o, page);
    if (*slot == NO_PFN) return;
    if (index_swapped(*slot)) {
        swap_free(index_slot(*slot));
        o->swapped--;
    } else {
        frame_drop(*slot);
        o->resident--;
    }
    *slot = NO_PFN;
}

/* ---- making and ending ---- */

static struct object *object_make(enum object_kind kind, const void *data, uint64_t size) {
    struct object *o = cache_alloc_zero(&object_cache);
    if (!o) return NULL;
    o->refs = 1;
    o->kind = kind;
    o->data = data;
    mutex_init(&o->lock, "object");
    LIST_INIT(&o->mappings);
    if (leaves_for(size) && kind != OBJECT_DEVICE) {
        o->index = index_grown(o, leaves_for(size));
        if (!o->index) {
            cache_free(&object_cache, o);
            return NULL;
        }
        o->leaves = leaves_for(size);
    }
    o->size = size;
    mutex_lock(&list_lock);
    TAILQ_INSERT_HEAD(&all_objects, o, link);
    mutex_unlock(&list_lock);
    return o;
}

struct object *object_create_shared(uint64_t size) {
    if (size > INT64_MAX - PAGE_MASK || memory_commit(pages_for(size))) return NULL;
    struct object *o = object_make(OBJECT_SHARED, NULL, size);
    if (!o) frame_uncommit(pages_for(size));
    return o;
}

struct object *object_create_file(const void *data, uint64_t size) {
    return object_make(OBJECT_FILE, data, size);
}

struct object *object_create_device(paddr_t device, uint64_t size) {
    struct object *o = object_make(OBJECT_DEVICE, NULL, size);
    if (o) o->device = device;
    return o;
}

void object_hold(struct object *o) {
    uint32_t before = __atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
    ASSERT(before != 0);
}

bool object_try_hold(struct object *o) {
    uint32_t refs = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);
    while (refs && !__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return refs;
}

void object_drop(struct object *o) {
    uint32_t before = __atomic_fetch_sub(&o->refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before != 0);
    if (before > 1) return;
    mutex_lock(&list_lock);
    TAILQ_REMOVE(&all_objects, o, link);
    mutex_unlock(&list_lock);
    ASSERT(LIST_EMPTY(&o->mappings));
    for (uint64_t page = 0; o->leaves && page < pages_for(o->size); page++) forget_page(o, page);
    ASSERT(o->resident == 0 && o->swapped == 0);
    if (o->kind == OBJECT_SHARED) frame_uncommit(pages_for(o->size));
    leaves_free(o->index, 0, o->leaves);
    heap_free(o->index);
    cache_free(&object_cache, o);
}

/* ---- pages ---- */

/* A frame with the page's contents: shared memory starts as zeroes, and waits if need be, since it was promised; a file's page
 * is copied. */
static int make_page(const struct object *o, uint64_t page, pfn_t *pfn) {
    if (o->kind == OBJECT_SHARED) {
        *pfn = frame_alloc_zero(FRAME_SHARED);
        return *pfn == NO_PFN ? -ESTALL : 0;
    }
    int err = frame_alloc_clean(pfn);
    if (err) return err;
    uint64_t at = page << PAGE_SHIFT, n = o->size - at < PAGE_SIZE ? o->size - at : PAGE_SIZE;
    memcpy(frame_addr(*pfn), o->data + at, n);
    memset((char *)frame_addr(*pfn) + n, 0, PAGE_SIZE - n);
    return 0;
}

/* A page that is in swap, or on its way there or back. */
static int take_back(struct object *o, pfn_t *entry, struct stall *st) {
    pfn_t pfn;
    bool alone;
    int err = swap_lookup(index_slot(*entry), st, &pfn, &alone);
    if (err) return err;
    swap_free(index_slot(*entry));
    *entry = pfn;
    o->swapped--;
    o->resident++;
    return 0;
}

/* A page that is nowhere yet. */
static int bring_in(struct object *o, uint64_t page, pfn_t *entry, struct stall *st) {
    pfn_t pfn;
    int err = make_page(o, page, &pfn);
    if (err == -ESTALL) st->frames = 1;
    if (err) return err;
    *entry = pfn;
    o->resident++;
    return 0;
}

int object_page_locked(struct object *o, uint64_t page, pfn_t *pfn, struct stall *st) {
    if (page >= pages_for(o->size)) return -ENXIO;
    pfn_t *entry = object_slot(o, page);
    int err = 0;
    if (*entry == NO_PFN) err = bring_in(o, page, entry, st);
    else if (index_swapped(*entry)) err = take_back(o, entry, st);
    if (err) return err;
    *pfn = *entry;
    frame_hold(*pfn);
    return 0;
}

int object_page(struct object *o, uint64_t page, pfn_t *pfn) {
    struct stall st = {0};
    int err;
    do {
        mutex_lock(&o->lock);
        err = object_page_locked(o, page, pfn, &st);
        mutex_unlock(&o->lock);
    } while (stalled(&err, &st));
    stall_end(&st);
    return err;
}

bool object_resident_locked(struct object *o, uint64_t page) {
    return page < pages_for(o->size) && (o->kind == OBJECT_DEVICE || index_resident(*object_slot(o, page)));
}

/* ---- size ---- */

static int grow(struct object *o, uint64_t size) {
    uint64_t more = pages_for(size) - pages_for(o->size), leaves = leaves_for(size);
    int err = frame_commit(more);
    if (err) return err;
    if (leaves > o->leaves) {
        pfn_t **index = index_grown(o, leaves);
        if (!index) {
            frame_uncommit(more);
            return -ENOMEM;
        }
        heap_free(o->index);
        o->index = index;
        o->leaves = leaves;
    }
    o->size = size;
    return 0;
}

/* Every mapping forgets its pages from page on. A locked region remembers that it has holes (contract L21). */
static void unmap_from(struct object *o, uint64_t page) {
    struct region *r;
    LIST_FOREACH(r, &o->mappings, mapping) {
        if (r->offset + region_pages(r) <= page) continue;
        vaddr_t from = r->offset >= page ? r->start : r->start + ((page - r->offset) << PAGE_SHIFT);
        pages_drop(r->space, r, from, r->end);
        r->holes = HOLES_SOME; /* last: a request that looked before they went must see it */
    }
}

static void shrink(struct object *o, uint64_t size) {
    uint64_t keep = pages_for(size), had = pages_for(o->size);
    o->size = size;
    unmap_from(o, keep);
    for (uint64_t page = keep; page < had; page++) forget_page(o, page);
    frame_uncommit(had - keep);
    if (keep && (size & PAGE_MASK) && index_resident(*object_slot(o, keep - 1)))
        memset((char *)frame_addr(*object_slot(o, keep - 1)) + (size & PAGE_MASK), 0, PAGE_SIZE - (size & PAGE_MASK));
}

void object_revoke(struct object *o) {
    ASSERT(o->kind == OBJECT_DEVICE);
    mutex_lock(&o->lock);
    o->size = 0;
    unmap_from(o, 0);
    mutex_unlock(&o->lock);
}

/* The page whose tail will be zeroed must be there. */
static int have_last_page(struct object *o, uint64_t size, struct stall *st) {
    uint64_t keep = pages_for(size);
    if (!(size & PAGE_MASK) || !index_swapped(*object_slot(o, keep - 1))) return 0;
    return take_back(o, object_slot(o, keep - 1), st);
}

static int resize(struct object *o, uint64_t size, struct stall *st) {
    mutex_lock(&o->lock);
    int err = size > o->size ? grow(o, size) : have_last_page(o, size, st);
    if (!err && size <= o->size) shrink(o, size);
    mutex_unlock(&o->lock);
    return err;
}

int object_resize(struct object *o, uint64_t size) {
    int err;
    if (o->kind != OBJECT_SHARED || size > INT64_MAX - PAGE_MASK) return -EINVAL;
    race_point(RACE_RESIZE);
    struct stall st = {0};
    do {
        err = resize(o, size, &st);
    } while (stalled(&err, &st) || (err == -ENOMEM && object_make_room())); /* locks: list, object: never with one held */
    stall_end(&st);
    return err;
}

/* ---- read and write ---- */

/* Lock held. From *done on. */
static int copy_some(struct object *o, uint64_t offset, char *kernel, size_t len, bool write, size_t *done, struct stall *st)
    REQUIRES(&o->lock) {
    if (offset >= o->size) return 0;
    if (len > o->size - offset) len = o->size - offset;
    while (*done < len) {
        uint64_t at = offset + *done;
        size_t n = PAGE_SIZE - (at & PAGE_MASK) < len - *done ? PAGE_SIZE - (at & PAGE_MASK) : len - *done;
        pfn_t pfn;
        int err = object_page_locked(o, at >> PAGE_SHIFT, &pfn, st);
        if (err) return err;
        char *page = (char *)frame_addr(pfn) + (at & PAGE_MASK);
        if (write)
            memcpy(page, kernel + *done, n);
        else
            memcpy(kernel + *done, page, n);
        frame_drop(pfn);
        *done += n;
    }
    return 0;
}

static long copy(struct object *o, uint64_t offset, char *kernel, size_t len, bool write) {
    struct stall st = {0};
    size_t done = 0;
    int err;
    do {
        mutex_lock(&o->lock);
        err = copy_some(o, offset, kernel, len, write, &done, &st);
        mutex_unlock(&o->lock);
    } while (stalled(&err, &st));
    stall_end(&st);
    return err && !done ? err : (long)done;
}

long object_read(struct object *o, uint64_t offset, void *to, size_t len) {
    if (o->kind == OBJECT_SHARED) return copy(o, offset, to, len, false);
    if (offset >= o->size) return 0;
    if (len > o->size - offset) len = o->size - offset;
    memcpy(to, o->data + offset, len); /* a file's bytes are there without making pages */
    return (long)len;
}

long object_write(struct object *o, uint64_t offset, const void *from, size_t len) {
    if (o->kind != OBJECT_SHARED) return -EINVAL;
    return copy(o, offset, (char *)from, len, true);
}

/* ---- making room ---- */

/* Clean pages that only this object holds. */
static uint64_t reclaim_from(struct object *o, uint64_t n) {
    uint64_t done = 0;
    if (o->kind != OBJECT_FILE || __atomic_load_n(&o->resident, __ATOMIC_RELAXED) == 0 || !mutex_trylock(&o->lock)) return 0;
    for (uint64_t page = 0; page < pages_for(o->size) && done < n; page++) {
        pfn_t pfn = *object_slot(o, page);
        if (!index_resident(pfn) || frame_of(pfn)->refs > 1) continue;
        forget_page(o, page);
        done++;
    }
    mutex_unlock(&o->lock);
    return done;
}

uint64_t object_reclaim(uint64_t n) {
    uint64_t done = 0;
    struct object *o;
    mutex_lock(&list_lock);
    TAILQ_FOREACH(o, &all_objects, link) {
        if (done < n) done += reclaim_from(o, n - done);
    }
    mutex_unlock(&list_lock);
    return done;
}

bool object_make_room(void) {
    return object_reclaim(UINT64_MAX) > 0;
}

void objects_each(void (*visit)(struct object *, void *), void *arg) {
    struct object *o;
    mutex_lock(&list_lock);
    TAILQ_FOREACH(o, &all_objects, link) visit(o, arg);
    mutex_unlock(&list_lock);
}

void objects_rotate(void) {
    mutex_lock(&list_lock);
    struct object *o = TAILQ_FIRST(&all_objects);
    if (o) {
        TAILQ_REMOVE(&all_objects, o, link);
        TAILQ_INSERT_TAIL(&all_objects, o, link);
    }
    mutex_unlock(&list_lock);
}
