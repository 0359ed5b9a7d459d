/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The only way from the kernel to a program's memory.
 *
 * Each checks that [user, user+len) lies in user space without wrapping, opens SMAP for the copy alone,
 * and turns a fault that the space cannot resolve into -EFAULT through the entry in the fix-up table:
 * bytes before the failing one have been copied. May sleep (page faults): no space lock held. Under a spinlock
 * nothing can be brought in, and what is not there is -EFAULT: the caller lets go, touches the place and tries again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int copyin(void *to, uint64_t user, size_t len);        /* 0 or -EFAULT */
int copyout(uint64_t user, const void *from, size_t len);
int clear_user(uint64_t user, size_t len);
/* Copies a string with its NUL, at most size bytes: its length without the NUL, -EFAULT, or -ENAMETOOLONG. */
long copyin_str(char *to, uint64_t user, size_t size);
/* If the aligned word is *expected, make it `new`, in one step: 0. Another value: 1, and it is in *expected. Or -EFAULT. */
int user_swap(uint64_t user, uint32_t *expected, uint32_t new);

/* Is [user, user+len) inside user space, without wrapping? */
static inline int user_range_ok(uint64_t user, uint64_t len) {
    return len <= 0x7ffffffff000ul && user <= 0x7ffffffff000ul - len;
}
