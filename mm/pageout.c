/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Page-out: when pages leave memory, how many, and whose. And waiting for it.
 *
 * Whose allocation passes the low mark says so (frame_low), and wakes the thread as soon as it may: at the end of what may
 * have had to wait, and on the way to ring 3.
 *
 *      free frames   high ─────────────  stop
 *                    low  ─────────────  start                     (mm/account.c: frame_wanted)
 *                         ═════════════  who touches a page waits  (mm/stall.h)
 *                         ·············  the kernel's own, then the pager's
 *
 * Each round visits every space and every object once, and asks of each in proportion to what it holds: so many
 * looks (a part of its pages), so many pages out. A page that was accessed since the hand came by is passed over once. A
 * program that runs over much memory has its pages looked at as often as everybody's, and, since it does not come back to
 * them, gives most of those that go; another's working set survives as long as it is touched once in a revolution.
 *
 * A round that makes nothing free is followed by a harder one: of the whole of memory, twice, then regardless of accesses.
 * If not even that frees a frame and nothing is on its way out, the round was barren: who waits since before two of
 * them gives up. What was committed fits into RAM and swap (mm/account.c), so this takes a device that fails.
 *
 * LOCKING  `work` (a mutex, innermost of what sleeps but for swap's own) guards waiting, demand and total. Rounds hold
 *          the list of spaces, or of objects, and try what is on it. A hard round that found nothing waits for one whose
 *          lock was taken, with no other lock held: it is not barren because somebody was at work there. Who
 *          has that lock does not wait for memory (mm/stall.h), so it lets go. Who collects frames (mm/account.c) holds
 *          nothing while it waits for them, and afterwards waits for no lock that is held by who waits for memory.
 */
#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/pager.h"
#include "kernel/race.h"
#include "mm/evict.h"
#include "mm/space.h"
#include "mm/swap.h"

#define EFFORT_WAITS 3
#define EFFORT_MOST 5 /* rounds at 0 look at an eighth of all, 3 at all, 4 again, 5 whatever was accessed */

static struct mutex work;
static struct cond wake, room;
static unsigned waiting;
static uint64_t demand, next_busy;
static uint64_t newest; /* total.barren when the last of those who wait came, or its turn did */
static struct pageout_stats total;
static bool kicked;
static uint64_t hopeless; /* atomic: so many frames were wanted when the last round was barren; 0: it was not */

void pageout_init(void) {
    mutex_init(&work, "page-out");
    cond_init(&wake, "page-out wake");
    cond_init(&room, "page-out room");
    waiting = 0;
    demand = next_busy = newest = hopeless = 0;
    total = (struct pageout_stats){0};
    kicked = false;
}

/* ---- one round ---- */

struct round {
    struct eviction sum;
    uint64_t wanted, holding; /* frames to free; pages that programs hold in all */
    unsigned effort;
    uint64_t busy, pass;      /* so many were at work; of them, this one is waited for: */
    struct space *space;      /* a reference, */
    struct object *object;    /* or */
};

/* Pages that somebody holds: others go on counting. */
static uint64_t about(const uint64_t *resident) {
    return __atomic_load_n(resident, __ATOMIC_RELAXED);
}

static struct eviction share_of(const struct round *r, uint64_t holds) {
    unsigned shift = r->effort < 3 ? 3 - r->effort : 0;
    return (struct eviction){.most = r->wanted * holds / (r->holding + 1) + 1, .most_looks = (holds >> shift) + 64,
                             .force = r->effort >= EFFORT_MOST};
}

static void add_up(struct round *r, const struct eviction *ev) {
    r->sum.written += ev->written;
    r->sum.dropped += ev->dropped;
    r->sum.aged += ev->aged;
    r->sum.looked += ev->looked;
    r->sum.starved |= ev->starved;
}

static void visit_space(struct space *s, void *arg) {
    struct round *r = arg;
    struct eviction ev = share_of(r, about(&s->pmap.resident));
    evict_space(s, &ev);
    if (ev.busy && r->busy++ == r->pass && space_try_hold(s)) r->space = s;
    add_up(r, &ev);
}

static void visit_object(struct object *o, void *arg) {
    struct round *r = arg;
    struct eviction ev = share_of(r, about(&o->resident));
    evict_object(o, &ev);
    if (ev.busy && r->busy++ == r->pass && object_try_hold(o)) r->object = o;
    add_up(r, &ev);
}

static void wait_for_space(struct round *r) {
    struct eviction ev = share_of(r, about(&r->space->pmap.resident));
    rw_lock_shared(&r->space->lock);
    evict_space_locked(r->space, &ev);
    rw_unlock_shared(&r->space->lock);
    add_up(r, &ev);
}

static void wait_for_object(struct round *r) {
    struct eviction ev = share_of(r, about(&r->object->resident));
    mutex_lock(&r->object->lock);
    evict_object_locked(r->object, &ev);
    mutex_unlock(&r->object->lock);
    add_up(r, &ev);
}

/* In step with nothing: who is visited when changes from round to round, too. */
static uint64_t scattered(uint64_t n) {
    return n * 0x9e3779b97f4a7c15ul >> 32;
}

/* Nothing was found, not even with effort: perhaps where somebody was at work. Another one each time. */
static void wait_for_busy(struct round *r) {
    bool poor = r->effort >= EFFORT_WAITS && r->sum.written + r->sum.dropped == 0;
    if (r->space && poor) wait_for_space(r);
    if (r->object && poor) wait_for_object(r);
    if (r->space) space_drop(r->space);
    if (r->object) object_drop(r->object);
    next_busy = r->busy ? scattered(total.rounds) % r->busy : 0;
}

/* Who is asked last may find that no more can be written just now: it is another one each time. */
static void visit_all(struct round *r, bool objects_first) {
    if (objects_first) objects_each(visit_object, r);
    spaces_visit(visit_space, r);
    if (!objects_first) objects_each(visit_object, r);
    spaces_rotate();
    objects_rotate();
}

static void go_round(struct round *r) {
    struct frame_stats fs;
    frame_get_stats(&fs);
    r->pass = next_busy;
    r->holding = fs.count[FRAME_ANON] + fs.count[FRAME_SHARED] + fs.count[FRAME_CACHE];
    swap_drop_ahead();
    r->sum.dropped += object_reclaim(r->wanted);
    visit_all(r, total.rounds % 2);
    wait_for_busy(r);
    mutex_lock(&work);
    total.rounds++;
    total.scanned += r->sum.looked;
    total.stolen += r->sum.written + r->sum.dropped;
    mutex_unlock(&work);
}

/* ---- the thread ---- */

/* work held. Frames that those who wait lack. They may have been served, or told in vain, and not have run yet: this thread
 * may be what keeps them from it. */
static uint64_t lacking(void) {
    return waiting && total.barren < newest + 2 ? frame_lacking(demand) : 0;
}

/* work held. */
static uint64_t wanted(void) {
    uint64_t n = frame_wanted(), lacks = lacking();
    return n < lacks ? lacks : n;
}

/* work held. */
static void tell_waiting(bool in_vain) {
    total.barren += in_vain;
    cond_broadcast(&room);
    if (waiting) stall_event();
}

static void tell(bool in_vain) {
    mutex_lock(&work);
    tell_waiting(in_vain);
    mutex_unlock(&work);
}

/* Until enough is free (false), or nothing helps. */
static bool make_room(void) {
    for (unsigned effort = 0;;) {
        struct round r = {.effort = effort};
        mutex_lock(&work);
        r.wanted = wanted();
        mutex_unlock(&work);
        if (r.wanted == 0) return false;
        uint64_t leaving = swap_leaving();
        if (leaving < r.wanted) {
            r.wanted -= leaving;
            go_round(&r);
        }
        bool gone = r.sum.dropped > 0;
        if (r.sum.written == 0 && !gone && swap_idle()) {
            if (effort++ == EFFORT_MOST) return true;
            continue;
        }
        if (!gone || r.sum.starved) swap_wait();
        effort = 0;
        tell(false);
    }
}

void pageout_step(void) {
    bool in_vain = make_room();
    __atomic_store_n(&hopeless, in_vain ? frame_wanted() : 0, __ATOMIC_RELAXED);
    tell(in_vain);
}

_Noreturn void pageout_run(void) {
    for (;;) {
        mutex_lock(&work);
        while (!kicked && lacking() == 0) {
            tell_waiting(false); /* they may not know: others have let frames go */
            cond_wait(&wake, &work);
        }
        __atomic_store_n(&kicked, false, __ATOMIC_RELAXED);
        mutex_unlock(&work);
        pageout_step();
    }
}

/* No more is wanted than when there was nothing to be had. */
static bool is_hopeless(void) {
    return frame_wanted() <= __atomic_load_n(&hopeless, __ATOMIC_RELAXED);
}

/* Not for a pager: what it has just brought, some of it ahead of its time, would go before those it serves have looked. They
 * wake page-out as they go on. */
void pageout_wake(void) {
    if (current_is_pager() || __atomic_load_n(&kicked, __ATOMIC_RELAXED)) return; /* it comes */
    if (is_hopeless()) return;
    mutex_lock(&work);
    __atomic_store_n(&kicked, true, __ATOMIC_RELAXED);
    cond_signal(&wake);
    mutex_unlock(&work);
}

/* ---- waiting ---- */

/* work held. Who collects waits until nobody else does, and no round of page-out is in vain for it until then. */
static bool has_turn(struct stall *st) {
    bool had = st->turn;
    if (!st->collects) return true;
    st->turn = frame_collect(st->frames);
    if (!had) st->since = newest = total.barren;
    return st->turn;
}

/* work held. */
static int outlook(struct stall *st) {
    if (!has_turn(st)) return -EINPROGRESS;
    if (frame_room(st->frames)) return 0; /* whoever takes it first, it was not in vain: the caller comes again */
    return total.barren < st->since + 2 ? -EINPROGRESS : -ENOMEM;
}

/* What is collected is kept from others, which page-out sees as it is. */
static uint64_t demanded(const struct stall *st) {
    return st->collects ? 0 : st->frames;
}

/* work held. */
static void enter(struct stall *st) {
    st->queued = true;
    st->since = newest = total.barren;
    total.stalls++;
    waiting++;
    demand += demanded(st);
}

/* work held. */
static void leave(struct stall *st) {
    st->queued = false;
    waiting--;
    demand -= demanded(st);
}

/* The first time: is there anything to wait for? -EINPROGRESS: yes. */
static int consider(const struct stall *st) {
    bool there = frame_room(st->frames);
    if (there && !st->collects) return 0;
    if (current_is_pager()) return there ? 0 : -ENOMEM;
    if (!frame_possible(st->frames)) return object_make_room() ? 0 : -ENOMEM;
    return -EINPROGRESS;
}

static int ask_pageout(struct stall *st) {
    mutex_lock(&work);
    if (!st->queued) enter(st);
    int err = outlook(st);
    if (err == -EINPROGRESS && has_turn(st)) cond_signal(&wake); /* each time: others may have taken what was free for us */
    if (err != -EINPROGRESS) leave(st);
    mutex_unlock(&work);
    if (err == -ENOMEM) log_line("page-out: %lu frames are wanted, and none can be made free", st->frames);
    return err;
}

int memory_ask(struct stall *st) {
    int err = st->queued ? -EINPROGRESS : consider(st);
    if (err == -EINPROGRESS) err = ask_pageout(st);
    if (err != -EINPROGRESS) st->frames = 0;
    return err;
}

int memory_sleep(struct stall *st) {
    struct pi pi = {0};
    mutex_lock(&work);
    pi_wait_pagers(&pi); /* after the lock: what it waits for last is where a change of its priority goes */
    int killed = 0;
    if (outlook(st) == -EINPROGRESS) {
        cond_signal(&wake); /* its turn may have come this moment */
        killed = cond_wait_killable(&room, &work);
    }
    mutex_unlock(&work);
    pi_leave_pagers(&pi);
    return killed;
}

void memory_repay(void) {
    struct stall st = {.frames = 1}; /* for pages: the kernel's share comes before them */
    int err = -ESTALL;
    if (!frame_share_spent() || is_hopeless()) return;
    stalled(&err, &st);
    stall_end(&st);
}

void memory_forget(struct stall *st) {
    mutex_lock(&work);
    leave(st);
    mutex_unlock(&work);
}

void memory_freed(void) {
    if (__atomic_load_n(&waiting, __ATOMIC_RELAXED)) tell(false);
}

/* ---- by command: for tests, and for who wants to see ---- */

static void evict_whole(struct space *s, void *arg) {
    struct eviction *ev = arg;
    ev->most_looks = ev->looked + about(&s->pmap.resident) + s->regions.count + 1;
    evict_space(s, ev);
}

static void evict_object_whole(struct object *o, void *arg) {
    struct eviction *ev = arg;
    ev->most_looks = ev->looked + about(&o->resident) + 1;
    evict_object(o, ev);
}

uint64_t pageout_everything(void) {
    uint64_t gone = 0;
    int killed = 0;
    struct eviction ev;
    swap_drop_ahead();
    do {
        ev = (struct eviction){.most = UINT64_MAX, .force = true};
        spaces_visit(evict_whole, &ev);
        objects_each(evict_object_whole, &ev);
        gone += ev.written + ev.dropped;
        while (!killed && !swap_idle()) killed = swap_wait();
    } while (ev.starved && !killed);
    return gone + object_reclaim(UINT64_MAX);
}

void pageout_get_stats(struct pageout_stats *out) {
    mutex_lock(&work);
    *out = total;
    mutex_unlock(&work);
}
