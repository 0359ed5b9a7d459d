/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Object caches over slabs of one frame, and the heap over caches (Bonwick, "The Slab Allocator", 1994).
 *
 *      one frame
 *     +------+-------+-------+-------+------+
 *     | slab | obj 0 | obj 1 |  ...  | slop |     slab.free -> a free object -> the next ... (first word)
 *     +------+-------+-------+-------+------+
 *
 * A slab is on its cache's partial list while it has a free object; a full one is on none, and comes back
 * when one of its objects is freed; an empty one gives its frame back at once, so that the free frames
 * are back at their baseline as soon as the objects are (contract I8).
 *
 * An object never starts at a frame's start, where the slab's head is: so heap_free tells a block of whole
 * frames (page-aligned) from an object.
 *
 * LOCKING  cache.lock (spin), above frame_lock.
 * Missing on purpose: per-CPU magazines and slab colouring.
 */
#include "mm/heap.h"

#include "arch/mmu.h"
#include "kernel/assert.h"
#include "kernel/inject.h"
#include "libc/core/string.h"
#include "mm/frame.h"

struct slab {
    struct cache *cache;
    struct slab *next, *prev; /* on the partial list */
    void *free;               /* first free object; the next one's address is in its first word */
    uint32_t in_use;
    uint32_t fresh;           /* objects from here on were never handed out: no list to build */
};

#define SLAB_HEAD 64
_Static_assert(sizeof(struct slab) <= SLAB_HEAD, "objects stay 16-aligned");

#define POISON 0xdb

static void partial_push(struct cache *c, struct slab *s) {
    s->prev = NULL;
    s->next = c->partial;
    if (s->next) s->next->prev = s;
    c->partial = s;
}

static void partial_remove(struct cache *c, struct slab *s) {
    if (s->prev)
        s->prev->next = s->next;
    else
        c->partial = s->next;
    if (s->next) s->next->prev = s->prev;
}

static uint64_t all_slabs; /* of all caches */

void cache_init(struct cache *c, const char *name, size_t size) {
    spin_init(&c->lock, "cache"); /* one class of locks: no two are ever held */
    c->name = name;
    c->size = (uint32_t)((size + MACHINE_REDZONE + 15) & ~15ul);
    c->per_slab = (uint32_t)(PAGE_SIZE - SLAB_HEAD) / c->size;
    ASSERT(c->per_slab >= 2);
    c->partial = NULL;
    c->live = c->slabs = 0;
}

uint64_t cache_frames(const struct cache *c, uint64_t n) {
    return (n + c->per_slab - 1) / c->per_slab;
}

static struct slab *slab_make(struct cache *c) {
    pfn_t pfn = frame_alloc(FRAME_KERNEL);
    if (pfn == NO_PFN) return NULL;
    struct slab *s = frame_addr(pfn);
    *s = (struct slab){.cache = c};
    MACHINE_POISON(s + 1, PAGE_SIZE - sizeof(*s));
    MACHINE_SLAB(s, (char *)s + SLAB_HEAD, c->size, c->name);
    partial_push(c, s);
    c->slabs++;
    __atomic_fetch_add(&all_slabs, 1, __ATOMIC_RELAXED);
    return s;
}

static void *slab_take(struct cache *c, struct slab *s) {
    void *p = s->free;
    if (p)
        memcpy(&s->free, p, sizeof(p));
    else
        p = (char *)s + SLAB_HEAD + (size_t)s->fresh++ * c->size;
    MACHINE_UNPOISON(p, c->size - MACHINE_REDZONE);
    MACHINE_GIVEN(p);
    if (++s->in_use == c->per_slab) partial_remove(c, s);
    c->live++;
    return p;
}

void *cache_alloc(struct cache *c) {
    if (inject(INJECT_HEAP)) return NULL;
    spin_lock(&c->lock);
    struct slab *s = c->partial ? c->partial : slab_make(c);
    void *p = s ? slab_take(c, s) : NULL;
    spin_unlock(&c->lock);
    return p;
}

void *cache_alloc_zero(struct cache *c) {
    void *p = cache_alloc(c);
    return p ? memset(p, 0, c->size - MACHINE_REDZONE) : NULL;
}

static struct slab *slab_of(void *p) {
    return (struct slab *)page_floor((uint64_t)p);
}

static void release(void *p) {
    struct slab *s = slab_of(p);
    struct cache *c = s->cache;
    MACHINE_UNPOISON(p, c->size - MACHINE_REDZONE);
#ifdef DEBUG
    memset(p, POISON, c->size - MACHINE_REDZONE);
#endif
    spin_lock(&c->lock);
    memcpy(p, &s->free, sizeof(p));
    MACHINE_POISON((char *)p + sizeof(p), c->size - sizeof(p)); /* all but the link */
    s->free = p;
    c->live--;
    ASSERT(s->in_use > 0);
    if (s->in_use-- == c->per_slab) partial_push(c, s);
    bool empty = s->in_use == 0;
    if (empty) {
        partial_remove(c, s);
        c->slabs--;
        __atomic_fetch_sub(&all_slabs, 1, __ATOMIC_RELAXED);
    }
    spin_unlock(&c->lock);
    if (!empty) return;
    MACHINE_UNPOISON(s, PAGE_SIZE);
    frame_drop(frame_number(s));
}

void cache_free(struct cache *c, void *p) {
    ASSERT(slab_of(p)->cache == c);
    p = MACHINE_QUARANTINE(p);
    if (p) release(p);
}

void heap_drain(void) {
    for (void *p; (p = MACHINE_EVICT());) release(p);
}

/* ---- blocks of any size ---- */

static const uint16_t sizes[] = {32, 64, 128, 256, 512, 1024, 1984};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))
static struct cache blocks[SIZES];
static uint64_t big_live;

void heap_init(void) {
    for (unsigned i = 0; i < SIZES; i++) cache_init(&blocks[i], "heap", sizes[i]);
    big_live = all_slabs = 0;
}

static void *big_alloc(size_t size) {
    unsigned order = 0;
    while ((PAGE_SIZE << order) < size)
        if (++order > FRAME_MAX_ORDER) return NULL;
    pfn_t pfn = frame_alloc_block(order);
    if (pfn == NO_PFN) return NULL;
    __atomic_fetch_add(&big_live, 1, __ATOMIC_RELAXED);
    MACHINE_POISON((char *)frame_addr(pfn) + size, (PAGE_SIZE << order) - size);
    return frame_addr(pfn);
}

void *heap_alloc(size_t size) {
    for (unsigned i = 0; i < SIZES; i++) {
        if (size > sizes[i]) continue;
        void *p = cache_alloc(&blocks[i]);
        if (p) MACHINE_POISON((char *)p + size, sizes[i] - size);
        return p;
    }
    return inject(INJECT_HEAP) ? NULL : big_alloc(size);
}

void *heap_alloc_zero(size_t size) {
    void *p = heap_alloc(size);
    return p ? memset(p, 0, size) : NULL;
}

void heap_free(void *p) {
    if (!p) return;
    if ((uint64_t)p & PAGE_MASK) {
        cache_free(slab_of(p)->cache, p);
        return;
    }
    __atomic_fetch_sub(&big_live, 1, __ATOMIC_RELAXED);
    MACHINE_UNPOISON(p, PAGE_SIZE << frame_of(frame_number(p))->order);
    frame_drop(frame_number(p));
}

uint64_t heap_slabs(void) {
    heap_drain();
    return __atomic_load_n(&all_slabs, __ATOMIC_RELAXED);
}

uint64_t heap_live(void) {
    heap_drain();
    uint64_t n = __atomic_load_n(&big_live, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < SIZES; i++) n += blocks[i].live;
    return n;
}
