/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <errno.h>: why the last call failed (POSIX; numbers are Linux's).
 *
 * errno belongs to the thread: it lies in the block that the thread pointer names. No call sets it
 * to 0.
 */
#pragma once

#include <asm/errno.h>

#define ENOTSUP EOPNOTSUPP

int *__errno_location(void) __attribute__((const));
#define errno (*__errno_location())

/* argv[0], whole and without its folders; what warn() and err() begin with. */
extern char *program_invocation_name;
extern char *program_invocation_short_name;
