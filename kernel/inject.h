/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Failure injection: make the n-th allocation that may fail, fail.
 *
 * A test arms a site with a number (knob debug.inject.SITE = n); the n-th call of inject(SITE) by the
 * armed process after that returns true, once, and the caller takes the very path that it takes when
 * the resource has really run out. A test loops n = 1, 2, 3 ... until its operation succeeds, with an
 * audit after each: so every error path is walked (SQLite's way).
 *
 * Only allocations that are allowed to fail ask: a frame that was promised beforehand never does. With swap it may have
 * to be waited for, and that can be ordered too: whoever asked lets its locks go and begins again, and gets through.
 * May be called with any lock held; never sleeps.
 */
#pragma once

#include <stdbool.h>

enum inject_site {
    INJECT_FRAME,   /* frame_alloc of a frame that nobody promised */
    INJECT_HEAP,    /* an object from a cache, or a heap block */
    INJECT_RESERVE, /* a promise of frames, page tables included */
    INJECT_STALL,   /* a frame for a page, or a promise of tables, that could wait: it is not to be had just now (mm/stall.h) */
    INJECT_SYSTEM,  /* from here on: whoever does it, for whomever */
    INJECT_SLOT = INJECT_SYSTEM, /* a slot to write a page to */
    INJECT_SWAP_WRITE, INJECT_SWAP_READ, /* a transfer, as if the device had failed */
    INJECT_SITES,
};

bool inject(enum inject_site site);
void inject_arm(enum inject_site site, unsigned nth); /* 0 disarms */
unsigned inject_left(enum inject_site site);          /* what is still armed; 0 = it has fired */
