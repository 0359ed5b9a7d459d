/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Times from ring 3.
 */
#pragma once

#include <stdint.h>

/* A struct timespec as nanoseconds, cut off at INT64_MAX (which is never): 0, -EFAULT, -EINVAL (negative, or not a fraction). */
int timespec_copyin(uint64_t user, uint64_t *ns);
/* The monotonic time that is ns from now; NO_DEADLINE if that is never. For a system call's timeout: one a call. */
uint64_t deadline_after(uint64_t ns);
