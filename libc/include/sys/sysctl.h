/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/sysctl.h>: named knobs (FreeBSD). E.g. vfs.aio.max_aio_queue.
 */
#pragma once

#include <stddef.h>

/* Reads into old (*oldlen: its size, then what was read) unless NULL, sets from new unless NULL. */
int sysctlbyname(const char *name, void *old, size_t *oldlen, const void *new, size_t newlen);
