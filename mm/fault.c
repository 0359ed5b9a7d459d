/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Bringing pages in: on a fault, one page; for a lock request, a range.
 *
 *                      private, anonymous      private, of an object        shared
 *                     +-----------------------+----------------------------+------------------------+
 *   not there, read   | 1 map the zero frame  | 3 map the object's frame   | 5 map the object's     |
 *                     |   read-only           |   read-only                |   frame, all rights    |
 *   not there, write  | 2 a frame of zeroes   | 4 a copy of the object's   |                        |
 *                     +-----------------------+----------------------------+------------------------+
 *   there, write, but | 6 the only user of an anonymous frame: let it write|        (never:         |
 *   read-only         | 7 otherwise: a copy (COW)                          |   5 gave all rights)   |
 *                     +----------------------------------------------------+------------------------+
 *   in swap           | 8 the frame, when it has been read; or a copy, for   |        (5, by the      |
 *                     |   a write, if others want it as well               |         object's index)|
 *                     +----------------------------------------------------+------------------------+
 *
 * Pages of cases 2, 4 and 7 were committed with the region (MAP_NORESERVE: committed here, which may fail);
 * frames of an object may be refused if it is a file. What has to wait for a frame, or for a page from swap,
 * says so in a stall and is done again (mm/stall.h).
 *
 * LOCKING  space.lock shared keeps regions as they are. Cases 1, 2, 6, 7 run under pmap.lock; 3, 4, 5
 *          take object.lock first, so that truncation cannot pass between the look and the map. Two
 *          threads on one page: the second finds the entry filled and returns.
 * Missing on purpose: mapping neighbours along with the page that faulted.
 */
#include <asm/errno.h>
#include <asm/mman.h>

#include "arch/pmap.h"
#include "kernel/assert.h"
#include "kernel/race.h"
#include "libc/core/string.h"
#include "mm/space.h"
#include "mm/swap.h"

/* ---- one page ---- */

/* Does the page in this entry have a frame's promise already: with its region, or (MAP_NORESERVE) by the frame it maps? */
static bool is_paid(const struct region *r, pte_t e) {
    if (r->flags & REGION_PROMISED) return true;
    return e && pte_pfn(e) != zero_pfn && frame_of(pte_pfn(e))->state == FRAME_ANON;
}

static void copy_frame(pfn_t to, pfn_t from) {
    if (from == zero_pfn)
        memset(frame_addr(to), 0, PAGE_SIZE);
    else
        mmu_copy_page(frame_addr(to), frame_addr(from));
}

static int lacks_frame(struct stall *st) {
    st->frames = 1;
    return -ESTALL;
}

/* Put a private copy of frame from into the entry. pmap.lock held. */
static int install_copy(struct space *s, const struct region *r, pte_t *slot, pfn_t from, int prot, struct stall *st) {
    pfn_t pfn = frame_alloc(FRAME_ANON);
    if (pfn == NO_PFN) return lacks_frame(st);
    if (!is_paid(r, *slot) && frame_commit(1)) {
        frame_drop(pfn);
        return -ENOMEM;
    }
    copy_frame(pfn, from);
    pmap_set(&s->pmap, slot, pte_make(pfn, true, prot & PROT_EXEC) | PTE_D);
    return 0;
}

/* Cases 6 and 7: the entry is there, without the right to write. */
static int break_cow(struct space *s, const struct region *r, vaddr_t va, pte_t *slot, int prot, struct flush *f,
                     struct stall *st) {
    pte_t e = *slot;
    pfn_t old = pte_pfn(e);
    if (frame_of(old)->state == FRAME_ANON && frame_of(old)->slot) swap_detach(old); /* its copy is about to be outdated */
    if (old != zero_pfn && frame_of(old)->state == FRAME_ANON && frame_is_sole(old)) {
        pmap_set(&s->pmap, slot, e | PTE_W | PTE_D);
        page_grew(s, r, va, f);
        return 0;
    }
    int err = install_copy(s, r, slot, old, prot, st);
    if (err) return err;
    flush_page(f, va);
    if (old != zero_pfn) flush_drop(f, old);
    return 0;
}

/* Case 8: the page is in swap, or on its way there or back. Who alone wants it gets the frame itself, to write as well. */
static int resolve_swapped(struct space *s, pte_t *entry, int prot, bool write, struct stall *st) {
    slot_t slot = pte_slot(*entry);
    pfn_t pfn;
    bool alone;
    int err = swap_lookup(slot, st, &pfn, &alone);
    if (err) return err;
    if (write && !alone) {
        pfn_t copy = frame_alloc(FRAME_ANON);
        if (copy != NO_PFN) {
            copy_frame(copy, pfn);
            pmap_set(&s->pmap, entry, pte_make(copy, true, prot & PROT_EXEC) | PTE_D);
            swap_free(slot);
        }
        frame_drop(pfn);
        return copy == NO_PFN ? lacks_frame(st) : 0;
    }
    pte_t now = pte_make(pfn, alone && (prot & PROT_WRITE), prot & PROT_EXEC) | (write ? PTE_D : 0);
    swap_free(slot);
    pmap_set(&s->pmap, entry, prot == PROT_NONE ? pte_park(now) : now);
    return 0;
}

/* Cases 1, 2, 6, 7, 8: nothing but the page table is needed. 1: the object is. */
static int resolve_here(struct space *s, const struct region *r, vaddr_t va, int prot, bool write, struct flush *f,
                        struct stall *st) {
    pte_t *slot = pmap_make(&s->pmap, va);
    int err = 0;
    if (pte_swapped(*slot)) {
        err = resolve_swapped(s, slot, prot, write, st);
    } else if (*slot) {
        if (write && !(*slot & PTE_W)) err = break_cow(s, r, va, slot, prot, f, st);
    } else if (r->object) {
        err = 1;
    } else if (write) {
        err = install_copy(s, r, slot, zero_pfn, prot, st);
    } else {
        pmap_set(&s->pmap, slot, pte_make(zero_pfn, false, prot & PROT_EXEC));
    }
    if (*slot == 0) pmap_prune(&s->pmap, va, f); /* a table made in vain */
    return err;
}

/* A register of a device, for as long as the object has it. */
static int resolve_device(struct space *s, const struct region *r, vaddr_t va, int prot) {
    struct object *o = r->object;
    uint64_t at = (r->offset << PAGE_SHIFT) + (va - r->start);
    mutex_lock(&o->lock);
    int err = at < o->size ? 0 : -ENXIO;
    if (!err) {
        spin_lock(&s->pmap.lock);
        pmap_set(&s->pmap, pmap_make(&s->pmap, va), pte_make_device((pfn_t)((o->device + at) >> PAGE_SHIFT), prot & PROT_WRITE));
        spin_unlock(&s->pmap.lock);
    }
    mutex_unlock(&o->lock);
    return err;
}

/* Cases 3, 4, 5. */
static int resolve_object(struct space *s, const struct region *r, vaddr_t va, int prot, bool write, struct stall *st) {
    struct object *o = r->object;
    struct flush f;
    pfn_t pfn;
    flush_begin(&f, &s->pmap);
    mutex_lock(&o->lock);
    int err = object_page_locked(o, r->offset + pages_in(va - r->start), &pfn, st);
    if (!err) {
        spin_lock(&s->pmap.lock);
        pte_t *slot = pmap_make(&s->pmap, va);
        bool shared = r->flags & REGION_SHARED, keep = false;
        if (*slot) {
            /* another thread brought it in meanwhile; if it lacks a right, the caller comes again */
        } else if (write && !shared) {
            err = install_copy(s, r, slot, pfn, prot, st);
        } else {
            pmap_set(&s->pmap, slot, pte_make(pfn, shared && (prot & PROT_WRITE), prot & PROT_EXEC));
            keep = true;
        }
        if (*slot == 0) pmap_prune(&s->pmap, va, &f);
        flush_finish(&f);
        spin_unlock(&s->pmap.lock);
        if (!keep) frame_drop(pfn);
    }
    mutex_unlock(&o->lock);
    return err;
}

static int resolve_once(struct space *s, const struct region *r, vaddr_t va, int prot, bool write, struct stall *st) {
    struct flush f;
    race_point(RACE_FAULT);
    flush_begin(&f, &s->pmap);
    spin_lock(&s->pmap.lock);
    int err = resolve_here(s, r, va, prot, write, &f, st);
    flush_finish(&f); /* under the lock still, as everywhere: what is let go, is let go at once */
    spin_unlock(&s->pmap.lock);
    if (err != 1) return err;
    race_point(RACE_FAULT_OBJECT);
    return r->flags & REGION_DEVICE ? resolve_device(s, r, va, prot) : resolve_object(s, r, va, prot, write, st);
}

/* MLOCK_ONFAULT: this touch locks the page, so it is the last that may fault (L2, L14), be it a read. */
static bool locks_by_touch(const struct region *r, int prot) {
    return (r->lock == LOCK_ON_FAULT || r->want == LOCK_ON_FAULT) && (prot & PROT_WRITE);
}

/*
 * What finds no frame may push out clean copies of files, and is tried again: once. What goes may be the very page
 * that was just brought in, for a private copy that nobody promised; trying for ever would never end.
 */
int page_resolve(struct space *s, const struct region *r, vaddr_t va, int prot, bool write, struct stall *st) {
    write = write || locks_by_touch(r, prot);
    int err = resolve_once(s, r, va, prot, write, st);
    if (err == -ENOMEM && object_make_room()) err = resolve_once(s, r, va, prot, write, st);
    return err;
}

/* ---- a range ---- */

#define PASS_COST 64 /* passing over so many pages that are there counts as bringing in one */

/* What an entry must have so that no access that prot allows faults. A private page needs the right to write
 * as soon as prot has it. */
static pte_t needed_rights(int prot) {
    return PTE_P | (prot & PROT_WRITE ? PTE_W : 0);
}

#define FILL 16 /* pages that go in under one hold of the lock */

/* Pass over entries that are as they should be: how far, and in *empty how many follow that are empty (FILL at most). */
static vaddr_t pass_over(struct space *s, vaddr_t va, vaddr_t stop, int prot, unsigned *empty) {
    pte_t need = needed_rights(prot);
    *empty = 0;
    spin_lock(&s->pmap.lock);
    const pte_t *pte = pmap_find(&s->pmap, va);
    while (pte && va < stop && (*pte & need) == need) {
        va += PAGE_SIZE;
        pte++;
    }
    for (vaddr_t at = va; at < stop && *empty < FILL && (!pte || *pte++ == 0); at += PAGE_SIZE) ++*empty;
    spin_unlock(&s->pmap.lock);
    return va;
}

/* Frames of zeroes for up to n empty entries of one leaf table, from va on: how many went in. They are made where no lock
 * is held; an entry that another thread has filled meanwhile ends it. */
static unsigned fill(struct space *s, vaddr_t va, unsigned n, int prot) {
    pfn_t pfn[FILL];
    unsigned used = 0, got = frame_alloc_batch(FRAME_ANON, pfn, n);
    for (unsigned i = 0; i < got; i++) memset(frame_addr(pfn[i]), 0, PAGE_SIZE);
    if (got == 0) return 0;
    spin_lock(&s->pmap.lock);
    pte_t *pte = pmap_make(&s->pmap, va);
    for (; used < got && !pte[used]; used++)
        *(volatile pte_t *)&pte[used] = pte_make(pfn[used], true, prot & PROT_EXEC) | PTE_D;
    pmap_count(&s->pmap, pte, used);
    spin_unlock(&s->pmap.lock);
    if (used < got) frame_drop_batch(pfn + used, got - used);
    return used;
}

/*
 * The fast part: one leaf table. Passes over entries that are as they should be, and fills empty ones of committed
 * anonymous memory. Stops at the first that needs page_resolve.
 */
static vaddr_t populate_span(struct space *s, const struct region *r, vaddr_t va, vaddr_t end, int prot, uint64_t *budget) {
    bool fills = !r->object && (prot & PROT_WRITE) && (r->flags & REGION_PROMISED);
    vaddr_t stop = (va | (PT_SPAN(1) - 1)) + 1;
    unsigned empty, filled;
    if (stop > end) stop = end;
    do {
        vaddr_t from = va;
        va = pass_over(s, va, stop, prot, &empty);
        uint64_t passed = pages_in(va - from) / PASS_COST;
        *budget -= passed < *budget ? passed : *budget;
        if (empty > *budget) empty = (unsigned)*budget;
        filled = fills && empty ? fill(s, va, empty, prot) : 0;
        va += (vaddr_t)filled << PAGE_SHIFT;
        *budget -= filled;
    } while (filled && va < stop && *budget);
    return va;
}

static bool satisfied(struct space *s, vaddr_t va, int prot) {
    pte_t need = needed_rights(prot);
    spin_lock(&s->pmap.lock);
    const pte_t *slot = pmap_find(&s->pmap, va);
    bool ok = slot && (*slot & need) == need;
    spin_unlock(&s->pmap.lock);
    return ok;
}

int pages_populate(struct space *s, struct region *r, vaddr_t *va, vaddr_t end, int prot, uint64_t *budget, bool past_end,
                   struct stall *st) {
    while (*va < end && *budget) {
        vaddr_t from = *va;
        *va = populate_span(s, r, from, end, prot, budget);
        if (*va == end || *budget == 0) break;
        if (*va != from && !(*va & (PT_SPAN(1) - 1))) continue; /* the next leaf table */
        while (!satisfied(s, *va, prot)) {
            race_point(RACE_LOCK_PAGE);
            int err = page_resolve(s, r, *va, prot, prot & PROT_WRITE, st);
            if (err == -ENXIO && past_end) {
                r->holes = HOLES_SOME;
                break;
            }
            if (err) return err;
        }
        *va += PAGE_SIZE;
        --*budget;
    }
    return 0;
}

int pages_complete(struct space *s, const struct region *r, vaddr_t *va, vaddr_t end, int prot, uint64_t *budget,
                   struct stall *st) {
    pte_t need = needed_rights(prot);
    while (*va < end && *budget) {
        vaddr_t stop;
        spin_lock(&s->pmap.lock);
        const pte_t *pte = pmap_span(&s->pmap, va, end, &stop);
        for (; pte && *va < stop && (!pte_resident(*pte) || (*pte & need) == need); pte++) *va += PAGE_SIZE;
        spin_unlock(&s->pmap.lock);
        if (!pte) *va = end;
        --*budget;
        if (!pte || *va == stop) continue;
        int err = page_resolve(s, r, *va, prot, prot & PROT_WRITE, st);
        if (err && err != -ENXIO) return err; /* ENXIO: truncation took it away meanwhile */
    }
    return 0;
}

/* ---- a fault ---- */

static bool allowed(const struct region *r, int access) {
    int prot = r->prot;
    if (access == FAULT_WRITE) return prot & PROT_WRITE;
    if (access == FAULT_EXEC) return prot & PROT_EXEC;
    return prot != PROT_NONE; /* x86 has no write-only or execute-only pages */
}

/* Lock held, shared: one look. 1: no region there. */
static int fault_once(struct space *s, vaddr_t va, int access, struct stall *st) {
    const struct region *r = region_find(&s->regions, va);
    if (!r) return 1;
    return allowed(r, access) ? page_resolve(s, r, page_floor(va), r->prot, access == FAULT_WRITE, st) : -EACCES;
}

int space_fault(struct space *s, vaddr_t va, int access) {
    struct stall st = {0};
    int err;
    if (va < USER_MIN || va >= USER_MAX) return -EFAULT;
    do {
        rw_lock_shared(&s->lock);
        err = fault_once(s, va, access, &st);
        rw_unlock_shared(&s->lock);
    } while (stalled(&err, &st));
    stall_end(&st);
    if (err == 1) return stack_grow(s, va);
    if (!err) __atomic_fetch_add(st.waited ? &s->major_faults : &s->minor_faults, 1, __ATOMIC_RELAXED);
    return err;
}

/* ---- another space's memory, for exec ---- */

/* Copy if the page is there with the right asked for. */
static bool copy_present(struct space *s, vaddr_t va, void *kernel, size_t len, bool write) {
    pte_t need = PTE_P | (write ? PTE_W : 0);
    spin_lock(&s->pmap.lock);
    pte_t *slot = pmap_find(&s->pmap, va);
    bool ok = slot && (*slot & need) == need;
    char *at = ok ? (char *)frame_addr(pte_pfn(*slot)) + (va & PAGE_MASK) : NULL;
    if (ok && write) pmap_dirty(slot);
    if (ok && write) memcpy(at, kernel, len);
    if (ok && !write) memcpy(kernel, at, len);
    spin_unlock(&s->pmap.lock);
    return ok;
}

/* Lock held, shared. */
static int copy_once(struct space *s, vaddr_t va, void *kernel, size_t len, bool write, struct stall *st) {
    const struct region *r = region_find(&s->regions, va);
    int err = r && region_accessible(r) && (!write || (r->prot & PROT_WRITE)) ? 0 : -EFAULT;
    /* Again when truncation takes it away between the two. */
    while (!err && !copy_present(s, va, kernel, len, write)) err = page_resolve(s, r, page_floor(va), r->prot, write, st);
    return err;
}

static int copy_page(struct space *s, vaddr_t va, void *kernel, size_t len, bool write) {
    struct stall st = {0};
    int err;
    do {
        rw_lock_shared(&s->lock);
        err = copy_once(s, va, kernel, len, write, &st);
        rw_unlock_shared(&s->lock);
    } while (stalled(&err, &st));
    stall_end(&st);
    return err == 0 || err == -ENOMEM ? err : -EFAULT;
}

static int copy_range(struct space *s, vaddr_t va, char *kernel, size_t len, bool write) {
    if (va < USER_MIN || va > USER_MAX || len > USER_MAX - va) return -EFAULT;
    while (len) {
        size_t n = PAGE_SIZE - (va & PAGE_MASK);
        if (n > len) n = len;
        int err = copy_page(s, va, kernel, n, write);
        if (err) return err;
        va += n;
        kernel += n;
        len -= n;
    }
    return 0;
}

int space_poke(struct space *s, vaddr_t to, const void *from, size_t len) {
    return copy_range(s, to, (char *)from, len, true);
}

int space_peek(struct space *s, void *to, vaddr_t from, size_t len) {
    return copy_range(s, from, to, len, false);
}
