/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/uio.h>: one transfer, several buffers (POSIX).
 */
#pragma once

#include <linux/uio.h>
#include <sys/types.h>

ssize_t readv(int, const struct iovec *, int count);
ssize_t writev(int, const struct iovec *, int count);
