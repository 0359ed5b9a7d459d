/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Waiting for what page-out makes free and swap brings back (see mm/stall.h). A page that is to be read may want a frame
 * first; each of the two is asked for where it comes from (memory_ask, swap_ask), and slept for there.
 *
 * LOCKING  none here: a stall is its owner's alone.
 */
#include "mm/stall.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/race.h"
#include "mm/space.h"
#include "mm/swap.h"

static void (*event_hook)(void); /* set once, before anybody asks */

void stall_on_event(void (*hook)(void)) {
    event_hook = hook;
}

void stall_event(void) {
    if (event_hook) event_hook();
}

static void let_go(struct stall *st) {
    if (st->held) frame_unpin(st->held);
    st->held = 0;
}

/* For a page of swap it sleeps if it may, in the hold of the lock under which it asks; for frames never. */
static int ask(struct stall *st, bool sleeps) {
    int err = 0;
    if (!st->frames && !st->slot) return 0;
    race_point(RACE_STALL);
    if (st->slot) let_go(st); /* a frame that was read is kept for as long as another is waited for: a copy takes both */
    do {
        if (st->frames) err = memory_ask(st);
        if (!err && st->slot) err = swap_ask(st, sleeps);
    } while (err == -ESTALL); /* no frame to read it into */
    if (err != -EINPROGRESS && err != -EINTR) st->slot = 0;
    return err;
}

int stall_ask(struct stall *st) {
    return ask(st, false);
}

bool stalled(int *err, struct stall *st) {
    if (*err != -ESTALL) return false;
    ASSERT(st->frames || st->slot); /* or the caller comes again at once, and for ever */
    while ((*err = ask(st, true)) == -EINPROGRESS && (*err = memory_sleep(st)) == 0) {}
    if (*err == -EINTR) { /* it is being killed */
        stall_end(st);
        *err = -ENOMEM;
    }
    return *err == 0;
}

void stall_end(struct stall *st) {
    if (st->queued) memory_forget(st);
    if (st->slot) swap_forget(st->slot);
    st->frames = st->slot = 0;
    let_go(st);
    pageout_check();
    if (st->collects && frame_collect_end()) memory_freed(); /* the next one's turn */
}
