/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Frames: states, references, pins, and the promises that keep page faults from failing.
 *
 *      total = free + kernel + cache + table + anon + shared                     (I1)
 *      free >= promised - table                                                  (a promised table is always there)
 *      kernel + cache + promised + committed <= total + backing                  (and a committed page has a place)
 *      kernel + promised + locked + pinned + shares <= total                     (of which some is not fixed)
 *
 * With no swap (backing = 0) the third line says that whatever is committed and not there yet finds a free
 * frame. With swap it finds one once page-out has made room, and the last line says that it can: enough
 * frames can be evicted. To that end page-out keeps free frames above a low mark. Below it, what may be
 * evicted waits; the kernel's own objects still find PAGER_SHARE frames, and below that, who serves swap does. Who took
 * any of the kernel's sees afterwards that page-out makes them good (memory_owed).
 *
 * Who serves swap is above most of this: in the last two lines PAGER_SHARE pages are for pagers alone, and the kernel's share
 * of the last is theirs, too. So a server that died can be replaced, whatever others took of what it had.
 *
 * Descriptors stand in one table at the top of RAM, indexed by frame number: 16 bytes for 4096, 0.4 %.
 * The table costs nothing until a chunk of memory is first used (mm/buddy.c).
 *
 * Who wants many frames at once (fork) collects: what it lacks is kept from all others' pages until it has been drawn. So
 * it gets them, however many wait for one; and one thread at a time does it, so that no two have a half each.
 *
 * LOCKING  frame_lock (spin, leaf) guards buddy lists, counts and promises. refs and pins are atomic. `collector` is a
 *          sleeping lock that is only ever tried: it says who collects.
 */
#include "mm/frame.h"

#include <asm/errno.h>

#include "arch/mmu.h"
#include "kernel/assert.h"
#include "kernel/inject.h"
#include "kernel/pager.h"
#include "kernel/sync.h"
#include "libc/core/string.h"
#include "mm/buddy.h"
#include "mm/stall.h"
#include "mm/swap.h"
#include "mm/usable.h"

#define KERNEL_SHARE 64  /* one frame in so many is never promised */
#define PAGER_SHARE  64  /* frames, and pages of the account, that only those get who serve swap */
#define IN_FLIGHT    32  /* that have lost their page to a copy and wait to be flushed: one a CPU, committed by nobody */

static struct spinlock frame_lock;
struct frame *frame_table;
static uint64_t total, promised, committed, backing, kernel_reserve, pins;
static uint64_t locked, to_pin; /* pages of locked regions; pins that there are or may be */
static uint64_t count[FRAME_STATES];
static struct mutex collector;
static uint64_t collected; /* frames that are its holder's alone, be they free already or not */

pfn_t zero_pfn;
bool frame_low;

static bool is_committed(enum frame_state state) {
    return state == FRAME_ANON || state == FRAME_SHARED;
}

static uint64_t outstanding(void) {
    return promised - count[FRAME_TABLE];
}

/* What of the account is not for the caller, but for pagers. */
static uint64_t kept_for_pagers(void) {
    return backing && !current_is_pager() ? PAGER_SHARE : 0;
}

/* What commitments leave alone: to the kernel and to pagers; and pagers, to the kernel. */
static uint64_t share(void) {
    return backing && current_is_pager() ? IN_FLIGHT : kernel_reserve + kept_for_pagers();
}

/* Do n more pages fit, beside what is fixed and committed already, so that `left` are left? */
static bool fits(uint64_t n, uint64_t left) {
    uint64_t used = count[FRAME_KERNEL] + count[FRAME_CACHE] + promised + committed + left;
    return used <= total + backing && n <= total + backing - used;
}

/* May n more be fixed, never to be evicted, so that frames for `left` pages are left to work with? The last line of the
 * drawing above. */
static bool leaves_room(uint64_t n, uint64_t left) {
    return backing == 0 || n + count[FRAME_KERNEL] + promised + to_pin + locked + left <= total;
}

/* Frames that pages leave alone, and so many quarters of the kernel's share beyond: to the pages that are not locked. What is fixed
 * on demand leaves four, tables two, and the kernel's own one, so that each finds room where the one before had to stop. */
static uint64_t to_work_with(uint64_t quarters) {
    return PAGER_SHARE + kernel_reserve + kernel_reserve * quarters / 4;
}

/* ---- boot ---- */

/* The table covers frame 0 to the last chunk with RAM. */
static void place_table(void) {
    uint64_t frames = usable_end(), shadow = MACHINE_SHADOW_PAGES(frames);
    uint64_t chunk = 1ul << FRAME_MAX_ORDER;
    if (shadow) MACHINE_SHADOW(usable_place(shadow), frames);
    frame_table = usable_place(page_ceil((frames + chunk - 1) / chunk * chunk * sizeof(struct frame)) >> PAGE_SHIFT);
}

void frame_init(const struct boot_info *bi) {
    spin_init(&frame_lock, "frame");
    mutex_init(&collector, "collector");
    memset(count, 0, sizeof(count));
    promised = committed = backing = pins = total = collected = locked = to_pin = 0;
    frame_low = false;
    usable_init(bi);
    place_table();
    unsigned n;
    const struct frame_range *usable = usable_ranges(&n);
    for (unsigned i = 0; i < n; i++) {
        total += usable[i].end - usable[i].start;
        MACHINE_RANGE_FREE(usable[i].start, usable[i].end);
    }
    count[FRAME_FREE] = total;
    kernel_reserve = total / KERNEL_SHARE;
    buddy_init(frame_table, usable, n);
    zero_pfn = frame_alloc_zero(FRAME_KERNEL);
    ASSERT(zero_pfn != NO_PFN);
}

/* ---- one frame ---- */

static uint64_t collected_by_others(void) {
    return mutex_held(&collector) ? 0 : collected;
}

static bool has_collected(void) {
    return backing && collected && mutex_held(&collector);
}

/* The caller has got n of what it collected. */
static void draw(uint64_t n) {
    if (has_collected()) collected -= n < collected ? n : collected;
}

/* How many free frames an allocation leaves alone. */
static uint64_t kept_from(enum frame_state state) {
    if (state == FRAME_TABLE) return 0;
    uint64_t keep = outstanding();
    if (backing == 0 || current_is_pager()) return keep;
    return keep + PAGER_SHARE + (state == FRAME_KERNEL ? 0 : kernel_reserve + collected_by_others());
}

static uint64_t free_for_pages(void) {
    uint64_t keep = kept_from(FRAME_ANON);
    return count[FRAME_FREE] > keep ? count[FRAME_FREE] - keep : 0;
}

/* So much is free that nobody need ask whose it is. */
static bool plenty(uint64_t n) {
    return count[FRAME_FREE] >= n + outstanding() + PAGER_SHARE + kernel_reserve + collected;
}

/* Less is free than before: is it time for page-out? frame_wanted looks again. */
static void watch(void) {
    if (backing && !plenty(kernel_reserve)) __atomic_store_n(&frame_low, true, __ATOMIC_RELAXED);
}

static bool may_take_little(enum frame_state state, uint64_t n) {
    uint64_t keep = kept_from(state);
    if (is_committed(state) && has_collected()) keep -= kernel_reserve; /* the kernel's own came out of that meanwhile */
    return count[FRAME_FREE] >= n + keep;
}

/* What nobody committed must leave room for what was. Copies of files, which may go at any time, leave the kernel its share.
 * The kernel's own stay for good: with swap they might push out all else, and then who touches a page finds no frame. */
static bool may_take(enum frame_state state, uint64_t n) {
    if (!plenty(n) && !may_take_little(state, n)) return false;
    if (state == FRAME_TABLE || is_committed(state)) return true;
    if (state == FRAME_KERNEL && !current_is_pager() && !leaves_room(n, to_work_with(1))) return false;
    uint64_t in_flight = committed < IN_FLIGHT ? committed : IN_FLIGHT;
    return fits(n, kept_for_pagers() + (state == FRAME_CACHE ? kernel_reserve : in_flight));
}

/* frame_lock held; it may be taken. NO_PFN: no block of that order is free. */
static pfn_t give_locked(enum frame_state state, unsigned order) {
    pfn_t pfn = buddy_take(order);
    if (pfn == NO_PFN) return pfn;
    count[FRAME_FREE] -= 1ul << order;
    count[state] += 1ul << order;
    struct frame *f = frame_of(pfn);
    DEBUG_ASSERT(f->refs == 0 && f->pins == 0);
    f->state = (uint8_t)state;
    f->refs = 1;
    f->slot = 0;
    if (is_committed(state)) draw(1);
    watch();
    return pfn;
}

static pfn_t take(enum frame_state state, unsigned order) {
    spin_lock(&frame_lock);
    pfn_t pfn = may_take(state, 1ul << order) ? give_locked(state, order) : NO_PFN;
    bool owed = state == FRAME_KERNEL && backing && count[FRAME_FREE] < kept_from(FRAME_ANON);
    spin_unlock(&frame_lock);
    if (owed) memory_owed();
    if (pfn != NO_PFN) MACHINE_FRAME_GIVEN(pfn, order);
    return pfn;
}

/* What may have to wait waits, by order. Without swap nothing does. */
static bool must_wait(void) {
    return __atomic_load_n(&backing, __ATOMIC_RELAXED) && inject(INJECT_STALL);
}

pfn_t frame_alloc(enum frame_state state) {
    ASSERT(state != FRAME_CACHE);
    if (state == FRAME_KERNEL && inject(INJECT_FRAME)) return NO_PFN;
    if (is_committed(state) && must_wait()) return NO_PFN;
    pfn_t pfn = take(state, 0);
    if (pfn == NO_PFN && (state == FRAME_TABLE || (is_committed(state) && backing == 0)))
        panic("a promised frame is not there: %lu promised, %lu committed, %lu free", promised, committed, count[FRAME_FREE]);
    return pfn;
}

int frame_alloc_clean(pfn_t *pfn) {
    if (inject(INJECT_FRAME)) return -ENOMEM;
    bool waits = must_wait();
    spin_lock(&frame_lock);
    int err = !fits(1, kernel_reserve + kept_for_pagers()) ? -ENOMEM : waits || !may_take(FRAME_CACHE, 1) ? -ESTALL : 0;
    if (!err) *pfn = give_locked(FRAME_CACHE, 0);
    spin_unlock(&frame_lock);
    if (!err) MACHINE_FRAME_GIVEN(*pfn, 0);
    return err;
}

unsigned frame_alloc_batch(enum frame_state state, pfn_t *pfn, unsigned n) {
    unsigned got = 0;
    ASSERT(is_committed(state));
    spin_lock(&frame_lock);
    while (got < n && !must_wait() && may_take(state, 1)) pfn[got++] = give_locked(state, 0);
    spin_unlock(&frame_lock);
    for (unsigned i = 0; i < got; i++) MACHINE_FRAME_GIVEN(pfn[i], 0);
    return got;
}

pfn_t frame_alloc_zero(enum frame_state state) {
    pfn_t pfn = frame_alloc(state);
    if (pfn != NO_PFN) memset(frame_addr(pfn), 0, PAGE_SIZE);
    return pfn;
}

pfn_t frame_alloc_block(unsigned order) {
    ASSERT(order <= FRAME_MAX_ORDER);
    if (inject(INJECT_FRAME)) return NO_PFN;
    return take(FRAME_KERNEL, order);
}

/* Nobody has this frame any more: all of freeing it that needs no lock. */
static void retire(pfn_t pfn) {
    const struct frame *f = &frame_table[pfn];
    ASSERT(f->pins == 0 && f->state != FRAME_ABSENT && f->state != FRAME_FREE);
    ASSERT(f->slot == 0 || !is_committed(f->state));
#ifdef DEBUG
    memset(frame_addr(pfn), 0xdf, PAGE_SIZE << f->order);
#endif
    MACHINE_FRAME_FREED(pfn, f->order);
}

static void put_locked(pfn_t pfn) REQUIRES(&frame_lock) {
    const struct frame *f = &frame_table[pfn];
    uint64_t n = 1ul << f->order;
    count[f->state] -= n;
    count[FRAME_FREE] += n;
    buddy_put(pfn, f->order);
}

void frame_hold(pfn_t pfn) {
    uint32_t before = __atomic_fetch_add(&frame_table[pfn].refs, 1, __ATOMIC_RELAXED);
    ASSERT(before != 0 && before != UINT32_MAX);
}

/* One reference less. True: it was the last. */
static inline bool let_go(pfn_t pfn) {
    uint32_t before = __atomic_fetch_sub(&frame_table[pfn].refs, 1, __ATOMIC_ACQ_REL);
    ASSERT(before != 0);
    if (before == 2 && frame_table[pfn].slot) swap_reap(pfn); /* what is left may be swap's own reference */
    return before == 1;
}

static void give_back(const pfn_t *pfn, unsigned n) {
    for (unsigned i = 0; i < n; i++) retire(pfn[i]);
    spin_lock(&frame_lock);
    for (unsigned i = 0; i < n; i++) put_locked(pfn[i]);
    spin_unlock(&frame_lock);
}

void frame_drop(pfn_t pfn) {
    if (let_go(pfn)) give_back(&pfn, 1);
}

void frame_drop_batch(pfn_t *pfn, unsigned n) {
    unsigned gone = 0;
    for (unsigned i = 0; i < n; i++)
        if (let_go(pfn[i])) pfn[gone++] = pfn[i];
    if (gone) give_back(pfn, gone);
}

bool frame_is_sole(pfn_t pfn) {
    const struct frame *f = &frame_table[pfn];
    return __atomic_load_n(&f->refs, __ATOMIC_ACQUIRE) - __atomic_load_n(&f->pins, __ATOMIC_ACQUIRE) == 1;
}

void frame_pin(pfn_t pfn) {
    frame_hold(pfn);
    uint16_t before = __atomic_fetch_add(&frame_table[pfn].pins, 1, __ATOMIC_RELAXED);
    ASSERT(before != UINT16_MAX);
    __atomic_fetch_add(&pins, 1, __ATOMIC_RELAXED);
}

void frame_unpin(pfn_t pfn) {
    uint16_t before = __atomic_fetch_sub(&frame_table[pfn].pins, 1, __ATOMIC_RELAXED);
    ASSERT(before != 0);
    __atomic_fetch_sub(&pins, 1, __ATOMIC_RELAXED);
    frame_drop(pfn);
}

/* ---- promises ---- */

int frame_commit(uint64_t n) {
    if (n == 0) return 0;
    if (inject(INJECT_RESERVE)) return -ENOMEM;
    spin_lock(&frame_lock);
    bool ok = fits(n, share());
    if (ok) committed += n;
    spin_unlock(&frame_lock);
    return ok ? 0 : -ENOMEM;
}

void frame_uncommit(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= committed);
    committed -= n;
    spin_unlock(&frame_lock);
}

int frame_promise(uint64_t n) {
    if (n == 0) return 0;
    if (inject(INJECT_RESERVE)) return -ENOMEM;
    spin_lock(&frame_lock);
    int err = fits(n, share()) && leaves_room(n, current_is_pager() ? 0 : to_work_with(2)) ? 0 : -ENOMEM;
    uint64_t keep = outstanding() + (current_is_pager() ? 0 : PAGER_SHARE + collected_by_others());
    if (!err && backing && (n + keep > count[FRAME_FREE] || must_wait())) err = -ESTALL;
    if (!err) promised += n;
    if (!err) draw(n);
    watch();
    spin_unlock(&frame_lock);
    return err;
}

void frame_unpromise(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= promised);
    promised -= n;
    if (mutex_held(&collector)) collected += n; /* it may want them again at once */
    ASSERT(promised >= count[FRAME_TABLE]);
    spin_unlock(&frame_lock);
}

/* ---- swap ---- */

int frame_set_backing(uint64_t pages) {
    spin_lock(&frame_lock);
    uint64_t before = backing;
    backing = pages;
    bool ok = pages >= before || fits(0, share());
    if (!ok) backing = before;
    spin_unlock(&frame_lock);
    return ok ? 0 : -ENOMEM;
}

void frame_lose_backing(uint64_t n) {
    spin_lock(&frame_lock);
    backing = backing > n ? backing - n : 1; /* none would say that there is no swap */
    spin_unlock(&frame_lock);
}

int frame_fix_locked(uint64_t n, uint64_t cap) {
    spin_lock(&frame_lock);
    bool serves = backing && current_is_pager(), over = locked > cap || n > cap - locked;
    int err = over && !serves ? -ENOMEM : leaves_room(n, serves ? 0 : to_work_with(4)) ? 0 : -EAGAIN;
    if (!err) locked += n;
    spin_unlock(&frame_lock);
    return err;
}

void frame_unfix_locked(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= locked);
    locked -= n;
    spin_unlock(&frame_lock);
}

uint64_t frame_locked(void) {
    return __atomic_load_n(&locked, __ATOMIC_RELAXED);
}

int frame_fix_pins(uint64_t n) {
    spin_lock(&frame_lock);
    bool ok = current_is_pager() || leaves_room(n, to_work_with(1));
    if (ok) to_pin += n;
    spin_unlock(&frame_lock);
    return ok ? 0 : -ENOMEM;
}

void frame_unfix_pins(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= to_pin);
    to_pin -= n;
    spin_unlock(&frame_lock);
}

bool frame_room(uint64_t n) {
    spin_lock(&frame_lock);
    bool ok = free_for_pages() >= n;
    spin_unlock(&frame_lock);
    return ok;
}

uint64_t frame_lacking(uint64_t n) {
    spin_lock(&frame_lock);
    uint64_t want = n + kept_from(FRAME_ANON), have = count[FRAME_FREE];
    spin_unlock(&frame_lock);
    return want > have ? want - have : 0;
}

bool frame_collect(uint64_t n) NOT_ANALYSED {
    if (!mutex_held(&collector) && !mutex_trylock(&collector)) return false;
    spin_lock(&frame_lock);
    collected = n;
    spin_unlock(&frame_lock);
    return true;
}

bool frame_collect_end(void) NOT_ANALYSED {
    if (!mutex_held(&collector)) return false;
    spin_lock(&frame_lock);
    collected = 0;
    spin_unlock(&frame_lock);
    mutex_unlock(&collector);
    return true;
}

bool frame_possible(uint64_t n) {
    spin_lock(&frame_lock);
    bool ok = backing && leaves_room(n, to_work_with(0));
    spin_unlock(&frame_lock);
    return ok;
}

bool frame_share_spent(void) {
    spin_lock(&frame_lock);
    bool spent = backing && count[FRAME_FREE] < kept_from(FRAME_KERNEL) + kernel_reserve / 2;
    spin_unlock(&frame_lock);
    return spent;
}

uint64_t frame_wanted(void) {
    if (__atomic_load_n(&backing, __ATOMIC_RELAXED) == 0) return 0;
    spin_lock(&frame_lock);
    uint64_t n = free_for_pages();
    if (n >= kernel_reserve) __atomic_store_n(&frame_low, false, __ATOMIC_RELAXED);
    spin_unlock(&frame_lock);
    return n >= kernel_reserve ? 0 : 2 * kernel_reserve - n;
}

/* ---- what there is to see ---- */

void frame_get_stats(struct frame_stats *s) {
    spin_lock(&frame_lock);
    memcpy(s->count, count, sizeof(count));
    s->total = total;
    s->promised = promised + committed;
    s->promised_tables = promised;
    s->backing = backing;
    s->share = kernel_reserve + (backing ? PAGER_SHARE : 0);
    s->given = count[FRAME_TABLE] + count[FRAME_ANON] + count[FRAME_SHARED];
    s->pins = pins;
    spin_unlock(&frame_lock);
}

void frame_freeze(void) NOT_ANALYSED {
    spin_lock(&frame_lock);
}

void frame_thaw(void) NOT_ANALYSED {
    spin_unlock(&frame_lock);
}

pfn_t frame_next_initialised(pfn_t pfn) {
    for (pfn_t end = usable_end(); pfn < end; pfn++)
        if (buddy_initialised(pfn)) return pfn;
    return NO_PFN;
}

uint64_t frame_count_free(void) {
    spin_lock(&frame_lock);
    uint64_t n = buddy_count_listed() + buddy_count_untouched();
    spin_unlock(&frame_lock);
    return n;
}
