/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a word of memory is called by everybody who shares it: its place in the object that they map.
 *
 * Futexes of several processes meet by this name. It takes no frame and no page table into account, so a
 * page may come and go meanwhile.
 *
 * LOCKING  space.lock, shared.
 */
#include <asm/errno.h>

#include "mm/space.h"

int space_shared_at(struct space *space, vaddr_t va, struct object **object, uint64_t *offset) {
    int error = -EFAULT;
    rw_lock_shared(&space->lock);
    const struct region *r = region_find(&space->regions, va);
    *object = NULL;
    if (r) error = 0;
    if (r && (r->flags & REGION_SHARED)) {
        *object = r->object;
        *offset = (r->offset << PAGE_SHIFT) + (va - r->start);
        object_hold(r->object);
    }
    rw_unlock_shared(&space->lock);
    return error;
}
