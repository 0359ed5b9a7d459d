/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A device that holds pages or blocks while memory does not: what mm/ asks of whoever serves one.
 *
 *      asker (mm/: a page out or in;  kernel/: a read or write of /dev/vdX)
 *        | submit: never fails, never waits          ^ done: exactly once, in a thread
 *        v                                           |
 *      backing  ->  kernel/port.c  ->  a server in ring 3  ->  the device
 *
 * A request and its frames belong to whoever asks, who keeps both until done. Requests may be served in any
 * order: who needs one before another waits for it. A device that loses its server keeps its requests for the
 * next one; one that is gone for good ends them in -ENODEV, then and from then on.
 *
 * LOCKING  submit takes spinlocks, from "port" on: it may be called with any lock held that comes before.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/types.h"

#define BACKING_SEGMENTS 16
#define BACKING_SECTOR   512u

struct backing_segment {
    paddr_t addr; /* multiple of 512 */
    uint32_t len; /* bytes, multiple of 512, not 0; does not leave the frame that addr lies in */
};

/* Owned by whoever asks; not touched by the asker between submit and done. */
struct backing_request {
    STAILQ_ENTRY(backing_request) link; /* for whoever has it in hand */
    bool write;
    uint64_t offset;                    /* bytes into the device; multiple of 512. All of it lies inside the device */
    unsigned segments;                  /* 1 to BACKING_SEGMENTS */
    struct backing_segment segment[BACKING_SEGMENTS]; /* frames pinned or owned by the asker */
    int error;                          /* set before done: 0, -EIO, -ENODEV */
    uint32_t id;                        /* for whoever has it in hand */
    /* Exactly once, in a thread, with no lock held: may take mutexes and submit again; may not wait for I/O. */
    void (*done)(struct backing_request *);
    void *arg;                          /* the asker's */
};

STAILQ_HEAD(backing_queue, backing_request);

/* One device. */
struct backing {
    void (*submit)(struct backing *, struct backing_request *); /* never fails, allocates or sleeps */
    uint64_t size;                                              /* bytes, multiple of 512; constant */
};
