/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The account of frames: the promises that keep page faults from failing, and who may take what is free.
 *
 *      total = free + kernel + cache + table + anon + shared                     (I1)
 *      free >= promised - table                                                  (a promised table is always there)
 *      kernel + cache + promised + committed <= total + backing                  (and a committed page has a place)
 *      kernel + promised + locked + pinned + shares <= total                     (of which some is not fixed)
 *
 * With no swap (backing = 0) the third line says that whatever is committed and not there yet finds a free
 * frame. With swap it finds one once page-out has made room, and the last line says that it can: enough
 * frames can be evicted. To that end page-out keeps free frames above a low mark. Below it, what may be
 * evicted waits; the kernel's own objects still find PAGER_FRAMES frames, and below that, who serves swap does. Who took
 * any of the kernel's sees afterwards that page-out makes them good (memory_owed).
 *
 * Who serves swap is above most of this: in the last two lines PAGER_FRAMES pages are for pagers alone, and the kernel's share
 * of the last is theirs, too. So a server that died can be replaced, whatever others took of what it had.
 *
 * Who wants many frames at once (fork) collects: what it lacks is kept from all others' pages until it has been drawn. So
 * it gets them, however many wait for one; and one thread at a time does it, so that no two have a half each.
 *
 * LOCKING  frame_lock. `collector` is a sleeping lock that is only ever tried: it says who collects.
 */
#include "mm/account.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/inject.h"
#include "kernel/pager.h"
#include "mm/stall.h"

#define KERNEL_SHARE 64  /* one frame in so many is never promised */
#define IN_FLIGHT    32  /* that have lost their page to a copy and wait to be flushed: one a CPU, committed by nobody */

struct account account;
bool frame_low;
static struct mutex collector;

static bool is_backed(void) {
    return __atomic_load_n(&account.backing, __ATOMIC_RELAXED) != 0;
}

void account_init(uint64_t frames) {
    mutex_init(&collector, "collector");
    spin_lock(&frame_lock);
    account = (struct account){.total = frames, .count[FRAME_FREE] = frames, .kernel_share = frames / KERNEL_SHARE};
    frame_low = false;
    spin_unlock(&frame_lock);
}

bool account_stalls(void) {
    return is_backed() && inject(INJECT_STALL);
}

bool account_certain(enum frame_state state) {
    return state == FRAME_TABLE || (account_committed(state) && !is_backed());
}

/* ---- the rules ---- */

/* What of the account is not for the caller, but for pagers. */
static uint64_t kept_for_pagers(void) REQUIRES(&frame_lock) {
    return account.backing && !current_is_pager() ? PAGER_FRAMES : 0;
}

/* What commitments leave alone: to the kernel and to pagers; and pagers, to the kernel. */
static uint64_t share(void) REQUIRES(&frame_lock) {
    return account.backing && current_is_pager() ? IN_FLIGHT : account.kernel_share + kept_for_pagers();
}

/* Do n more pages fit, beside what is fixed and committed already, so that `left` are left? */
static bool fits(uint64_t n, uint64_t left) REQUIRES(&frame_lock) {
    uint64_t used = account.count[FRAME_KERNEL] + account.count[FRAME_CACHE] + account.promised + account.committed + left;
    return used <= account.total + account.backing && n <= account.total + account.backing - used;
}

/* May n more be fixed, never to be evicted, so that frames for `left` pages are left to work with? The last line of the
 * drawing above. */
static bool leaves_room(uint64_t n, uint64_t left) REQUIRES(&frame_lock) {
    uint64_t fixed = account.count[FRAME_KERNEL] + account.promised + account.to_pin + account.locked;
    return account.backing == 0 || n + fixed + left <= account.total;
}

/* Frames that pages leave alone, and so many quarters of the kernel's share beyond: to the pages that are not locked. What is fixed
 * on demand leaves four, tables two, and the kernel's own one, so that each finds room where the one before had to stop. */
static uint64_t to_work_with(uint64_t quarters) REQUIRES(&frame_lock) {
    return PAGER_FRAMES + account.kernel_share + account.kernel_share * quarters / 4;
}

static uint64_t collected_by_others(void) REQUIRES(&frame_lock) {
    return mutex_held(&collector) ? 0 : account.collected;
}

static bool has_collected(void) REQUIRES(&frame_lock) {
    return account.backing && account.collected && mutex_held(&collector);
}

/* What is taken now. */
void account_draw(uint64_t n) {
    if (has_collected()) account.collected -= n < account.collected ? n : account.collected;
}

/* How many free frames an allocation leaves alone. */
static uint64_t kept_from(enum frame_state state) REQUIRES(&frame_lock) {
    if (state == FRAME_TABLE) return 0;
    uint64_t keep = account_due();
    if (account.backing == 0 || current_is_pager()) return keep;
    return keep + PAGER_FRAMES + (state == FRAME_KERNEL ? 0 : account.kernel_share + collected_by_others());
}

static uint64_t free_for_pages(void) REQUIRES(&frame_lock) {
    uint64_t keep = kept_from(FRAME_ANON);
    return account.count[FRAME_FREE] > keep ? account.count[FRAME_FREE] - keep : 0;
}

static bool may_take_little(enum frame_state state, uint64_t n) REQUIRES(&frame_lock) {
    uint64_t keep = kept_from(state);
    if (account_committed(state) && has_collected()) keep -= account.kernel_share; /* the kernel's own came out of that meanwhile */
    return account.count[FRAME_FREE] >= n + keep;
}

/* What nobody committed must leave room for what was. Copies of files, which may go at any time, leave the kernel its share.
 * The kernel's own stay for good: with swap they might push out all else, and then who touches a page finds no frame. */
bool account_consider(enum frame_state state, uint64_t n) {
    if (!account_plenty(n) && !may_take_little(state, n)) return false;
    if (state == FRAME_TABLE || account_committed(state)) return true;
    if (state == FRAME_KERNEL && !current_is_pager() && !leaves_room(n, to_work_with(1))) return false;
    uint64_t in_flight = account.committed < IN_FLIGHT ? account.committed : IN_FLIGHT;
    return fits(n, kept_for_pagers() + (state == FRAME_CACHE ? account.kernel_share : in_flight));
}

bool account_may_cache(void) {
    return fits(1, account.kernel_share + kept_for_pagers());
}

bool account_owes(enum frame_state state) {
    return state == FRAME_KERNEL && account.backing && account.count[FRAME_FREE] < kept_from(FRAME_ANON);
}

uint64_t account_shares(void) {
    return account.kernel_share + (account.backing ? PAGER_FRAMES : 0);
}

/* ---- promises ---- */

int frame_commit(uint64_t n) {
    if (n == 0) return 0;
    if (inject(INJECT_RESERVE)) return -ENOMEM;
    spin_lock(&frame_lock);
    bool ok = fits(n, share());
    if (ok) account.committed += n;
    spin_unlock(&frame_lock);
    return ok ? 0 : -ENOMEM;
}

void frame_uncommit(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= account.committed);
    account.committed -= n;
    spin_unlock(&frame_lock);
}

int frame_promise(uint64_t n) {
    if (n == 0) return 0;
    if (inject(INJECT_RESERVE)) return -ENOMEM;
    spin_lock(&frame_lock);
    int err = fits(n, share()) && leaves_room(n, current_is_pager() ? 0 : to_work_with(2)) ? 0 : -ENOMEM;
    uint64_t keep = account_due() + (current_is_pager() ? 0 : PAGER_FRAMES + collected_by_others());
    if (!err && account.backing && (n + keep > account.count[FRAME_FREE] || account_stalls())) err = -ESTALL;
    if (!err) account.promised += n;
    if (!err) account_draw(n);
    account_watch();
    spin_unlock(&frame_lock);
    return err;
}

void frame_unpromise(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= account.promised);
    account.promised -= n;
    if (mutex_held(&collector)) account.collected += n; /* it may want them again at once */
    ASSERT(account.promised >= account.count[FRAME_TABLE]);
    spin_unlock(&frame_lock);
}

/* ---- swap ---- */

int frame_set_backing(uint64_t pages) {
    spin_lock(&frame_lock);
    uint64_t before = account.backing;
    account.backing = pages;
    bool ok = pages >= before || fits(0, share());
    if (!ok) account.backing = before;
    spin_unlock(&frame_lock);
    return ok ? 0 : -ENOMEM;
}

void frame_lose_backing(uint64_t n) {
    spin_lock(&frame_lock);
    account.backing = account.backing > n ? account.backing - n : 1; /* none would say that there is no swap */
    spin_unlock(&frame_lock);
}

int frame_fix_locked(uint64_t n, uint64_t cap) {
    spin_lock(&frame_lock);
    bool serves = account.backing && current_is_pager(), over = account.locked > cap || n > cap - account.locked;
    int err = over && !serves ? -ENOMEM : leaves_room(n, serves ? 0 : to_work_with(4)) ? 0 : -EAGAIN;
    if (!err) account.locked += n;
    spin_unlock(&frame_lock);
    return err;
}

void frame_unfix_locked(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= account.locked);
    account.locked -= n;
    spin_unlock(&frame_lock);
}

uint64_t frame_locked(void) {
    return __atomic_load_n(&account.locked, __ATOMIC_RELAXED);
}

int frame_fix_pins(uint64_t n) {
    spin_lock(&frame_lock);
    bool ok = current_is_pager() || leaves_room(n, to_work_with(1));
    if (ok) account.to_pin += n;
    spin_unlock(&frame_lock);
    return ok ? 0 : -ENOMEM;
}

void frame_unfix_pins(uint64_t n) {
    spin_lock(&frame_lock);
    ASSERT(n <= account.to_pin);
    account.to_pin -= n;
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
    uint64_t want = n + kept_from(FRAME_ANON), have = account.count[FRAME_FREE];
    spin_unlock(&frame_lock);
    return want > have ? want - have : 0;
}

bool frame_collect(uint64_t n) NOT_ANALYSED {
    if (!mutex_held(&collector) && !mutex_trylock(&collector)) return false;
    spin_lock(&frame_lock);
    account.collected = n;
    spin_unlock(&frame_lock);
    return true;
}

bool frame_collect_end(void) NOT_ANALYSED {
    if (!mutex_held(&collector)) return false;
    spin_lock(&frame_lock);
    account.collected = 0;
    spin_unlock(&frame_lock);
    mutex_unlock(&collector);
    return true;
}

bool frame_possible(uint64_t n) {
    spin_lock(&frame_lock);
    bool ok = account.backing && leaves_room(n, to_work_with(0));
    spin_unlock(&frame_lock);
    return ok;
}

bool frame_share_spent(void) {
    spin_lock(&frame_lock);
    bool spent = account.backing && account.count[FRAME_FREE] < kept_from(FRAME_KERNEL) + account.kernel_share / 2;
    spin_unlock(&frame_lock);
    return spent;
}

uint64_t frame_wanted(void) {
    if (!is_backed()) return 0;
    spin_lock(&frame_lock);
    uint64_t n = free_for_pages(), low = account.kernel_share;
    if (n >= low) __atomic_store_n(&frame_low, false, __ATOMIC_RELAXED);
    spin_unlock(&frame_lock);
    return n >= low ? 0 : 2 * low - n;
}
