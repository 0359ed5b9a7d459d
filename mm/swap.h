/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Swap: where pages are that are not in memory, and the frames that are on their way.
 *
 *      entry of a page table, or of an object's index          slot                            frame
 *     +--------------------+                          +--------------------+           +----------------+
 *     | swapped: slot 4711 | --- refs counts these -> | refs, state, frame | <-------> | slot 4711      |
 *     +--------------------+                          +--------------------+           | refs: +1       |
 *                                                                                      +----------------+
 *
 * A slot is a page of a swap device. Its refs count the entries that name it. While a frame has the same
 * contents, the two know each other, and swap holds a reference to the frame:
 *
 *      being written   unmapped, on its way out; a touch meanwhile gets the very frame back
 *      being read      on its way in; who comes second waits for the first (one page, one frame)
 *      a copy          refs = 0, the frame is mapped: if it goes again unchanged, nothing is written
 *      shared          refs > 0 and mapped elsewhere: nobody may write the frame, whoever does copies it
 *
 * INVARIANTS  slot.frame = f if and only if f.slot is that slot; while refs > 0 the frame is written by nobody,
 *             except one that is being written out and mapped again by its only user (whose dirty bit then tells).
 *
 * LOCKING  swap_lock (spin), after pmap.lock and before frame_lock, guards slots, frame.slot and devices.
 */
#pragma once

#include "mm/backing.h"
#include "mm/stall.h"
#include "mm/types.h"

typedef uint32_t slot_t; /* device << SLOT_BITS | page of the device. Page 0 is not used: 0 is no slot */

/* ---- entries that name slots: any lock held, nothing sleeps ---- */

void swap_dup(slot_t);  /* one more entry */
void swap_free(slot_t); /* one less */
/* Is its page in memory? 0: the frame, with a reference for the caller (a write may end meanwhile, and swap let it go), and
 * in *alone whether the caller's entry is all that wants it. -ESTALL: noted in the stall. -EIO: it could not be read.
 * *alone holds good while the caller's entry stays (pmap.lock or object.lock). */
int swap_lookup(slot_t, struct stall *, pfn_t *, bool *alone);

/* ---- frames that have a slot ---- */

/* Forget the copy of a mapped frame, so that it may be written: true if it has none (any more). */
bool swap_detach(pfn_t);
/* frame_drop: swap's may be the last reference. */
void swap_reap(pfn_t);

/* ---- going out (mm/evict.c) ---- */

enum again {
    AGAIN_NONE, /* it has no copy worth keeping: write it */
    AGAIN_KEPT, /* the slot has it already, and one entry more */
    AGAIN_BUSY, /* on its way, or nowhere to go: leave it */
};
/* A frame was unmapped from one entry, which (dirty) may have changed it. */
enum again swap_again(pfn_t, bool dirty, slot_t *);

struct swap_write; /* a run of slots, to be filled with frames and written at once */
/* NULL: no slot is free; or, *later, so much is on its way that no request is. */
struct swap_write *swap_write_begin(bool *later);
bool swap_write_full(const struct swap_write *);
/* The next slot for this frame, whose reference passes to swap. */
slot_t swap_write_add(struct swap_write *, pfn_t, bool shared);
/* Off it goes. What was begun has to be ended. No spinlock held. */
unsigned swap_write_end(struct swap_write *);

/* ---- coming in ---- */

/* Have the stall's slot's page read, and neighbours ahead of their time: 0 it is there and held in the stall (or need not be:
 * look again); -ESTALL, for a frame; and if it may not sleep for it, -EINPROGRESS, else -EINTR when the thread is being killed. */
int swap_ask(struct stall *, bool sleeps);
/* Whoever asked for this slot's page does not wait for it any more. A read that is on its way goes on: its frame is swap's. */
void swap_forget(slot_t);
/* Like swap_ask, for nobody; its page is as one read ahead: how many pages are on their way for it now, 0 if it need
 * not be read, -1: nothing more is read ahead just now. */
int swap_read_soon(slot_t);
#define SWAP_SOON 96 /* pages: as many read ahead as surely stay until they are asked for */
/* Let pages go that were read ahead and that nobody has asked for. */
void swap_drop_ahead(void);

/* Sleeps until some transfer has ended: 0, at once if none is on its way. -EINTR: the thread is being killed. */
int swap_wait(void);
bool swap_idle(void);
uint64_t swap_leaving(void); /* pages that are being written */

void swap_init(void);

/* ---- for the auditor: any slot that differs makes one of the sums differ ---- */

struct swap_sums {
    uint64_t names, hash; /* over all slots: refs, and refs times a hash of the slot */
};
uint64_t swap_hash(slot_t);
/* NULL, or what is wrong between slots and frames. Frames that swap holds get one count each by `visit`. */
const char *swap_check(struct swap_sums *, void (*visit)(pfn_t));
