/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * swapon(2) and swapoff(2): which block devices mm/ may put pages on.
 *
 * Errors are those of Linux's manual: EPERM (not uid 0) first, then the path's, then EINVAL (no block device; too
 * small; not on), EBUSY (on already, or open for writing), ENXIO (no such device any more), ENOMEM.
 *
 * LOCKING  ports_lock over port.swap, which keeps others from writing; not held while mm/ works.
 * MISSING  a header on the device (mkswap): every page of it is used. Swap files.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "gen/syscalls.h"
#include "kernel/file_impl.h"
#include "kernel/port.h"
#include "kernel/process.h"

/* Linux's sys/swap.h, which is no kernel header. Discard is a hint. */
#define SWAP_FLAG_PRIO_MASK 0x7fffu
#define SWAP_FLAG_PREFER    0x8000u
#define SWAP_FLAGS_DISCARD  0x70000u

static int find_port(uint64_t path, struct port **p) {
    struct place at;
    if (!process_privileged(current_process())) return -EPERM;
    struct rights r = rights_effective(&current_process()->cred);
    int err = path_walk_user(AT_FDCWD, path, &r, 0, &at);
    if (err) return err;
    *p = port_of_node(at.node);
    return *p ? 0 : -EINVAL;
}

static int set_swap(struct port *p, bool on) {
    mutex_lock(&ports_lock);
    int err = !on ? 0 : p->gone || !p->backing.size ? -ENXIO : p->swap || p->writers ? -EBUSY : 0;
    if (!err) p->swap = on;
    mutex_unlock(&ports_lock);
    return err;
}

long sys_swapon(uint64_t path, uint64_t flags) {
    static int last = -1; /* without a priority: each one lower than the one before, as on Linux */
    struct port *p;
    unsigned f = (unsigned)flags;
    int err = find_port(path, &p);
    if (err == -EPERM) return err;
    if (f & ~(SWAP_FLAG_PRIO_MASK | SWAP_FLAG_PREFER | SWAP_FLAGS_DISCARD)) return -EINVAL;
    if (!err) err = set_swap(p, true);
    if (err) return err;
    int priority = f & SWAP_FLAG_PREFER ? (int)(f & SWAP_FLAG_PRIO_MASK) : __atomic_sub_fetch(&last, 1, __ATOMIC_RELAXED);
    err = swap_on(&p->backing, priority);
    if (err) set_swap(p, false);
    return err;
}

long sys_swapoff(uint64_t path) {
    struct port *p;
    int err = find_port(path, &p);
    if (!err) err = swap_off(&p->backing);
    if (!err) set_swap(p, false);
    return err;
}
