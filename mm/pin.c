/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pins: frames that the kernel or a device works on while the program goes on (contract W4).
 *
 * A pin is a reference to a frame, not to a mapping: munmap, exit and exec take the mapping away, and the
 * frame stays until the pin goes. Fork copies pinned pages at once, so that the device keeps writing to
 * the process that asked. A pin never counts as a lock and never asks the user's limits (pitfall: a kernel
 * pin refused by RLIMIT_MEMLOCK); but it commits its page, because the frame may outlive its region.
 */
#include <asm/errno.h>
#include <asm/mman.h>

#include "kernel/assert.h"
#include "mm/space.h"

/* Pin the page at va if it is there with the right asked for. */
static bool pin_present(struct space *s, vaddr_t va, bool write, pfn_t *pfn) {
    pte_t need = PTE_P | (write ? PTE_W : 0);
    spin_lock(&s->pmap.lock);
    pte_t *slot = pmap_find(&s->pmap, va);
    bool ok = slot && (*slot & need) == need;
    if (ok) {
        if (write) pmap_dirty(slot); /* the device does not say so */
        *pfn = pte_pfn(*slot);
        if (*pfn != zero_pfn) frame_pin(*pfn);
    }
    spin_unlock(&s->pmap.lock);
    return ok;
}

/* Lock held, shared. */
static int pin_once(struct space *s, vaddr_t va, bool write, pfn_t *pfn, struct stall *st) {
    const struct region *r = region_find(&s->regions, va);
    int err = r && region_accessible(r) && (!write || (r->prot & PROT_WRITE)) ? 0 : -EFAULT;
    while (!err && !pin_present(s, va, write, pfn)) err = page_resolve(s, r, va, r->prot, write, st);
    return err;
}

static int pin_page(struct space *s, vaddr_t va, bool write, pfn_t *pfn) {
    struct stall st = {0};
    int err;
    do {
        rw_lock_shared(&s->lock);
        err = pin_once(s, va, write, pfn, &st);
        rw_unlock_shared(&s->lock);
    } while (stalled(&err, &st));
    stall_end(&st);
    return err == -ENXIO || err == -EIO ? -EFAULT : err;
}

/* n pages: 0, or -ENOMEM and nothing taken. */
static int reserve(uint64_t n) {
    if (memory_commit(n)) return -ENOMEM;
    int err = frame_fix_pins(n);
    if (err) frame_uncommit(n);
    return err;
}

/* The pins that were made, of n that were reserved. */
static void give_back(struct pinned *p, uint64_t n) {
    for (uint64_t i = 0; i < p->n; i++)
        if (p->frames[i] != zero_pfn) frame_unpin(p->frames[i]);
    heap_free(p->frames);
    frame_unfix_pins(n);
    frame_uncommit(n);
}

int space_pin(struct space *s, vaddr_t addr, uint64_t len, bool write, struct pinned *p) {
    vaddr_t start, end;
    *p = (struct pinned){.space = s};
    if (range_round(addr, len, &start, &end) || !range_in_user(start, end)) return -EFAULT;
    uint64_t n = pages_in(end - start);
    if (n == 0) return 0;
    if (reserve(n)) return -ENOMEM;
    p->frames = heap_alloc(n * sizeof(pfn_t));
    int err = p->frames ? 0 : -EAGAIN;
    for (; !err && p->n < n; p->n += !err) err = pin_page(s, start + (p->n << PAGE_SHIFT), write, &p->frames[p->n]);
    if (err) {
        give_back(p, n);
        *p = (struct pinned){0};
        return err;
    }
    space_hold(s);
    __atomic_fetch_add(&s->pinned, n, __ATOMIC_RELAXED);
    return 0;
}

void pinned_release(struct pinned *p) {
    if (p->n) {
        give_back(p, p->n);
        __atomic_fetch_sub(&p->space->pinned, p->n, __ATOMIC_RELAXED);
        space_drop(p->space);
    }
    *p = (struct pinned){0};
}
