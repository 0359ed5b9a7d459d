/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Timers that call a function instead of waking a sleeper.
 *
 * A kernel thread of the highest level sleeps until the first of them is due and calls; so expiry is an ordinary
 * thread's work, which may take sleeping locks and send signals, and the clock's interrupt knows nothing of it.
 * One mutex (K) guards them all and is held during the call: who has it knows that no call is under way, which
 * is what makes taking a timer away simple.
 *
 * LOCKING  K before process_lock. The mutex and the structure around a timer are the caller's to use likewise.
 */
#pragma once

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>

struct ktimer {
    RB_ENTRY(ktimer) link;
    uint64_t deadline; /* K: monotonic nanoseconds, while armed */
    bool armed;        /* K */
    void (*expired)(struct ktimer *); /* constant; K held; not armed any more, may arm it anew */
};

/* Starts the thread; panics if there is no memory for it. */
void ktimer_init(void);
void ktimer_lock(void);   /* may sleep */
void ktimer_unlock(void);
/* From now on due then, and not when it was before; NO_DEADLINE: never. K held. */
void ktimer_set_locked(struct ktimer *, uint64_t deadline);
