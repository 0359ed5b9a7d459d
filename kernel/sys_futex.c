/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * futex(2): from an operation's number to what does it, and from its timeout to a deadline.
 *
 *      FUTEX_WAIT          relative, by the monotonic clock (with FUTEX_CLOCK_REALTIME the wall clock: relative, it is the same)
 *      FUTEX_WAIT_BITSET   absolute, by the monotonic clock, or the wall clock with the flag
 *      FUTEX_LOCK_PI       absolute, by the wall clock; FUTEX_LOCK_PI2 by the flag
 */
#include <asm/errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "arch/clock.h"
#include "kernel/futex.h"
#include "kernel/time.h"
#include "gen/syscalls.h"

#define ANY FUTEX_BITSET_MATCH_ANY

static int read_deadline(uint64_t user, int command, bool wall, uint64_t *deadline) {
    uint64_t ns;
    *deadline = NO_DEADLINE;
    if (!user) return 0;
    int error = timespec_copyin(user, &ns);
    if (error) return error;
    if (command == FUTEX_WAIT) *deadline = deadline_after(ns);
    else if (wall || command == FUTEX_LOCK_PI) *deadline = ns > clock_wall_offset() ? ns - clock_wall_offset() : 0;
    else *deadline = ns;
    return 0;
}

static bool takes_clock(int command) {
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI2;
}

static bool takes_timeout(int command) {
    return takes_clock(command) || command == FUTEX_LOCK_PI;
}

/* The fourth argument is a timeout or a number, as the operation has it. */
long sys_futex(uint64_t address, uint64_t op, uint64_t value, uint64_t timeout, uint64_t address2, uint64_t value3) {
    bool private = op & FUTEX_PRIVATE_FLAG, wall = op & FUTEX_CLOCK_REALTIME;
    int command = (int)op & FUTEX_CMD_MASK;
    uint32_t val = (uint32_t)value, val2 = (uint32_t)timeout, val3 = (uint32_t)value3;
    uint64_t deadline = NO_DEADLINE;
    if (wall && !takes_clock(command)) return -ENOSYS;
    int error = takes_timeout(command) ? read_deadline(timeout, command, wall, &deadline) : 0;
    if (error) return error;
    switch (command) {
    case FUTEX_WAIT: return futex_wait(address, private, val, ANY, deadline);
    case FUTEX_WAIT_BITSET: return futex_wait(address, private, val, val3, deadline);
    case FUTEX_WAKE: return futex_wake(address, private, val, ANY);
    case FUTEX_WAKE_BITSET: return futex_wake(address, private, val, val3);
    case FUTEX_REQUEUE: return futex_requeue(address, address2, private, (int)val, (int)val2, NULL);
    case FUTEX_CMP_REQUEUE: return futex_requeue(address, address2, private, (int)val, (int)val2, &val3);
    case FUTEX_WAKE_OP: return futex_wake_op(address, address2, private, val, val2, val3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2: return futex_lock_pi(address, private, deadline, false);
    case FUTEX_TRYLOCK_PI: return futex_lock_pi(address, private, NO_DEADLINE, true);
    case FUTEX_UNLOCK_PI: return futex_unlock_pi(address, private);
    default: return -ENOSYS;
    }
}
