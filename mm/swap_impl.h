/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the files of swap share: devices, slots, and the lock that guards them (see mm/swap.h).
 *
 *      device[d].leaf[] -> 512 slots each             slot number = d << SLOT_BITS | page
 */
#pragma once

#include "kernel/sync.h"
#include "mm/mm.h"
#include "mm/swap.h"

#define SLOT_BITS 28 /* 1 TiB a device; seven devices: the top bit of a number stays clear (mm/object.c) */
#define DEVICES   7
#define LEAF      512

enum {
    SLOT_USED = 1,    /* not free */
    SLOT_READING = 2,
    SLOT_WRITING = 4,
    SLOT_BAD = 8,     /* could not be written: its frame stays, and it is not used again */
    SLOT_LOST = 16,   /* could not be read */
    SLOT_SINGLE = 32, /* could not be read among others: the next time alone */
    SLOT_SHARED = 64, /* a page of a shared object */
    SLOT_LATE = 128,  /* being read, and nobody asks for it any more */
    SLOT_AHEAD = 256, /* was read ahead, and nobody has asked for it yet */
};
#define SLOT_BUSY (SLOT_READING | SLOT_WRITING)

struct slot {
    pfn_t frame; /* NO_PFN: none */
    uint32_t refs : 23;
    uint32_t flags : 9;
};

struct swap_device {
    struct backing *backing; /* NULL: none here */
    int priority;
    bool closed;             /* going off, or gone: no slot is given out */
    uint32_t pages;          /* of the device, its page 0 among them */
    uint32_t used, bad;      /* bad ones that are not in use */
    uint32_t transfers;      /* atomic: that have not ended */
    uint32_t leaving;        /* pages that are being written */
    uint32_t spoilt;         /* all that are bad: they hold nothing for anybody else */
    uint32_t hand;           /* where the next run is looked for */
    struct slot **leaf;
    uint16_t *free_in;       /* free slots of each leaf */
    uint32_t copies, copy_hand; /* slots that nobody names and that have a frame; the leaf where the next is looked for */
    uint16_t *copies_in;     /* of each leaf */
};

extern struct spinlock swap_lock;
extern struct swap_device swap_device[DEVICES];
extern struct swap_stats swap_count; /* the last line of them */

static inline struct swap_device *device_of(slot_t s) {
    return &swap_device[s >> SLOT_BITS];
}

static inline uint32_t page_of(slot_t s) {
    return s & ((1u << SLOT_BITS) - 1);
}

static inline struct slot *slot_at(slot_t s) {
    return &device_of(s)->leaf[page_of(s) / LEAF][page_of(s) % LEAF];
}

/* For numbers that may be old: their device may be gone, or another by now. swap_lock held. */
static inline bool slot_exists(slot_t s) {
    return s >> SLOT_BITS < DEVICES && page_of(s) && device_of(s)->backing && page_of(s) < device_of(s)->pages;
}

/* ---- swap_device.c; swap_lock held ---- */

/* Up to max free slots in a row, now used: how many, and the first. 0: none. */
unsigned slots_take(unsigned max, slot_t *first);
void slot_release(slot_t);
/* It could not be written. */
void slot_spoil(slot_t);

/* ---- swap.c; swap_lock held ---- */

void slot_bind(slot_t, pfn_t);
/* Forget this slot's frame and free it, if it is a copy: true if it was. */
bool swap_detach_locked(slot_t);
/* Nothing is on its way here (any more): let go what nobody needs. */
void slot_settle(slot_t);

/* ---- swap_io.c ---- */

void swap_io_init(void);
/* Somebody asked for a page that was read ahead; swap_lock held. */
void swap_ahead_used(slot_t);
