/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The account of frames, for mm/frame.c, which gives them out (see mm/account.c; its calls for others are in mm/frame.h).
 *
 * LOCKING  all of it under frame_lock (spin, leaf).
 */
#pragma once

#include "kernel/sync.h"
#include "mm/frame.h"

#define PAGER_FRAMES 64 /* and pages of the account, that only those get who serve swap */

extern struct spinlock frame_lock;

extern struct account {
    uint64_t total, count[FRAME_STATES]; /* frames of RAM; of them, those in each state */
    uint64_t promised, committed;        /* for page tables; for pages */
    uint64_t backing;                    /* pages that swap has room for; 0: there is no swap */
    uint64_t kernel_share;               /* frames that are never promised */
    uint64_t locked, to_pin;             /* pages of locked regions; pins that there are or may be */
    uint64_t collected;                  /* frames that are the collector's alone, be they free already or not */
} account GUARDED_BY(&frame_lock);

/* Nothing given out yet, of so many frames. */
void account_init(uint64_t total);

/* Pages that were committed: they have a place, and wait for a frame if need be. */
static inline bool account_committed(enum frame_state state) {
    return state == FRAME_ANON || state == FRAME_SHARED;
}

/* What may have to wait waits, by order. Without swap nothing does. Any lock or none. */
bool account_stalls(void);
/* A frame for this state is always there, unless the account is wrong. Any lock or none. */
bool account_certain(enum frame_state state);

/* Frames for page tables that were promised and not drawn yet. */
static inline uint64_t account_due(void) REQUIRES(&frame_lock) {
    return account.promised - account.count[FRAME_TABLE];
}

/* So much is free that nobody need ask whose it is. */
static inline bool account_plenty(uint64_t n) REQUIRES(&frame_lock) {
    return account.count[FRAME_FREE] >= n + account_due() + PAGER_FRAMES + account.kernel_share + account.collected;
}

/* May the caller take n frames for this state? The second: once more, and thoroughly. */
bool account_consider(enum frame_state state, uint64_t n) REQUIRES(&frame_lock);
static inline bool account_may_take(enum frame_state state, uint64_t n) REQUIRES(&frame_lock) {
    return (account_committed(state) && account_plenty(n)) || account_consider(state, n);
}
/* Is there a place for one more copy of a file's page? It may not be free yet. */
bool account_may_cache(void) REQUIRES(&frame_lock);

/* Less is free than before: is it time for page-out? frame_wanted looks again. */
static inline void account_watch(void) REQUIRES(&frame_lock) {
    if (account.backing && !account_plenty(account.kernel_share)) __atomic_store_n(&frame_low, true, __ATOMIC_RELAXED);
}

/* n frames were taken, and the counts say so already. The second: the collector's came out of what it collected. */
void account_draw(uint64_t n) REQUIRES(&frame_lock);
static inline void account_taken(enum frame_state state, uint64_t n) REQUIRES(&frame_lock) {
    if (account.collected && account_committed(state)) account_draw(n);
    account_watch();
}

/* They came from the kernel's share, and page-out has to replace them. */
bool account_owes(enum frame_state state) REQUIRES(&frame_lock);
/* The frames that are never promised: the kernel's, and the pagers'. */
uint64_t account_shares(void) REQUIRES(&frame_lock);
