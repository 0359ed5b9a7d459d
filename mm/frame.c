/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Frames: states, references and pins. Who may take one is the account's to say (mm/account.c).
 *
 * Descriptors stand in one table at the top of RAM, indexed by frame number: 16 bytes for 4096, 0.4 %.
 * The table costs nothing until a chunk of memory is first used (mm/buddy.c).
 *
 * LOCKING  frame_lock (spin, leaf) guards buddy lists and the account. refs and pins are atomic.
 */
#include "mm/frame.h"

#include <asm/errno.h>

#include "arch/mmu.h"
#include "kernel/assert.h"
#include "kernel/inject.h"
#include "kernel/pager.h"
#include "libc/core/string.h"
#include "mm/account.h"
#include "mm/buddy.h"
#include "mm/stall.h"
#include "mm/swap.h"
#include "mm/usable.h"

struct spinlock frame_lock;
struct frame *frame_table;
static uint64_t pins;

pfn_t zero_pfn;

/* ---- boot ---- */

/* The table covers frame 0 to the last chunk with RAM. */
static void place_table(void) {
    uint64_t frames = usable_end(), shadow = MACHINE_SHADOW_PAGES(frames);
    uint64_t chunk = 1ul << FRAME_MAX_ORDER;
    if (shadow) MACHINE_SHADOW(usable_place(shadow), frames);
    frame_table = usable_place(page_ceil((frames + chunk - 1) / chunk * chunk * sizeof(struct frame)) >> PAGE_SHIFT);
}

void frame_init(const struct boot_info *bi) {
    uint64_t total = 0;
    unsigned n;
    spin_init(&frame_lock, "frame");
    pins = 0;
    usable_init(bi);
    place_table();
    const struct frame_range *usable = usable_ranges(&n);
    for (unsigned i = 0; i < n; i++) {
        total += usable[i].end - usable[i].start;
        MACHINE_RANGE_FREE(usable[i].start, usable[i].end);
    }
    account_init(total);
    buddy_init(frame_table, usable, n);
    zero_pfn = frame_alloc_zero(FRAME_KERNEL);
    ASSERT(zero_pfn != NO_PFN);
}

/* ---- one frame ---- */

/* It may be taken. NO_PFN: no block of that order is free. */
static pfn_t give_locked(enum frame_state state, unsigned order) REQUIRES(&frame_lock) {
    pfn_t pfn = buddy_take(order);
    if (pfn == NO_PFN) return pfn;
    account.count[FRAME_FREE] -= 1ul << order;
    account.count[state] += 1ul << order;
    struct frame *f = frame_of(pfn);
    DEBUG_ASSERT(f->refs == 0 && f->pins == 0);
    f->state = (uint8_t)state;
    f->refs = 1;
    f->slot = 0;
    account_taken(state, 1);
    return pfn;
}

static pfn_t take(enum frame_state state, unsigned order) {
    spin_lock(&frame_lock);
    pfn_t pfn = account_may_take(state, 1ul << order) ? give_locked(state, order) : NO_PFN;
    bool owed = account_owes(state);
    spin_unlock(&frame_lock);
    if (owed) memory_owed();
    if (pfn != NO_PFN) MACHINE_FRAME_GIVEN(pfn, order);
    return pfn;
}

/* The lock is let go: whatever has changed meanwhile, this did not come from there. */
static _Noreturn void not_there(const struct account *a) NOT_ANALYSED {
    panic("a promised frame is not there: %lu promised, %lu committed, %lu free", a->promised, a->committed, a->count[FRAME_FREE]);
}

pfn_t frame_alloc(enum frame_state state) {
    ASSERT(state != FRAME_CACHE);
    if (state == FRAME_KERNEL && inject(INJECT_FRAME)) return NO_PFN;
    if (account_committed(state) && account_stalls()) return NO_PFN;
    pfn_t pfn = take(state, 0);
    if (pfn == NO_PFN && account_certain(state)) not_there(&account);
    return pfn;
}

int frame_alloc_clean(pfn_t *pfn) {
    if (inject(INJECT_FRAME)) return -ENOMEM;
    bool waits = account_stalls();
    spin_lock(&frame_lock);
    int err = !account_may_cache() ? -ENOMEM : waits || !account_may_take(FRAME_CACHE, 1) ? -ESTALL : 0;
    if (!err) *pfn = give_locked(FRAME_CACHE, 0);
    spin_unlock(&frame_lock);
    if (!err) MACHINE_FRAME_GIVEN(*pfn, 0);
    return err;
}

unsigned frame_alloc_batch(enum frame_state state, pfn_t *pfn, unsigned n) {
    unsigned got = 0;
    ASSERT(account_committed(state));
    spin_lock(&frame_lock);
    while (got < n && !account_stalls() && account_may_take(state, 1)) pfn[got++] = give_locked(state, 0);
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
    ASSERT(f->slot == 0 || !account_committed(f->state));
#ifdef DEBUG
    memset(frame_addr(pfn), 0xdf, PAGE_SIZE << f->order);
#endif
    MACHINE_FRAME_FREED(pfn, f->order);
}

static void put_locked(pfn_t pfn) REQUIRES(&frame_lock) {
    const struct frame *f = &frame_table[pfn];
    uint64_t n = 1ul << f->order;
    account.count[f->state] -= n;
    account.count[FRAME_FREE] += n;
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
    if (before == 2 && __atomic_load_n(&frame_table[pfn].slot, __ATOMIC_RELAXED)) swap_reap(pfn); /* what is left may be swap's */
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

/* ---- what there is to see ---- */

void frame_get_stats(struct frame_stats *s) {
    const struct account *a = &account;
    spin_lock(&frame_lock);
    memcpy(s->count, a->count, sizeof(a->count));
    s->total = a->total;
    s->promised = a->promised + a->committed;
    s->promised_tables = a->promised;
    s->backing = a->backing;
    s->share = account_shares();
    s->given = a->count[FRAME_TABLE] + a->count[FRAME_ANON] + a->count[FRAME_SHARED];
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
