/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sleeping on words of memory: see kernel/futex.c.
 */
#pragma once

void futex_init(void);
