/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <poll.h>: waiting for descriptors (POSIX).
 */
#pragma once

#include <asm/poll.h>

typedef unsigned long nfds_t;

int poll(struct pollfd *, nfds_t, int milliseconds);
