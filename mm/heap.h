/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Kernel memory: object caches, and blocks of any size.
 *
 * A cache hands out objects of one type from slabs of one frame (Bonwick 1994): the slab's head stands
 * at the start of its frame, so that an object finds its slab by rounding down. A block of heap_alloc is
 * an object of the power-of-two cache that fits, or whole frames above half a frame.
 *
 * Nothing here sleeps; all may be called with any lock held. NULL means no frame was to be had (or
 * INJECT_HEAP): the caller turns it into -ENOMEM or -EAGAIN. Freed objects are poisoned under DEBUG.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/sync.h"

struct slab;

struct cache {
    struct spinlock lock;
    const char *name;
    uint32_t size;        /* bytes an object, rounded to 16 */
    uint32_t per_slab;
    struct slab *partial; /* slabs with a free object; full slabs are on no list */
    uint64_t live;        /* objects handed out */
    uint64_t slabs;
};

/* size <= 1984 bytes: at least two objects a slab. */
void cache_init(struct cache *, const char *name, size_t size);
void *cache_alloc(struct cache *);      /* contents unspecified */
void *cache_alloc_zero(struct cache *);
void cache_free(struct cache *, void *);
/* Frames that n objects take, if they share none with others. */
uint64_t cache_frames(const struct cache *, uint64_t n);

void heap_init(void);
void *heap_alloc(size_t);               /* 16-aligned; page-aligned above half a page; up to 4 MiB */
void *heap_alloc_zero(size_t);
void heap_free(void *);                 /* NULL is ignored */
void heap_drain(void);                  /* what a proof tool keeps of freed objects goes back; before counts are read */
uint64_t heap_slabs(void);              /* frames in which caches have their objects */
uint64_t heap_live(void);               /* blocks handed out by heap_alloc; for the baseline (I8) */
