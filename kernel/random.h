/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Random numbers that cannot be foreseen: for getrandom and AT_RANDOM.
 */
#pragma once

#include <stddef.h>

/* Fills n bytes. Never fails, never sleeps; not from interrupts. */
void random_bytes(void *to, size_t n);
