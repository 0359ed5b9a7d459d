/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Time: one monotonic clock in nanoseconds since boot, the wall clock's offset, and one timer.
 */
#pragma once

#include <stdint.h>

void clock_init(void);             /* calibrate; once, by kernel_main, before anything asks for the time */
uint64_t clock_now(void);          /* monotonic nanoseconds since boot; never goes back; callable anywhere */
uint64_t clock_from_ticks(uint64_t ticks); /* the same time scale, of an earlier machine_ticks() (<machine.h>) */
uint64_t clock_wall_offset(void);  /* nanoseconds to add for CLOCK_REALTIME (from the CMOS clock) */
/* Interrupt this CPU at the given monotonic time (or at once if past); replaces what was armed. UINT64_MAX: never. */
void clock_arm(uint64_t deadline_ns);
/* Implemented by kernel/time.c: the armed time has come. Interrupt context. */
void clock_expired(void);
