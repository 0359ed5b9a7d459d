/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/random.h>: random bytes from the kernel (Linux).
 */
#pragma once

#include <linux/random.h>
#include <sys/types.h>

ssize_t getrandom(void *, size_t, unsigned flags);
