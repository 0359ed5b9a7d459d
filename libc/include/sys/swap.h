/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/swap.h>: which block devices pages may be put on (Linux). Root alone. No mkswap is needed.
 */
#pragma once

#define SWAP_FLAG_PREFER     0x8000 /* the low bits are a priority: higher ones are used first */
#define SWAP_FLAG_PRIO_MASK  0x7fff
#define SWAP_FLAG_PRIO_SHIFT 0
#define SWAP_FLAG_DISCARD    0x10000

/* Errors: EPERM, the path's, EINVAL (no block device, too small), EBUSY (on already, or open for writing), ENXIO, ENOMEM. */
int swapon(const char *path, int flags);
/* Everything is brought back first. Errors: EPERM, the path's, EINVAL (not on), ENOMEM (no room for it; nothing changed). */
int swapoff(const char *path);
