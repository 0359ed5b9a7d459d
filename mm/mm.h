/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The memory manager's public face: all that kernel/ may use of mm/.
 *
 * A space is one program's memory: regions over page tables, its locks and its charges. Calls are named
 * after POSIX's and Linux's, keep their flags and errors (returned negative), and hold to docs/CONTRACT.md
 * whose clauses they cite. Addresses and lengths may come straight from ring 3: every call checks them.
 *
 * Unless a line says otherwise, a call may sleep and wants no lock held.
 */
#pragma once

#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/object.h"
#include "mm/range.h"
#include "mm/stall.h"
#include "mm/types.h"

struct space;
struct region;
struct boot_info;

/* Frames, heap, objects and the system-wide cap. Once, on the boot CPU, after arch/ has the direct map. */
void mm_init(const struct boot_info *);

/* ---- spaces ---- */

/* The limits that a space's calls are judged by; the process layer keeps them up to date. Bytes. */
struct space_limits {
    uint64_t memlock;  /* RLIMIT_MEMLOCK, soft (contract L10, L12, B1) */
    uint64_t as;       /* RLIMIT_AS */
    uint64_t data;     /* RLIMIT_DATA: brk */
    uint64_t stack;    /* RLIMIT_STACK: how far a stack grows */
    bool privileged;   /* uid 0: memlock does not bind (L12) */
};

struct space *space_create(const struct space_limits *); /* NULL: no memory. One reference */
void space_hold(struct space *);
/* The last one unmaps everything and frees. No CPU may run it: those that did have loaded another, or NULL. */
void space_drop(struct space *);
/* A copy for fork (A7, A8): 0 and a space in *child with one reference, or -ENOMEM and no change. */
int space_fork(struct space *parent, struct space **child);
void space_set_limits(struct space *, const struct space_limits *);
/* Run this space on this CPU; NULL: none, and the last one's tables stay until they are in the way (arch/tlb.h).
 * Interrupts off or preemption off; does not sleep. */
void space_load(struct space *);

#define FAULT_READ  0
#define FAULT_WRITE 1
#define FAULT_EXEC  2
/*
 * The program touched va and the MMU refused. 0: try again. -EFAULT: nothing is mapped there (SIGSEGV,
 * SEGV_MAPERR). -EACCES: not like that (SIGSEGV, SEGV_ACCERR). -ENXIO: past the object's end (SIGBUS).
 * -ENOMEM: no frame for a page that nobody promised (SIGBUS). Counts a minor fault.
 */
int space_fault(struct space *, vaddr_t va, int access);

/* Write to or read from another space's memory as a program with full rights there could: 0 or -EFAULT, -ENOMEM. For exec. */
int space_poke(struct space *, vaddr_t to, const void *from, size_t len);
int space_peek(struct space *, void *to, vaddr_t from, size_t len);

/* ---- mapping ---- */

struct map_request {
    vaddr_t addr;           /* a hint, or the place (MAP_FIXED, MAP_FIXED_NOREPLACE) */
    uint64_t len;           /* bytes; 0 is -EINVAL */
    int prot;               /* PROT_*; W with X is -EACCES (I6) */
    int flags;              /* MAP_*, Linux's numbers; unknown bits under MAP_SHARED_VALIDATE: -EOPNOTSUPP */
    struct object *object;  /* NULL: anonymous. The call takes its own reference */
    uint64_t offset;        /* bytes into the object, page-aligned */
    int max_prot;           /* what mprotect may ever grant: PROT_* */
};
long space_map(struct space *, const struct map_request *); /* the address, or -errno */
int space_unmap(struct space *, vaddr_t addr, uint64_t len);
int space_protect(struct space *, vaddr_t addr, uint64_t len, int prot);
long space_remap(struct space *, vaddr_t old, uint64_t old_len, uint64_t new_len, int flags, vaddr_t new_addr);
int space_advise(struct space *, vaddr_t addr, uint64_t len, int advice);
int space_sync(struct space *, vaddr_t addr, uint64_t len, int flags);
/* Residency of n pages from addr (page-aligned): vec[i] = 0 or 1. -ENOMEM on a hole (L22). n is bounded by the caller's buffer. */
int space_incore(struct space *, vaddr_t addr, uint64_t n, uint8_t *vec);

/* The heap's end. set_break places it (exec); brk moves it and returns where it now is (Linux: the old place on failure). */
void space_set_break(struct space *, vaddr_t start);
vaddr_t space_brk(struct space *, vaddr_t new_break);
/* The first stack: [top - initial, top) mapped now, growing down to limits.stack below top. */
int space_map_stack(struct space *, vaddr_t top, uint64_t initial);

/* ---- locks (contract L, A) ---- */

int space_lock(struct space *, vaddr_t addr, uint64_t len, bool on_fault);
int space_unlock(struct space *, vaddr_t addr, uint64_t len);
int space_lock_all(struct space *, int flags); /* MCL_* */
int space_unlock_all(struct space *);
/* Is all of it locked, and will be what is mapped later: MCL_FUTURE in force, and every accessible region locked, neither of
 * them on-fault? */
bool space_wholly_locked(struct space *);
/* From now on page-out leaves this space alone: it belongs to whoever serves page-out (kernel/pager.h). Not copied by fork. */
void space_set_pager(struct space *);

/*
 * The same lock in slices, for a worker that serves many (contract X1-X6).
 *
 *      lock_job_init -> lock_job_begin -> lock_job_step ... -> lock_job_finish
 *                              \ error: ended, nothing to finish
 *
 * begin: 0; -EINPROGRESS when somebody holds part of the range (call again after the space's release
 * hook fired); or the error that mlock would give. A range of no bytes ends in 0 with nothing to step.
 * step: brings in at most budget pages: 1 more to do, 0 all resident, or an error. -EINPROGRESS when a page has to come
 * from swap, or a frame has to be made free (call again after the stalls' hook fired): it never waits for either.
 * finish(commit): true makes the lock real; false (after an error, or for a cancel) undoes what this job
 * locked. Neither can fail. After finish, others may have the range.
 */
struct lock_job {
    struct space *space;
    vaddr_t addr;            /* as asked */
    uint64_t len;
    vaddr_t start, end;      /* rounded to pages; after begin */
    vaddr_t next;            /* first page not yet looked at */
    uint64_t pages_done, pages_all;
    bool on_fault, privileged, begun;
    uint64_t charged;        /* pages that begin charged */
    struct range_hold hold;
    struct stall stall;      /* what the next page lacks */
};

void lock_job_init(struct lock_job *, struct space *, vaddr_t addr, uint64_t len, bool on_fault, bool privileged);
int lock_job_begin(struct lock_job *);
int lock_job_step(struct lock_job *, uint64_t budget);
void lock_job_finish(struct lock_job *, bool commit);
/* Called, with no lock held, whenever a range of the space is released. One hook a space. */
void space_on_release(struct space *, void (*hook)(void *), void *arg);

/* ---- pins: frames that the kernel or a device uses (contract W4, B3) ---- */

struct pinned {
    uint64_t n;
    pfn_t *frames;           /* n of them, in order */
    struct space *space;     /* whose VmPin counts them; held */
};
/* Bring in and pin every page of the range; write: for writing into it (breaks COW). -EFAULT, -ENOMEM, -EAGAIN; all or nothing. */
int space_pin(struct space *, vaddr_t addr, uint64_t len, bool write, struct pinned *);
void pinned_release(struct pinned *);

/* ---- what there is to see ---- */

struct space_stats {
    uint64_t mapped, resident, swapped, locked, accessible, pinned; /* pages */
    uint64_t regions, tables;
    uint64_t minor_faults, major_faults;
    int future;              /* MCL_FUTURE and MCL_ONFAULT bits in force */
};
void space_get_stats(struct space *, struct space_stats *);

/* Every region in ascending order, for /proc: a snapshot of one region a call. va: where to look; returns false at the end. */
struct region_info {
    vaddr_t start, end;
    int prot;                /* PROT_* */
    int max_prot;            /* what mprotect may grant */
    bool shared, locked, on_fault, stack;
    bool dont_fork, wipe_on_fork, committed, no_reserve, device;
    uint64_t offset;         /* bytes into the object */
    struct object *object;   /* identity only: no reference */
};
bool space_region_at(struct space *, vaddr_t va, struct region_info *);

/* How its pages stand (mm/census.c). */
struct census {
    uint64_t resident, swapped; /* swapped: shared memory too, in space_census_at alone */
    uint64_t anonymous, shmem;  /* of the resident ones; the others are files', the frame of zeroes, registers of devices */
    uint64_t referenced;        /* since page-out last looked */
    uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
    uint64_t part;              /* bytes: each page divided by how many entries map it */
};
bool space_census_at(struct space *, vaddr_t va, struct region_info *, struct census *);
void space_census(struct space *, struct census *); /* of all regions */

/* Where in which object a shared mapping has this address: 0 and a reference to *object, or NULL there if the memory is
 * private; -EFAULT: nothing is mapped. */
int space_shared_at(struct space *, vaddr_t va, struct object **object, uint64_t *offset);

struct mm_stats {
    struct frame_stats frames;
    uint64_t locked;         /* charged pages, all spaces */
    uint64_t lock_cap;       /* pages: the system-wide cap (B2) */
    uint64_t spaces, regions;
    uint64_t minor_faults, major_faults; /* since boot */
};
void mm_get_stats(struct mm_stats *);
/* Sets the cap, in pages: 0, or -EINVAL above RAM less the stated reserve. Below what is locked: refuses more, unlocks nothing. */
int mm_set_lock_cap(uint64_t pages);

/*
 * One look at everything, for the contract's invariants I1-I4 and I6: NULL, or a line that says what is broken, there until the
 * next look. Holds the locks of one space and one object at a time: what is only changing meanwhile may seem broken, and is
 * not at the next look. Sleeps; no lock held.
 */
const char *mm_audit(void);

/* ---- page-out and swap: what there is to see, and by command ---- */

struct backing;

/* Use a device (mm/backing.h) for swap; the highest priority is used first: 0, -EBUSY (it is used already), -EINVAL (too small,
 * or there are seven devices), -ENOMEM. */
int swap_on(struct backing *, int priority);
/* No more: all that is there comes back. 0; -EINVAL (it is not used); -ENOMEM, and nothing has changed; -EIO (a page cannot
 * be read, and the device stays in use); -EINTR (the thread is being killed). Slow. */
int swap_off(struct backing *);

struct swap_stats {
    uint64_t total, free;  /* pages */
    uint64_t bad, cached;  /* slots that could not be written; frames that have a slot */
    uint64_t read, written, ahead, kept, errors; /* pages, since boot. ahead: of those read, by reading ahead; kept: went
                                                  * without being written again */
};
void swap_get_stats(struct swap_stats *);

/* The i-th device that is in use, in no order; false: there are no more. */
struct swap_device_stats {
    const struct backing *backing; /* identity only */
    int priority;
    uint64_t total, used;          /* pages */
};
bool swap_device_at(unsigned i, struct swap_device_stats *);

/* Frames were taken that are kept for the kernel's own objects (kernel/pager.h): has page-out make them good, and when half
 * of them is gone, sleeps until it has, or cannot. No lock held. */
void memory_repay(void);

struct pageout_stats {
    uint64_t rounds, barren;  /* since boot; and how many of them, at the end of their efforts, in vain */
    uint64_t scanned, stolen; /* looks at pages and regions; pages that went */
    uint64_t stalls;          /* times that a thread waited for memory */
};
void pageout_get_stats(struct pageout_stats *);
/* Evict all that may be evicted, accessed or not: pages gone. */
uint64_t pageout_everything(void);
/* Wake page-out if frames are few: on the way to ring 3, and wherever much is allocated. Takes a mutex. */
void pageout_wake(void);
static inline void pageout_check(void) {
    if (__builtin_expect(__atomic_load_n(&frame_low, __ATOMIC_RELAXED), 0)) pageout_wake();
}
/* Page-out's thread. Started before the first swap_on. */
_Noreturn void pageout_run(void);
