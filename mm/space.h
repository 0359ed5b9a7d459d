/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A space from the inside: what the files of mm/ share. Nobody outside mm/ includes this.
 *
 *      space ──> regions (tree)  what is mapped, and what is locked        guarded by lock
 *        │   └─> ranges          who is changing which part                own mutex
 *        ├─────> pmap            page tables: where the private pages are  own spinlock
 *        └─────> counts          mapped, accessible, charged, promised     lock (exclusive)
 *
 * LOCK ORDER  break_lock -> range -> space.lock -> list of objects -> object.lock -> pmap.lock -> cache.lock -> frame_lock
 *             audit -> list of spaces -> space.lock
 *
 * A call that changes regions: hold the range, then under lock (exclusive) decode and reserve everything,
 * then perform what cannot fail. A fault or a slice of a lock request: lock shared, then pmap.lock.
 */
#pragma once

#include "arch/pmap.h"
#include "mm/mm.h"
#include "mm/charge.h"
#include "mm/range.h"
#include "mm/region.h"
#include "mm/stall.h"

struct space {
    uint32_t refs;                  /* atomic */
    struct rwlock lock;
    struct regions regions;
    struct range_locks ranges;
    struct pmap pmap;
    struct space_limits limits;     /* lock */
    uint64_t mapped;                /* pages in regions */
    uint64_t accessible;            /* pages in accessible regions: what mlockall(MCL_CURRENT) judges */
    uint64_t charged;               /* accessible locked pages (I3) */
    uint64_t tables_promised;       /* >= regions.tables */
    uint64_t tables_wanted;         /* that the last -ESTALL was about */
    enum lock_mode future;          /* MCL_FUTURE in force */
    bool pager;                     /* atomic: page-out leaves it alone; once true, it stays */
    struct mutex break_lock;        /* one brk at a time; before any range */
    vaddr_t break_start, break_end; /* break_lock, lock: the heap: [start, end), end unaligned */
    vaddr_t stack_top;              /* 0: no growing stack */
    uint64_t minor_faults, major_faults, pinned; /* atomic */
    vaddr_t hand;                   /* atomic enough: page-out looks here next (mm/evict.c) */
    TAILQ_ENTRY(space) link;        /* all spaces */
};

/* ---- space.c ---- */
void spaces_init(void);
/* A reference to a space on the list, whose lock the caller has: false if it is on its way out. */
bool space_try_hold(struct space *);
/* Every space, in turn, without its lock; none can go meanwhile. For page-out. */
void spaces_visit(void (*visit)(struct space *, void *), void *arg);
/* Another one comes first from now on. */
void spaces_rotate(void);
/* Every space, in turn, with its lock held shared; for the auditor. */
void spaces_each(void (*visit)(struct space *, void *), void *arg);

/* Up to two regions in hand before a change that must not fail half-way: one for each end that may split. */
struct spares {
    struct region *region[2];
};
int spares_get(struct spares *, unsigned n); /* 0 or -ENOMEM */
void spares_put(struct spares *);            /* gives back what was not used */
struct region *region_alloc(void);           /* zeroed; NULL: no memory */
uint64_t region_frames(uint64_t n);          /* that so many regions take */

/* All below: lock held exclusive. */

/* Put a filled-in region into the space: tree, object's list, counts. Takes a reference to its object. */
void space_attach(struct space *, struct region *);
/* Take it out and free it. Its pages are gone already. */
void space_detach(struct space *, struct region *);
/* Make va a boundary: if it lies inside a region, split it with a spare. */
void space_split(struct space *, vaddr_t va, struct spares *);
/* Join r with the neighbours that it continues; returns the region that now covers r's start. */
struct region *space_merge(struct space *, struct region *r);
/* Try to join every adjacent pair that meets in [start, end]. */
void space_merge_range(struct space *, vaddr_t start, vaddr_t end);
/* Is every page of [start, end) mapped? */
bool space_covers(const struct space *, vaddr_t start, vaddr_t end);
/* How many splits would make start and end boundaries: 0, 1 or 2. */
unsigned space_cuts(const struct space *, vaddr_t start, vaddr_t end);

/* frame_commit, frame_promise, after clean file pages have made room if that is what it takes. May sleep; a space's lock
 * may be held. The second: -ESTALL too (then a stall for n frames, with no lock). */
int memory_commit(uint64_t n);
int memory_promise(uint64_t n);
/* Page tables: promise enough for a change that adds at most n (as above); afterwards settle on what is due. */
int space_promise_tables(struct space *, uint64_t n);
void space_settle_tables(struct space *);
/* stalled() for a call that holds the space's lock to change regions: it may have lacked frames for tables. No lock held. */
bool space_stalled(struct space *, int *err, struct stall *);

/* ---- pageout.c ---- */

void pageout_init(void);
/* What the thread does at one go; the host's tests have no thread. */
void pageout_step(void);
/* A stall's frames, for mm/stall.c. Ask: 0 there is room; -EINPROGRESS page-out makes some, and knows who waits (queued);
 * -ENOMEM page-out has gone round twice and made nothing free. */
int memory_ask(struct stall *);
/* Queued: until there may be room: 0, or -EINTR, the thread is being killed. Sleeps. */
int memory_sleep(struct stall *);
/* Queued no more. */
void memory_forget(struct stall *);
/* Somebody has let frames go: who waits for some need not wait for page-out, which may be waiting for a disk. No lock held. */
void memory_freed(void);

/* ---- swapin.c: for swap_off. Every page whose slot has these upper bits comes back: 0, -ENOMEM, -EIO ---- */

int spaces_swap_in(uint32_t upper, unsigned shift);
int objects_swap_in(uint32_t upper, unsigned shift);

/* ---- object.c ---- */

/* Every object, for the auditor; called without object locks. */
void objects_each(void (*visit)(struct object *, void *), void *arg);
void objects_rotate(void);

/* ---- page.c: leaf entries, a range at a time. Lock held, shared at least; pmap.lock is taken inside ---- */

/* Forget every page of the range, and give back the promises that pages of this region held one by one. */
void pages_drop(struct space *, const struct region *, vaddr_t start, vaddr_t end);
/* Give resident pages the rights that prot allows now (no COW is broken); parks them for PROT_NONE. */
void pages_protect(struct space *, const struct region *, vaddr_t start, vaddr_t end, int prot);
/* This page's entry, which is present, has got more rights. pmap.lock held. Noted only where the page may take no further
 * fault (L2; arch/tlb.h). */
void page_grew(struct space *, const struct region *, vaddr_t va, struct flush *);
/* Move entries [from, from + len) to [to, to + len) of the same space; lock exclusive. */
void pages_move(struct space *, vaddr_t from, vaddr_t to, uint64_t len);

/* ---- fault.c ---- */

/* Bring in one page for this access as region r under prot says: 0, -ENXIO, -EIO (it cannot be read back), -ENOMEM when
 * nothing is left that may be reclaimed, -ESTALL. Lock held, shared at least. 0 does not say that the page is there:
 * truncation or page-out may follow at once. */
int page_resolve(struct space *, const struct region *, vaddr_t va, int prot, bool write, struct stall *);
/* Bring in the pages of [*va, end) of one region, with every right that prot gives, until *budget runs out; *va advances.
 * past_end: pages beyond the object's end are passed over (and noted) rather than an error. */
int pages_populate(struct space *, struct region *, vaddr_t *va, vaddr_t end, int prot, uint64_t *budget, bool past_end,
                   struct stall *);

/* The same for the pages that are there already, and no other: what MLOCK_ONFAULT locks at once (L14). */
int pages_complete(struct space *, const struct region *, vaddr_t *va, vaddr_t end, int prot, uint64_t *budget,
                   struct stall *);

/* ---- space.c, for census.c ---- */

void region_describe(const struct region *, struct region_info *);

/* ---- stack.c ---- */

/* va lies in no region: is it the stack's next page? 0 grown (touch again), or -EFAULT. No lock held. */
int stack_grow(struct space *, vaddr_t va);

/* ---- map.c ---- */

/* Unmap [start, end): range and lock held, spares for the cuts in hand. Cannot fail. */
void space_clear(struct space *, vaddr_t start, vaddr_t end, struct spares *);
/* The same when start and end are boundaries already; the promise of page tables is left as it is, for whoever needs it
 * next. */
void space_clear_regions(struct space *, vaddr_t start, vaddr_t end);

/* Where to put len bytes that have no address of their own: the hint if it is free, else the highest gap below the stack's
 * room; 0: none. Lock held. */
vaddr_t space_choose(const struct space *, vaddr_t hint, uint64_t len);

/*
 * Adding a region, in two halves. Reserve may fail and changes nothing that anyone sees; commit cannot fail.
 * proto's want says how its pages are to be locked; charge_credit is what the regions that it replaces are
 * charged now (they go between the halves, with their charge taken off them). Range and lock held.
 */
struct addition {
    struct region *region;
    uint64_t promised, charged;
};
/* -ENOMEM, -EAGAIN (lock limits) */
int add_reserve(struct space *, const struct region *proto, uint64_t charge_credit, struct addition *);
void add_commit(struct space *, struct addition *);

/* Pages of [start, end) that are charged, and making them uncharged without a change of the space's charge. */
uint64_t space_charged_in(const struct space *, vaddr_t start, vaddr_t end);

/* A range whose regions are wanted locked (want) and just added: bring them in, make the lock real, merge. Range held,
 * lock NOT held. past_end: pages beyond the object's end are passed over. On failure everything in the range is
 * unmapped: -EAGAIN. */
int add_finish(struct space *, vaddr_t start, vaddr_t end, bool past_end);

/* ---- lock.c ---- */

/* Bring in pages of [*next, end) as the wants of its regions ask; at most about budget pages: 1 more to do, 0, -ENXIO,
 * -ENOMEM. Range held; lock NOT held. Sleeps for memory and swap. */
int wanted_populate(struct space *, vaddr_t *next, vaddr_t end, uint64_t budget, bool past_end);
/* lock = want over the range, or want = lock; merges. Lock held. */
void wanted_settle(struct space *, vaddr_t start, vaddr_t end, bool commit);

/* Is [addr, addr + len) representable: 0, or -EINVAL when it wraps before or after rounding to pages (L6). */
int range_round(vaddr_t addr, uint64_t len, vaddr_t *start, vaddr_t *end);

/* Is it inside user space? */
static inline bool range_in_user(vaddr_t start, vaddr_t end) {
    return start >= USER_MIN && end <= USER_MAX;
}

#define HOLD 64   /* entries that a walk works on under one hold of pmap.lock: for so long nobody else runs on this CPU */
#define SLICE 512 /* pages that a synchronous call brings in before it lets others at the space */
#define WHOLE_SPACE 0, USER_MAX
#define GUARD_GAP 0x100000ul /* 1 MiB below a stack stays free, as with Linux's stack_guard_gap */
#define NO_BUDGET UINT64_MAX
