/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Waiting for memory, or for a page to come from swap, with no lock held.
 *
 * What brings pages in works under locks that others need meanwhile, so it never waits there. It notes what it
 * lacks in the caller's stall and answers -ESTALL (a number of our own, which never leaves mm/); the caller lets
 * its locks go, waits, and does all of it again, from the first look:
 *
 *      struct stall st = {0};
 *      do {
 *          lock; err = page_resolve(..., &st); unlock;
 *      } while (stalled(&err, &st));
 *      stall_end(&st);
 *
 * The page that was read in is held until the end of the stall, so that coming again finds it.
 */
#pragma once

#include "mm/types.h"

#define ESTALL 600

struct stall {
    uint64_t frames; /* so many are wanted; 0: none */
    uint32_t slot;   /* or this one's page; 0: none */
    pfn_t held;      /* what it was read into: a reference. 0: none */
    bool waited;     /* for a device: a major fault */
};

/* Was it -ESTALL, and is it worth coming again? False: *err is the answer (-ENOMEM after waiting in vain). May sleep. */
bool stalled(int *err, struct stall *);
void stall_end(struct stall *);

/* Sleep until n frames are to be had for pages. False: page-out has gone round twice and made nothing
 * free, or the thread is being killed. */
bool memory_wait(uint64_t n);
