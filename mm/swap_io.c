/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pages on their way to a swap device and back: requests, clusters, reading ahead.
 *
 *      page-out:  begin (a run of free slots) -> add, add ... -> end: one request for up to 16 pages
 *      a fault:   swap_ask: its own page and those that follow it on the device, one request
 *
 * Requests come from a fixed pool, so that writing a page out takes no memory (page-out would wait for itself).
 * A few are kept for reading: who needs a page does not stand behind those who leave.
 *
 * What was read ahead lies in a ring until it is asked for or AHEAD_MOST others came after it. How far a fault reads
 * ahead is learnt: a page more for each that was asked for and for each fault that goes on where another ended, a page less
 * for each that was not: a program that jumps about soon brings in what it touches and nothing else.
 *
 * LOCKING  swap_lock for the pool, the ring, slots, and those who sleep until a transfer ends. A reading request is submitted
 *          under it, by who goes to sleep for it then.
 */
#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/inject.h"
#include "mm/frame.h"
#include "mm/swap_impl.h"

#define IOS         32
#define IOS_TO_READ 8   /* that writing leaves alone */
#define AHEAD       8   /* pages of one reading request */
#define AHEAD_MOST  128
#define STREAMS     4

struct swap_write {
    struct backing_request req;
    slot_t first;
    unsigned n, room;
    pfn_t pfn[BACKING_SEGMENTS];
    struct swap_write *next; /* free ones */
};

static struct swap_write ios[IOS];
static struct swap_write *free_ios;
static unsigned nfree;
static uint64_t leaving;
static slot_t ahead[AHEAD_MOST];
static unsigned ahead_at;
static unsigned window; /* pages that a fault reads ahead: 0 to AHEAD - 1 */
static slot_t expected[STREAMS]; /* what comes after what was read lately */
static struct waitlist readers; /* until something has been read, or a request is free */
static struct waitlist others;  /* until any transfer ends */

void swap_io_init(void) {
    readers = others = (struct waitlist){0};
    free_ios = NULL;
    nfree = IOS;
    leaving = 0;
    ahead_at = 0;
    window = AHEAD - 1;
    for (unsigned i = 0; i < STREAMS; i++) expected[i] = 0;
    for (unsigned i = 0; i < AHEAD_MOST; i++) ahead[i] = 0;
    for (unsigned i = 0; i < IOS; i++) {
        ios[i].next = free_ios;
        free_ios = &ios[i];
    }
}

/* swap_lock held. */
static struct swap_write *io_get(unsigned leave) {
    struct swap_write *io = nfree > leave ? free_ios : NULL;
    if (!io) return NULL;
    free_ios = io->next;
    nfree--;
    io->n = io->room = 0;
    return io;
}

static void io_put(struct swap_write *io) {
    io->next = free_ios;
    free_ios = io;
    nfree++;
}

/* A transfer that is over, or comes to nothing. */
static void io_end(struct swap_write *io, bool write) {
    if (!write || nfree == 0) waitlist_wake_all(&readers);
    waitlist_wake_all(&others);
    io_put(io);
    stall_event();
}

static void done(struct backing_request *req) {
    struct swap_write *io = req->arg;
    slot_t first = io->first;
    unsigned n = io->n;
    int err = req->error;
    bool write = req->write; /* once put back, the request is another's */
    if (!err && inject(write ? INJECT_SWAP_WRITE : INJECT_SWAP_READ)) err = -EIO;
    spin_lock(&swap_lock);
    for (slot_t s = first; s < first + n; s++) {
        struct slot *slot = slot_at(s);
        bool late = slot->flags & SLOT_LATE;
        slot->flags &= ~(unsigned)(SLOT_BUSY | SLOT_LATE);
        if (err && write) slot_spoil(s);
        if (err && !write) slot->flags |= n == 1 ? SLOT_LOST : SLOT_SINGLE;
        if (err || write || late || !slot->refs) slot_settle(s); /* what was read waits for whoever asked */
    }
    if (err) swap_count.errors += n;
    if (write) leaving -= n, device_of(first)->leaving -= n;
    __atomic_fetch_sub(&device_of(first)->transfers, 1, __ATOMIC_RELAXED);
    io_end(io, write);
    spin_unlock(&swap_lock);
    if (err) log_line("swap: page %u of device %u and %u after it: %s failed (error %d)", page_of(first),
                      first >> SLOT_BITS, n - 1, write ? "writing" : "reading", -err);
}

static void submit(struct swap_write *io, bool write) {
    struct swap_device *dev = device_of(io->first);
    struct backing *b = dev->backing;
    __atomic_fetch_add(&dev->transfers, 1, __ATOMIC_RELAXED);
    io->req.write = write;
    io->req.offset = (uint64_t)page_of(io->first) << PAGE_SHIFT;
    io->req.segments = io->n;
    io->req.done = done;
    io->req.arg = io;
    for (unsigned i = 0; i < io->n; i++)
        io->req.segment[i] = (struct backing_segment){(paddr_t)io->pfn[i] << PAGE_SHIFT, PAGE_SIZE};
    b->submit(b, &io->req);
}

/* ---- out ---- */

struct swap_write *swap_write_begin(bool *later) {
    spin_lock(&swap_lock);
    struct swap_write *io = io_get(IOS_TO_READ);
    *later = !io;
    if (io && !inject(INJECT_SLOT)) io->room = slots_take(BACKING_SEGMENTS, &io->first);
    if (io && io->room == 0) {
        io_put(io);
        io = NULL;
    }
    spin_unlock(&swap_lock);
    return io;
}

bool swap_write_full(const struct swap_write *io) {
    return io->n == io->room;
}

slot_t swap_write_add(struct swap_write *io, pfn_t pfn, bool shared) {
    slot_t s = io->first + io->n;
    spin_lock(&swap_lock);
    slot_at(s)->refs = 1;
    slot_bind(s, pfn);
    slot_at(s)->flags |= SLOT_WRITING | (shared ? SLOT_SHARED : 0);
    spin_unlock(&swap_lock);
    io->pfn[io->n++] = pfn;
    return s;
}

unsigned swap_write_end(struct swap_write *io) {
    unsigned n = io->n;
    spin_lock(&swap_lock);
    for (unsigned i = io->room; i-- > n;) slot_release(io->first + i);
    swap_count.written += n;
    leaving += n;
    device_of(io->first)->leaving += n;
    if (n == 0) io_end(io, true);
    spin_unlock(&swap_lock);
    if (n) submit(io, true);
    return n;
}

/* ---- in ---- */

/* A page that somebody swapped out, and that nobody is bringing in. */
static bool may_read(slot_t s) {
    if (page_of(s) >= device_of(s)->pages) return false;
    const struct slot *slot = slot_at(s);
    return slot->refs && slot->frame == NO_PFN && !(slot->flags & (SLOT_BUSY | SLOT_BAD | SLOT_LOST));
}

/* Let the reading of s into pfn begin. */
static void add(struct swap_write *io, slot_t s, pfn_t pfn) {
    slot_bind(s, pfn);
    slot_at(s)->flags |= SLOT_READING;
    io->pfn[io->n++] = pfn;
    swap_count.read++;
}

void swap_ahead_used(slot_t s) {
    slot_at(s)->flags &= ~(unsigned)SLOT_AHEAD;
    if (window < AHEAD - 1) window++;
}

/* It need not stay in memory. What is on its way goes when it is there. The slot may be another page's by now, or gone. */
static void let_go(slot_t s) {
    if (!slot_exists(s) || slot_at(s)->frame == NO_PFN) return;
    if (slot_at(s)->flags & SLOT_READING) slot_at(s)->flags |= SLOT_LATE;
    slot_settle(s);
}

/* Unless somebody has asked for it. */
static void forget_ahead(slot_t s) {
    if (!slot_exists(s) || !(slot_at(s)->flags & SLOT_AHEAD)) return;
    if (!(slot_at(s)->flags & SLOT_BUSY) && window) window--;
    slot_at(s)->flags &= ~(unsigned)SLOT_AHEAD;
    let_go(s);
}

static void remember_ahead(slot_t s) {
    forget_ahead(ahead[ahead_at]);
    ahead[ahead_at] = s;
    ahead_at = (ahead_at + 1) % AHEAD_MOST;
    slot_at(s)->flags |= SLOT_AHEAD;
    swap_count.ahead++;
}

static pfn_t frame_for(slot_t s) {
    return frame_alloc(slot_at(s)->flags & SLOT_SHARED ? FRAME_SHARED : FRAME_ANON);
}

/* Does it go on where another reading ended? From now on it is expected to do so after io. */
static void follow(const struct swap_write *io) {
    static unsigned at;
    unsigned i = 0;
    while (i < STREAMS && expected[i] != io->first) i++;
    if (i < STREAMS && window < AHEAD - 1) window++;
    if (i == STREAMS) i = at++ % STREAMS;
    expected[i] = io->first + io->n;
}

/* The neighbours, while frames are plenty. */
static void add_ahead(struct swap_write *io) {
    if (slot_at(io->first)->flags & SLOT_SINGLE) return;
    for (slot_t s = io->first + 1; io->n <= window && may_read(s) && frame_wanted() == 0; s++) {
        if (slot_at(s)->flags & SLOT_SINGLE) return;
        pfn_t pfn = frame_for(s);
        if (pfn == NO_PFN) return;
        add(io, s, pfn);
        remember_ahead(s);
    }
}

/* One attempt: 0 the page is there and held, or nobody wants it any more; -EINPROGRESS it is on its way, or will be when a
 * request is free; -ESTALL no frame is, which is noted. */
static int start(slot_t s, struct stall *st) {
    struct slot *slot = slot_at(s);
    slot->flags &= ~(unsigned)SLOT_LATE;
    if (slot->flags & SLOT_AHEAD) swap_ahead_used(s); /* and page-out does not let go what is waited for */
    if (slot->flags & SLOT_READING) return -EINPROGRESS;
    if (slot->frame != NO_PFN) {
        frame_pin(slot->frame);
        st->held = slot->frame;
        return 0;
    }
    if (!may_read(s)) return 0;
    struct swap_write *io = io_get(0);
    if (!io) return -EINPROGRESS;
    pfn_t pfn = frame_for(s);
    if (pfn == NO_PFN) {
        io_put(io);
        st->frames = 1;
        return -ESTALL;
    }
    io->first = s;
    add(io, s, pfn);
    add_ahead(io);
    follow(io);
    submit(io, false);
    return -EINPROGRESS;
}

int swap_ask(struct stall *st, bool sleeps) {
    int state;
    struct pi pi = {0};
    if (sleeps) pi_wait_pagers(&pi);
    spin_lock(&swap_lock);
    while ((state = slot_exists(st->slot) ? start(st->slot, st) : 0) == -EINPROGRESS) {
        st->waited = true;
        if (!sleeps) break;
        if (waitlist_sleep(&readers, &swap_lock, true) == 0) continue;
        state = -EINTR;
        break;
    }
    spin_unlock(&swap_lock);
    pi_leave_pagers(&pi);
    return state;
}

void swap_forget(slot_t s) {
    spin_lock(&swap_lock);
    let_go(s);
    spin_unlock(&swap_lock);
}

int swap_read_soon(slot_t s) {
    struct swap_write *io = NULL;
    int n = 0;
    spin_lock(&swap_lock);
    if (frame_wanted() || !device_of(s)->backing) {
        n = -1;
    } else if (may_read(s)) {
        io = io_get(IOS_TO_READ / 2);
        pfn_t pfn = io ? frame_for(s) : NO_PFN;
        if (io && pfn == NO_PFN) io_put(io);
        if (pfn == NO_PFN) {
            io = NULL;
            n = -1;
        } else {
            io->first = s;
            add(io, s, pfn);
            remember_ahead(s);
            add_ahead(io);
            n = (int)io->n;
        }
    }
    spin_unlock(&swap_lock);
    if (io) submit(io, false);
    return n;
}

void swap_drop_ahead(void) {
    spin_lock(&swap_lock);
    for (unsigned i = 0; i < AHEAD_MOST; i++) {
        forget_ahead(ahead[i]);
        ahead[i] = 0;
    }
    spin_unlock(&swap_lock);
}

bool swap_idle(void) {
    return __atomic_load_n(&nfree, __ATOMIC_ACQUIRE) == IOS;
}

uint64_t swap_leaving(void) {
    return __atomic_load_n(&leaving, __ATOMIC_RELAXED);
}

int swap_wait(void) {
    struct pi pi = {0};
    pi_wait_pagers(&pi);
    spin_lock(&swap_lock);
    int killed = swap_idle() ? 0 : waitlist_sleep(&others, &swap_lock, true);
    spin_unlock(&swap_lock);
    pi_leave_pagers(&pi);
    return killed;
}
