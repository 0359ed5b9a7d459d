/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What is locked, against the limits (mm/charge.c). A space's lock is held, exclusive, where one is given.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct space;

/* May this space lock anything at all (L12)? 0 or -EPERM. */
int charge_permitted(const struct space *, bool privileged);
/*
 * Charge n pages: 0; -ENOMEM over RLIMIT_MEMLOCK (unless privileged) or the system-wide cap; -EAGAIN when what is
 * neither the kernel's nor locked would be too little to work with (L10; with swap alone, mm/frame.h).
 */
int charge_pages(struct space *, uint64_t n, bool privileged);
void uncharge_pages(struct space *, uint64_t n);
/* Charge up and release down in one step: the limits see the difference alone. */
int charge_swap(struct space *, uint64_t up, uint64_t down, bool privileged);
void charge_init(uint64_t frames);
void charge_get_stats(uint64_t *locked, uint64_t *cap);
