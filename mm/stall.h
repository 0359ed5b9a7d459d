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
 * The page that was read in is pinned until the end of the stall, so that coming again finds it.
 *
 * Who serves many does not sleep for one of them. It asks, goes away, and asks again when something has happened:
 *
 *      err = page_resolve(..., &st);
 *      if (err == -ESTALL) err = stall_ask(&st);   0: come again now; -EINPROGRESS: later; else it is in vain
 */
#pragma once

#include "mm/types.h"

#define ESTALL 600

struct stall {
    uint64_t frames; /* so many are wanted; 0: none */
    uint32_t slot;   /* and this one's page; 0: none */
    pfn_t held;      /* what it was read into, pinned; 0: none */
    bool waited;     /* for a device: a major fault */
    bool queued;     /* among those who wait for frames */
    uint64_t since;  /* rounds of page-out that had been in vain when they were asked for */
    bool turn;       /* it collects, and nobody else does */
    bool collects;   /* in: what it waits for is kept for it until the stall's end, for who wants many frames at once */
};

/* Was it -ESTALL, and is it worth coming again? False: *err is the answer (-ENOMEM after waiting in vain). May sleep. */
bool stalled(int *err, struct stall *);
/* Have it made free, or read, without waiting: 0 it is there (or need not be); -EINPROGRESS it will be; -ENOMEM. */
int stall_ask(struct stall *);
/* What is still wanted is wanted no more. Wakes page-out if frames are few. */
void stall_end(struct stall *);

/* Whenever something has happened that who asked may have been asking for. The hook is called with mutexes held, often, and
 * takes spinlocks alone. */
void stall_on_event(void (*hook)(void));
void stall_event(void);
