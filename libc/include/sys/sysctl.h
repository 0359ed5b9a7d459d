/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/sysctl.h>: named knobs (FreeBSD). E.g. vfs.aio.max_aio_queue.
 */
#pragma once

#include <stddef.h>

/* Reads into old (*oldlen: its size, then what was read) unless NULL, sets from new unless NULL.
 * Numbers are 64 bits wide. Errors: ENOENT no such knob, ENOMEM old is too short, EINVAL the value
 * to set is out of range, EPERM not root or not to be set. */
int sysctlbyname(const char *name, void *old, size_t *oldlen, const void *new, size_t newlen);
