/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The lock engine: one piece of code behind mlock, mlock2, mlockall, aio_mlock, MAP_LOCKED and what is
 * mapped, grown or opened under MCL_FUTURE.
 *
 *           begin                        step ... step                    finish
 *      hold the range              bring in pages, a slice          lock = want   (commit)
 *      check, charge, split        at a time, lock shared           want = lock   (undo, uncharge)
 *      want = the new mode         faults and others go on          merge, let the range go
 *
 * A lock is a byte in the region (lock), and while a request works a second one (want): evictors skip a
 * region for either, and an undo needs no memory of what was before (contract L4). Because the range is held,
 * no region in it can change under the request except by its own hand (X5).
 *
 * What it costs: begin and finish O(regions in the range); step O(pages not yet there), and some eight
 * instructions for each that is. Unlocking touches no page at all (L16), whatever the size (A9).
 */
#include "kernel/assert.h"
#include "kernel/race.h"
#include "kernel/trace.h"
#include "mm/space.h"

#include <asm/errno.h>
#include <asm/mman.h>

/* ---- what every lock shares ---- */

/* Must this region's pages be looked at to make the wish true? */
static bool needs_pages(const struct region *r) {
    if (r->want == LOCK_ON_FAULT) return r->lock == LOCK_NONE && (r->prot & PROT_WRITE) && !(r->flags & REGION_SHARED);
    return r->want == LOCK_FULL && region_accessible(r) && (r->lock != LOCK_FULL || r->holes);
}

/* Lock held, shared. */
static int populate_once(struct space *s, vaddr_t *next, vaddr_t end, uint64_t *budget, bool past_end, struct stall *st) {
    int err = 0;
    struct region *r = region_from(&s->regions, *next);
    while (!err && *budget && r && r->start < end) {
        if (*next < r->start) *next = r->start;
        vaddr_t stop = r->end < end ? r->end : end;
        if (needs_pages(r) && r->want == LOCK_ON_FAULT)
            err = pages_complete(s, r, next, stop, r->prot, budget, st);
        else if (needs_pages(r))
            err = pages_populate(s, r, next, stop, r->prot, budget, past_end, st);
        else
            *next = stop;
        if (*next == stop) r = region_next(r);
    }
    if (!err && (!r || r->start >= end)) *next = end;
    return err;
}

/* Without waiting: 1 more to do, 0, -ESTALL, or an error. */
static int populate(struct space *s, vaddr_t *next, vaddr_t end, uint64_t *budget, bool past_end, struct stall *st) {
    rw_lock_shared(&s->lock);
    int err = populate_once(s, next, end, budget, past_end, st);
    rw_unlock_shared(&s->lock);
    return err ? err : *next < end;
}

int wanted_populate(struct space *s, vaddr_t *next, vaddr_t end, uint64_t budget, bool past_end) {
    struct stall st = {0};
    int err;
    do {
        err = populate(s, next, end, &budget, past_end, &st);
    } while (stalled(&err, &st));
    stall_end(&st);
    return err;
}

/* The whole range of a call. */
static int populate_all(struct space *s, vaddr_t start, vaddr_t end, bool past_end) {
    int err;
    do {
        race_point(RACE_LOCK_SLICE);
        err = wanted_populate(s, &start, end, SLICE, past_end);
    } while (err > 0);
    return err;
}

/* Lock held, exclusive. What truncation does meanwhile makes HOLES_SOME of it again, and then they stay. */
static void turn_holes(struct region *r, enum holes from, enum holes to) {
    if (r->holes != from) return;
    mutex_lock(&r->object->lock);
    if (r->holes == from) r->holes = (uint8_t)to;
    mutex_unlock(&r->object->lock);
}

static void want(struct region *r, enum lock_mode mode) {
    r->want = (uint8_t)mode;
    if (mode == LOCK_FULL) turn_holes(r, HOLES_SOME, HOLES_REFILLING);
}

void wanted_settle(struct space *s, vaddr_t start, vaddr_t end, bool commit) {
    for (struct region *r = region_from(&s->regions, start); r && r->start < end; r = region_next(r)) {
        turn_holes(r, HOLES_REFILLING, commit ? HOLES_NONE : HOLES_SOME);
        if (commit)
            r->lock = r->want;
        else
            r->want = r->lock;
    }
    space_merge_range(s, start, end);
}

/* ---- mlock, in slices ---- */

void lock_job_init(struct lock_job *j, struct space *s, vaddr_t addr, uint64_t len, bool on_fault, bool privileged) {
    *j = (struct lock_job){.space = s, .addr = addr, .len = len, .on_fault = on_fault, .privileged = privileged};
}

/* Pages of the range that are not charged yet; -ENOMEM when any byte of it is not mapped or not accessible (L8, L9). */
static int count_new(const struct space *s, vaddr_t start, vaddr_t end, uint64_t *n) {
    *n = 0;
    if (!space_covers(s, start, end)) return -ENOMEM;
    for (const struct region *r = region_find(&s->regions, start); r && r->start < end; r = region_next(r)) {
        vaddr_t from = r->start > start ? r->start : start, to = r->end < end ? r->end : end;
        if (!region_accessible(r)) return -ENOMEM;
        if (!region_charged(r)) *n += pages_in(to - from);
    }
    return 0;
}

/* Lock held: charge and mark. */
static int mark_range(struct lock_job *j) {
    struct space *s = j->space;
    struct spares sp;
    int err = count_new(s, j->start, j->end, &j->charged);
    if (err) return err;
    err = spares_get(&sp, space_cuts(s, j->start, j->end));
    if (err) return -EAGAIN;
    err = charge_pages(s, j->charged, j->privileged);
    if (!err) {
        space_split(s, j->start, &sp);
        space_split(s, j->end, &sp);
        for (struct region *r = region_find(&s->regions, j->start); r && r->start < j->end; r = region_next(r))
            want(r, j->on_fault ? LOCK_ON_FAULT : LOCK_FULL);
    }
    spares_put(&sp);
    return err;
}

/* Everything but holding the range: 0, or 1 when there is nothing to do. */
static int check_range(struct lock_job *j) {
    if (j->len == 0) { /* L7: whatever addr is */
        j->start = j->end = j->next = 0;
        return 1;
    }
    if (range_round(j->addr, j->len, &j->start, &j->end)) return -EINVAL;
    int err = charge_permitted(j->space, j->privileged);
    if (err) return err;
    if (!range_in_user(j->start, j->end)) return -ENOMEM;
    j->next = j->start;
    j->pages_all = pages_in(j->end - j->start);
    return 0;
}

static int begin_held(struct lock_job *j) {
    rw_lock(&j->space->lock);
    int err = mark_range(j);
    rw_unlock(&j->space->lock);
    j->begun = !err;
    if (err) range_unlock(&j->space->ranges, &j->hold);
    return err;
}

int lock_job_begin(struct lock_job *j) {
    int err = check_range(j);
    if (err) return err < 0 ? err : 0;
    if (!range_try(&j->space->ranges, &j->hold, j->start, j->end)) return -EINPROGRESS;
    return begin_held(j);
}

/* The errors of bringing pages in, as mlock names them: past the object's end L21, no frames L10, or no way to read one back. */
static int lock_error(int err) {
    return err == -ENXIO ? -ENOMEM : err == -ENOMEM || err == -EIO ? -EAGAIN : err;
}

int lock_job_step(struct lock_job *j, uint64_t budget) {
    if (j->next >= j->end) return 0;
    race_point(RACE_LOCK_SLICE);
    int err = stall_ask(&j->stall); /* for what the last step lacked */
    while (!err) {
        err = populate(j->space, &j->next, j->end, &budget, false, &j->stall);
        if (err != -ESTALL) break;
        err = stall_ask(&j->stall);
    }
    if (err != -EINPROGRESS) stall_end(&j->stall);
    pageout_check();
    j->pages_done = pages_in(j->next - j->start);
    return lock_error(err);
}

void lock_job_finish(struct lock_job *j, bool commit) {
    if (!j->begun) return;
    struct space *s = j->space;
    stall_end(&j->stall);
    if (commit) flush_grown(&s->pmap);
    race_point(RACE_LOCK_FINISH);
    rw_lock(&s->lock);
    if (!commit) uncharge_pages(s, j->charged);
    wanted_settle(s, j->start, j->end, commit);
    rw_unlock(&s->lock);
    j->begun = false;
    range_unlock(&s->ranges, &j->hold);
}

int space_lock(struct space *s, vaddr_t addr, uint64_t len, bool on_fault) {
    struct lock_job j;
    trace(TRACE_LOCK, addr, len);
    lock_job_init(&j, s, addr, len, on_fault, s->limits.privileged);
    int err = check_range(&j);
    if (err) return err < 0 ? err : 0;
    range_lock(&s->ranges, &j.hold, j.start, j.end);
    err = begin_held(&j);
    if (err) return err;
    err = populate_all(s, j.start, j.end, false);
    lock_job_finish(&j, err == 0);
    return lock_error(err);
}

/* ---- munlock ---- */

/* Lock held. Pages become evictable, not absent (L16). */
static void unlock_regions(struct space *s, vaddr_t start, vaddr_t end) {
    for (struct region *r = region_from(&s->regions, start); r && r->start < end; r = region_next(r)) {
        if (region_charged(r)) uncharge_pages(s, region_pages(r));
        r->lock = r->want = LOCK_NONE;
    }
    space_merge_range(s, start, end);
}

int space_unlock(struct space *s, vaddr_t addr, uint64_t len) {
    vaddr_t start, end;
    struct range_hold hold;
    struct spares sp;
    trace(TRACE_UNLOCK, addr, len);
    if (len == 0) return 0;
    if (range_round(addr, len, &start, &end)) return -EINVAL;
    if (!range_in_user(start, end)) return -ENOMEM;
    range_lock(&s->ranges, &hold, start, end);
    race_point(RACE_UNLOCK_HELD);
    rw_lock(&s->lock);
    int err = space_covers(s, start, end) ? spares_get(&sp, space_cuts(s, start, end)) : -ENOMEM;
    if (!err) {
        space_split(s, start, &sp);
        space_split(s, end, &sp);
        unlock_regions(s, start, end);
        spares_put(&sp);
    }
    rw_unlock(&s->lock);
    range_unlock(&s->ranges, &hold);
    return err;
}

/* ---- mlockall, munlockall ---- */

/* MCL_CURRENT: every accessible region, whatever its lock was. Judged on the total of accessible pages (A3). Lock held. */
static int mark_all(struct space *s, enum lock_mode mode, uint64_t *charged) {
    *charged = s->accessible - s->charged;
    int err = charge_pages(s, *charged, s->limits.privileged);
    if (err) return err;
    for (struct region *r = region_from(&s->regions, 0); r; r = region_next(r))
        if (region_accessible(r)) want(r, mode);
    return 0;
}

static int lock_current(struct space *s, enum lock_mode mode) {
    uint64_t charged;
    rw_lock(&s->lock);
    int err = mark_all(s, mode, &charged);
    rw_unlock(&s->lock);
    if (err) return err;
    err = populate_all(s, USER_MIN, USER_MAX, true);
    if (!err) flush_grown(&s->pmap);
    race_point(RACE_LOCK_FINISH);
    rw_lock(&s->lock);
    if (err) uncharge_pages(s, charged);
    wanted_settle(s, WHOLE_SPACE, err == 0);
    rw_unlock(&s->lock);
    return lock_error(err);
}

int space_lock_all(struct space *s, int flags) {
    struct range_hold hold;
    if (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || !(flags & (MCL_CURRENT | MCL_FUTURE))) return -EINVAL;
    int err = charge_permitted(s, s->limits.privileged);
    if (err) return err;
    enum lock_mode mode = flags & MCL_ONFAULT ? LOCK_ON_FAULT : LOCK_FULL;
    range_lock(&s->ranges, &hold, WHOLE_SPACE);
    if (flags & MCL_CURRENT) err = lock_current(s, mode);
    if (!err && (flags & MCL_FUTURE)) {
        rw_lock(&s->lock);
        s->future = mode;
        rw_unlock(&s->lock);
    }
    range_unlock(&s->ranges, &hold);
    return err;
}

int space_unlock_all(struct space *s) {
    struct range_hold hold;
    range_lock(&s->ranges, &hold, WHOLE_SPACE);
    race_point(RACE_UNLOCK_HELD);
    rw_lock(&s->lock);
    unlock_regions(s, WHOLE_SPACE);
    s->future = LOCK_NONE;
    rw_unlock(&s->lock);
    range_unlock(&s->ranges, &hold);
    return 0;
}

bool space_wholly_locked(struct space *s) {
    rw_lock_shared(&s->lock);
    bool all = s->future == LOCK_FULL;
    for (const struct region *r = region_from(&s->regions, 0); all && r; r = region_next(r))
        all = !region_accessible(r) || r->lock == LOCK_FULL;
    rw_unlock_shared(&s->lock);
    return all;
}

void space_set_pager(struct space *s) {
    __atomic_store_n(&s->pager, true, __ATOMIC_RELAXED);
}
