/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A search for data races, in kernels made with KCSAN=1 (kernel/kcsan.c); elsewhere this is nothing.
 */
#pragma once

#ifdef KCSAN
/* All CPUs that there will be are up: from now on accesses are watched, if there is more than one. */
void kcsan_start(void);
#else
static inline void kcsan_start(void) {}
#endif
