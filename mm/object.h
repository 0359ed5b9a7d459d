/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Objects: memory that is reached through more than one mapping, or that comes from a file.
 *
 *   OBJECT_SHARED  shared memory (MAP_SHARED|MAP_ANONYMOUS, memfd). Its size is promised when it is set:
 *                  touching it cannot fail.
 *   OBJECT_FILE    a read-only file in memory (the initrd). Pages are clean copies, made when first needed
 *                  (this may fail) and dropped when memory is short and only the object holds them.
 *   OBJECT_DEVICE  a device's registers: addresses without frames, mapped uncached, shared, and as they are
 *                  (no mprotect, no mremap, not inherited by fork). object_revoke takes them away from everybody.
 *
 * The object's page index is the truth about shared pages; page tables cache it. An object knows the
 * regions that map it, so that truncation finds every mapping (contract L21).
 *
 * LOCKING  object.lock (a sleeping mutex; after space.lock, before pmap.lock) guards size, index, and the
 *          list of mappings with the bounds of the regions on it.
 */
#pragma once

#include <bsd/sys/queue.h>

#include "kernel/sync.h"
#include "mm/types.h"

struct region;
struct stall;

enum object_kind { OBJECT_SHARED, OBJECT_FILE, OBJECT_DEVICE };

struct object {
    uint32_t refs;              /* atomic */
    enum object_kind kind;
    struct mutex lock;
    uint64_t size;              /* bytes */
    uint64_t resident;          /* pages in the index that are in memory */
    uint64_t swapped;           /* pages in the index that are in swap */
    uint64_t hand;              /* page that eviction looks at next */
    pfn_t **index;              /* [page / 1024] -> 1024 frame numbers, or slots of swap; NO_PFN: not there */
    uint64_t leaves;            /* length of index */
    const uint8_t *data;        /* OBJECT_FILE: its bytes, always mapped */
    paddr_t device;             /* OBJECT_DEVICE: where its registers begin */
    LIST_HEAD(, region) mappings;
    TAILQ_ENTRY(object) link;   /* all objects; guarded by the list's own lock */
};

void object_init(void);

/* One reference. NULL: no memory (-ENOMEM, or the promise was refused). size in bytes; may sleep. */
struct object *object_create_shared(uint64_t size);
struct object *object_create_file(const void *data, uint64_t size);
struct object *object_create_device(paddr_t, uint64_t size); /* whole pages that are no RAM */
/* Every mapping of the device's registers goes; touching one is SIGBUS from now on. May sleep; no space lock held. */
void object_revoke(struct object *);
void object_hold(struct object *);
bool object_try_hold(struct object *);  /* false: it is on its way out. Found on the list of all, which its caller holds */
void object_drop(struct object *);      /* the last one frees; may sleep */

/* New size in bytes: 0, -ENOMEM (promise refused; nothing changed), -EINVAL for a file. Pages past the end are unmapped
 * everywhere and freed, the last page's tail is zeroed. May sleep; no space lock held. */
int object_resize(struct object *, uint64_t size);

/*
 * The frame of a page, with a reference for the caller: 0, -ENXIO past the end, -ENOMEM (files alone), -EIO (it cannot be
 * read back). May sleep. The first form takes the lock and waits; the second wants it held, and answers -ESTALL.
 */
int object_page(struct object *, uint64_t index, pfn_t *);
int object_page_locked(struct object *o, uint64_t index, pfn_t *, struct stall *) REQUIRES(&o->lock);
/* Is it resident, without bringing it in? Lock held. */
bool object_resident_locked(struct object *o, uint64_t index) REQUIRES(&o->lock);

/* read(2) and write(2) on an object: bytes done (short at the end), or -errno. Kernel buffers. May sleep. */
long object_read(struct object *, uint64_t offset, void *to, size_t len);
long object_write(struct object *, uint64_t offset, const void *from, size_t len); /* shared only; inside size */

/* Drop up to n clean file pages that only their object holds: how many went. May sleep. */
uint64_t object_reclaim(uint64_t n);
/* A fault or a promise was refused for want of frames: drop every clean page that may go. True: try again. */
bool object_make_room(void);
