/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Frames: who has each 4 KiB of physical memory, and who has been promised one.
 *
 * One 16-byte descriptor a frame, in one table indexed by frame number. A frame is in exactly one state
 * (contract I1); its references are counted, and so are the pins among them (I4).
 *
 * Two promises, made when memory is mapped, so that nothing runs out when it is touched:
 *
 *   committed   pages that a program may write: RAM or swap holds each of them. All of them and all that is fixed
 *               (the kernel's frames, tables, copies of files) fit into RAM and swap together.
 *   promised    page tables that it may take to reach them (region_tables_bound, mm/region.h): frames, kept free
 *               until they are drawn. At all times: free frames >= promised - tables.
 *
 * Without swap a committed page finds a frame at once, always. With it, a frame may have to be made free first:
 * frame_alloc answers NO_PFN and the caller waits where it holds no lock (mm/stall.h).
 *
 * LOCKING  one spinlock inside, a leaf; nothing here sleeps. A reference may be dropped with any lock held.
 */
#pragma once

#include "arch/mmu.h"
#include "mm/types.h"

struct boot_info;

enum frame_state {
    FRAME_ABSENT, /* no RAM, firmware's, or the kernel's image and boot data: never given out */
    FRAME_FREE,
    FRAME_KERNEL, /* heap, stacks, root tables: always resident */
    FRAME_CACHE,  /* a clean copy of a file's page; may be dropped when only its object holds it */
    FRAME_TABLE,  /* promised: a page table of user space; refs counts its entries in use */
    FRAME_ANON,   /* committed: a private page */
    FRAME_SHARED, /* committed: a page of a shared memory object */
    FRAME_STATES,
};

struct frame {
    uint32_t refs;
    uint16_t pins;      /* how many of refs are pins */
    uint8_t state;      /* enum frame_state */
    uint8_t order;      /* of the block this frame heads: 2^order frames */
    uint32_t next;      /* free list, by frame number; NO_PFN ends it. In use: the auditor's count */
    union {
        uint32_t prev;  /* free list */
        uint32_t slot;  /* ANON, SHARED: swap has a copy of it, or will have (mm/swap.h); 0: none. Its lock guards it */
    };
};

_Static_assert(sizeof(struct frame) == 16, "bookkeeping stays under half a per cent of memory");

#define FRAME_MAX_ORDER 10 /* 4 MiB: also the chunk in which descriptors are initialised */

/* Takes the RAM of the boot information less what is in use; touches only the first chunk. Panics if there is too little. */
void frame_init(const struct boot_info *);

extern struct frame *frame_table; /* by frame number; for the three below */

static inline struct frame *frame_of(pfn_t pfn) {
    return &frame_table[pfn];
}

/* The kernel's address of its bytes. */
static inline void *frame_addr(pfn_t pfn) {
    return phys_to_virt((paddr_t)pfn << PAGE_SHIFT);
}

/* The frame that a direct-map address lies in. */
static inline pfn_t frame_number(const void *addr) {
    return (pfn_t)(virt_to_phys(addr) >> PAGE_SHIFT);
}

/*
 * One frame with one reference, its bytes unspecified (frame_alloc) or zero (frame_alloc_zero). NO_PFN:
 *   FRAME_TABLE           never; panics if promises were not kept
 *   FRAME_ANON, _SHARED   none is free just now; never without swap, as long as the page was committed
 *   FRAME_KERNEL          only what is promised or committed is left, or INJECT_FRAME says so
 */
pfn_t frame_alloc(enum frame_state);
pfn_t frame_alloc_zero(enum frame_state);
/* FRAME_CACHE: 0; -ESTALL, none is free just now; -ENOMEM, only what is promised or committed and the kernel's share is left, or
 * INJECT_FRAME says so. */
int frame_alloc_clean(pfn_t *);
/* Up to n of them, ANON or SHARED, under one hold of the lock: how many; fewer only when no more are free just now. */
unsigned frame_alloc_batch(enum frame_state, pfn_t *, unsigned n);
/* 2^order contiguous frames as one block (FRAME_KERNEL alone); the first carries the count. NO_PFN when there is none. */
pfn_t frame_alloc_block(unsigned order);

void frame_hold(pfn_t);
/* Drops a reference; the last one frees the frame (or block). */
void frame_drop(pfn_t);
/* The same for n of them, under one hold of the lock. Uses the array. */
void frame_drop_batch(pfn_t *, unsigned n);
/* Does one mapping alone reach this frame, and no copy in swap? Pins aside: they belong to whoever mapped it. */
bool frame_is_sole(pfn_t);
/* A pin is a reference that a device or the kernel uses: eviction and fork respect it. */
void frame_pin(pfn_t);
void frame_unpin(pfn_t);

/* The frame of zeroes that read faults map: not counted, never written. */
extern pfn_t zero_pfn;

/*
 * Commit n pages (0 or -ENOMEM; INJECT_RESERVE may refuse), and take that back. A commitment is not tied to a page.
 */
int frame_commit(uint64_t n);
void frame_uncommit(uint64_t n);
/*
 * Promise n tables, and take that back: what was promised and what was given are two totals. -ENOMEM as above; -ESTALL:
 * it would fit, but so many frames have to be made free first (mm/stall.h).
 */
int frame_promise(uint64_t n);
void frame_unpromise(uint64_t n);

/* Swap holds so many pages more (0, and takes that back: or -ENOMEM, when what is committed would not fit any more). */
int frame_set_backing(uint64_t pages);
/* So many pages of it turned out to be bad. What was committed stays so; more is not until it fits again. */
void frame_lose_backing(uint64_t n);
/*
 * What cannot be evicted must leave frames to work with, if there is swap. n more locked pages: 0, -ENOMEM above the cap (which
 * does not bind those who serve swap), -EAGAIN
 * when too little would be left. n pins, before they are made: 0 or -ENOMEM. Each is taken back when they are gone.
 */
int frame_fix_locked(uint64_t n, uint64_t cap);
void frame_unfix_locked(uint64_t n);
uint64_t frame_locked(void);
int frame_fix_pins(uint64_t n);
void frame_unfix_pins(uint64_t n);
/* Are n frames to be had now for committed pages? Could they be, if all went to swap that may? */
bool frame_room(uint64_t n);
bool frame_possible(uint64_t n);
/* Is half of what is kept for the kernel's own objects gone? */
bool frame_share_spent(void);
/* How many frames have to become free until n are to be had? */
uint64_t frame_lacking(uint64_t n);
/* From now on n frames are the caller's: others' pages leave them alone, and what it allocates for pages and promises for tables
 * is drawn from them. False: another thread collects. Ended by the second: false if the caller did not collect. In between
 * the caller waits for no thread that may be waiting for memory. */
bool frame_collect(uint64_t n);
bool frame_collect_end(void);
/* How many frames page-out should make free: 0, or what is missing to the high mark once the low one is passed. */
uint64_t frame_wanted(void);
/* A hint, to be read at any time: an allocation has passed the low mark since. */
extern bool frame_low;

struct frame_stats {
    uint64_t total;                  /* RAM frames that can be given out at all */
    uint64_t count[FRAME_STATES];    /* FRAME_FREE includes what is not initialised yet */
    uint64_t promised, given;        /* committed and promised; anonymous, shared and table frames */
    uint64_t promised_tables;        /* the second part of it */
    uint64_t backing;                /* pages that swap can hold */
    uint64_t share;                  /* pages that are kept from what is promised and committed */
    uint64_t pins;
};
void frame_get_stats(struct frame_stats *);

/* For the auditor: between the two no frame changes its state. Spins, and so does who comes meanwhile: be quick. */
void frame_freeze(void);
void frame_thaw(void);
/* For the auditor: first initialised frame number >= pfn, or NO_PFN at the end. */
pfn_t frame_next_initialised(pfn_t);
/* For the auditor: frames on the free lists, walked; panics on a broken link. Plus those never initialised. */
uint64_t frame_count_free(void);
