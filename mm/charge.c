/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Charges: how many pages are locked, against RLIMIT_MEMLOCK and the system-wide cap (contract L10-L12, B1, B2).
 *
 * A space's charge is the number of accessible pages in its locked regions (I3). The system's is the sum.
 * The cap keeps LOCK_RESERVE of RAM, at least LOCK_RESERVE_MIN, for the kernel and for whoever locks nothing:
 * uid 0 is above RLIMIT_MEMLOCK, never above the cap. Only who serves swap is: the next server must be locked, though others
 * have locked all that the last one had.
 *
 * The total is kept among the frames that cannot be evicted (mm/account.c), and judged together with them.
 *
 * LOCKING  a space's charge: space.lock, exclusive. The cap: charge_lock (spin, leaf).
 */
#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/pager.h"
#include "mm/space.h"

#define LOCK_RESERVE     16  /* one sixteenth of RAM can never be locked */
#define LOCK_RESERVE_MIN 256 /* frames: 1 MiB */

static struct spinlock charge_lock;
static uint64_t cap GUARDED_BY(&charge_lock), cap_most GUARDED_BY(&charge_lock);

void charge_init(uint64_t frames) NOT_ANALYSED { /* boot */
    spin_init(&charge_lock, "charge");
    uint64_t reserve = frames / LOCK_RESERVE;
    if (reserve < LOCK_RESERVE_MIN) reserve = LOCK_RESERVE_MIN;
    cap = cap_most = frames > reserve ? frames - reserve : 0;
}

int charge_permitted(const struct space *s, bool privileged) {
    return privileged || s->limits.memlock >= 1 ? 0 : -EPERM;
}

static uint64_t cap_now(void) {
    spin_lock(&charge_lock);
    uint64_t most = cap;
    spin_unlock(&charge_lock);
    return most;
}

int charge_pages(struct space *s, uint64_t n, bool privileged) {
    if (n == 0) return 0;
    if (!privileged) {
        uint64_t limit = pages_in(s->limits.memlock);
        if (s->charged > limit || n > limit - s->charged) return -ENOMEM;
    }
    int err = frame_fix_locked(n, cap_now());
    if (err) return err;
    s->charged += n;
    return 0;
}

void uncharge_pages(struct space *s, uint64_t n) {
    ASSERT(n <= s->charged);
    s->charged -= n;
    frame_unfix_locked(n);
}

int charge_swap(struct space *s, uint64_t up, uint64_t down, bool privileged) {
    if (up > down) return charge_pages(s, up - down, privileged);
    uncharge_pages(s, down - up);
    return 0;
}

void charge_get_stats(uint64_t *now, uint64_t *most) {
    *now = frame_locked();
    *most = cap_now();
}

int mm_set_lock_cap(uint64_t pages) {
    spin_lock(&charge_lock);
    bool ok = pages <= cap_most;
    if (ok) cap = pages;
    spin_unlock(&charge_lock);
    return ok ? 0 : -EINVAL;
}
