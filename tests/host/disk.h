/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A swap device for host tests: a piece of the process's memory. Requests wait until the test, or whoever sleeps,
 * lets them be served, in an order drawn from a seed; page-out runs whenever a thread waits for memory.
 */
#pragma once

#include "mm/backing.h"
#include "tests/host/support.h"

struct disk {
    struct backing backing;
    char *bytes;
    struct backing_request *queue[64];
    unsigned n;
    uint64_t read, written;       /* pages */
    uint64_t fail_read, fail_write; /* the n-th request from now ends in -EIO; 0: none */
    bool gone;                    /* every request ends in -ENODEV */
    struct rng rng;
};

void disk_make(struct disk *, uint64_t pages, uint64_t seed);
void disk_free(struct disk *);
/* Serve one request, any: false if there is none. */
bool disk_serve(struct disk *);
void disk_serve_all(struct disk *);
/* From now on who waits lets this disk be served, and page-out run (sync_other_thread). */
void disk_attend(struct disk *);
/* And this one beside it, when nothing is to be done at the first. */
void disk_attend_also(struct disk *);
