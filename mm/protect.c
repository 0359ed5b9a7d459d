/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mprotect: new rights for a range, with its locks kept (contract L17).
 *
 *      PROT_NONE over resident pages parks them: nobody touches them, they stay where they are, locked or not.
 *      Read-only made writable, private and locked: COW is broken here, not by a fault later (L2).
 *      PROT_NONE made accessible, locked or under MCL_FUTURE: charged and brought in here (A4).
 *
 * All that may fail comes first: splits, promises of frames and tables, the charge, the frames. When
 * bringing in fails (MAP_NORESERVE and files only), rights and charge go back to what they were; a promise
 * made on the way stays with its region, which costs nothing that anyone sees.
 *
 * When it has to wait for a frame or a page from swap, all is put back as it was, and after the wait done again. Meanwhile
 * the lock that it will have is wanted, as in a lock request: what is in memory by now stays. A failure takes that back.
 *
 * Missing on purpose: bringing in under the shared lock. Opening a large locked PROT_NONE range holds off
 * the space's other threads until it is done.
 */
#include <asm/errno.h>
#include <asm/mman.h>

#include "kernel/assert.h"
#include "kernel/race.h"
#include "mm/space.h"

/* What the change needs, summed over the range before anything is changed. */
struct needs {
    uint64_t frames, tables, charge, release;
};

/* Private memory that becomes writable for the first time wants a frame for each page. */
static bool wants_promise(const struct region *r, int prot) {
    return (prot & PROT_WRITE) && !(r->flags & (REGION_SHARED | REGION_PROMISED | REGION_NORESERVE));
}

/* The lock that r will have: its own, or, opened under MCL_FUTURE, that one. */
static enum lock_mode mode_after(const struct space *s, const struct region *r, int prot) {
    if (r->lock == LOCK_NONE && !region_accessible(r) && prot != PROT_NONE) return s->future;
    return r->lock;
}

static int sum_needs(const struct space *s, vaddr_t start, vaddr_t end, int prot, struct needs *need) {
    *need = (struct needs){0};
    if (!space_covers(s, start, end)) return -ENOMEM;
    for (const struct region *r = region_find(&s->regions, start); r && r->start < end; r = region_next(r)) {
        vaddr_t from = r->start > start ? r->start : start, to = r->end < end ? r->end : end;
        uint64_t n = pages_in(to - from);
        if (prot & ~r->max_prot || r->flags & REGION_DEVICE) return -EACCES;
        if (wants_promise(r, prot)) need->frames += n;
        if (prot != PROT_NONE && !(r->flags & REGION_TABLES)) need->tables += region_tables_bound(from, to);
        bool will = prot != PROT_NONE && mode_after(s, r, prot) != LOCK_NONE;
        if (will && !region_charged(r)) need->charge += n;
        if (!will && region_charged(r)) need->release += n;
    }
    return 0;
}

static int reserve(struct space *s, const struct needs *need) {
    int err = memory_commit(need->frames);
    if (err) return err;
    err = space_promise_tables(s, need->tables);
    if (!err) {
        err = charge_swap(s, need->charge, need->release, s->limits.privileged);
        if (!err) return 0;
        space_settle_tables(s);
    }
    frame_uncommit(need->frames);
    return err;
}

/* From here on the range is made of whole regions. Promises first: bringing in relies on them. */
static void take_promises(struct space *s, vaddr_t start, vaddr_t end, int prot) {
    for (struct region *r = region_find(&s->regions, start); r && r->start < end; r = region_next(r)) {
        unsigned flags = r->flags;
        if (wants_promise(r, prot)) flags |= REGION_PROMISED;
        if (prot != PROT_NONE) flags |= REGION_TABLES;
        if (flags != r->flags) region_set_flags(&s->regions, r, (uint16_t)flags);
    }
    space_settle_tables(s);
}

/* Entries get the new rights; locked pages that need more than that are brought in. */
static int change_pages(struct space *s, struct region *r, int prot, struct stall *st) {
    pages_protect(s, r, r->start, r->end, prot);
    enum lock_mode mode = mode_after(s, r, prot);
    vaddr_t va = r->start;
    uint64_t budget = NO_BUDGET;
    if (prot == PROT_NONE || mode == LOCK_NONE) return 0;
    if (mode == LOCK_ON_FAULT) return prot & PROT_WRITE ? pages_complete(s, r, &va, r->end, prot, &budget, st) : 0;
    return pages_populate(s, r, &va, r->end, prot, &budget, true, st);
}

static void commit(struct space *s, struct region *r, int prot) {
    enum lock_mode mode = mode_after(s, r, prot);
    bool was = region_accessible(r), will = prot != PROT_NONE;
    if (!was && will) s->accessible += region_pages(r);
    if (was && !will) s->accessible -= region_pages(r);
    r->prot = (uint8_t)prot;
    r->lock = r->want = (uint8_t)mode;
}

static int perform(struct space *s, vaddr_t start, vaddr_t end, int prot, struct stall *st) {
    struct region *r;
    int err = 0;
    take_promises(s, start, end, prot);
    for (r = region_find(&s->regions, start); !err && r && r->start < end; r = region_next(r))
        err = change_pages(s, r, prot, st);
    race_point(RACE_PROTECT_DONE);
    for (r = region_find(&s->regions, start); r && r->start < end; r = region_next(r)) {
        if (err == -ESTALL) r->want = (uint8_t)mode_after(s, r, prot); /* or what is there goes, and it never ends */
        if (err)
            pages_protect(s, r, r->start, r->end, r->prot);
        else
            commit(s, r, prot);
    }
    space_merge_range(s, start, end);
    return err && err != -ESTALL ? -EAGAIN : err;
}

static int protect_locked(struct space *s, vaddr_t start, vaddr_t end, int prot, struct stall *st) REQUIRES(&s->lock) {
    struct needs need;
    struct spares sp;
    int err = sum_needs(s, start, end, prot, &need);
    if (err) return err;
    err = spares_get(&sp, space_cuts(s, start, end));
    if (err) return err;
    err = reserve(s, &need);
    if (!err) {
        space_split(s, start, &sp);
        space_split(s, end, &sp);
        err = perform(s, start, end, prot, st);
        if (!err && need.charge) flush_grown(&s->pmap); /* pages opened and locked at once had no lock while they grew */
        if (err) charge_swap(s, need.release, need.charge, true);
    }
    spares_put(&sp);
    return err;
}

static void unwant(struct space *s, vaddr_t start, vaddr_t end) {
    rw_lock(&s->lock);
    wanted_settle(s, start, end, false);
    rw_unlock(&s->lock);
}

int space_protect(struct space *s, vaddr_t addr, uint64_t len, int prot) {
    vaddr_t start, end;
    struct range_hold hold;
    if (addr & PAGE_MASK || prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) return -EINVAL;
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC)) return -EACCES;
    if (range_round(addr, len, &start, &end)) return -ENOMEM;
    if (len == 0) return 0;
    if (!range_in_user(start, end)) return -ENOMEM;
    struct stall st = {0};
    int err;
    range_lock(&s->ranges, &hold, start, end);
    race_point(RACE_PROTECT_HELD);
    do {
        rw_lock(&s->lock);
        err = protect_locked(s, start, end, prot, &st);
        rw_unlock(&s->lock);
    } while (space_stalled(s, &err, &st));
    stall_end(&st);
    if (err) unwant(s, start, end);
    range_unlock(&s->ranges, &hold);
    return err;
}
