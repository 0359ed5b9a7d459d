/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The block that the thread pointer (FS) names, one a thread.
 *
 *     [ thread-local variables, initialised from PT_TLS ] [ struct thread_block ]
 *                                                         ^ FS base
 *
 * The x86-64 ABI wants the block's own address at 0 (TLS variant II) and the compilers want the
 * stack protector's guard at 0x28.
 */
#pragma once

#include <stddef.h>

struct thread_block {
    struct thread_block *self;
    unsigned long unused[4];
    unsigned long stack_guard;
    int error; /* errno */
};

_Static_assert(offsetof(struct thread_block, stack_guard) == 0x28, "where compilers look for it");

static inline struct thread_block *this_thread(void) {
    struct thread_block *t;

    __asm__("movq %%fs:0, %0" : "=r"(t));
    return t;
}
