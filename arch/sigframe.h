/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a signal handler finds on its stack, and the way back from it. Linux's struct rt_sigframe exactly, since
 * programs, unwinders and debuggers read it:
 *
 *      higher   the interrupted stack, and 128 bytes below it that belong to it (the ABI's red zone)
 *               FP_XSTATE_MAGIC2
 *               the XSAVE area, at a multiple of 64    <-- uc_mcontext.fpstate
 *               siginfo_t                              <-- rsi
 *               struct ucontext: registers, mask, alternate stack  <-- rdx
 *      rsp -->  the restorer's address                 (rsp + 8 is a multiple of 16)
 *
 * All of it is the program's to change before it comes back, and nothing of it is believed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "arch/context.h"

struct sigframe_altstack {
    uint64_t sp, size;
    uint32_t flags;
};

/* The exception that the thread had last, for the handler to see. */
struct sigframe_fault {
    uint64_t vector, error, address;
};

struct sigframe {
    uint64_t handler, restorer;
    uint64_t stack;             /* the frame goes below this */
    uint64_t low;               /* and not below this */
    uint64_t mask;              /* to be put back on return */
    struct sigframe_altstack altstack;
    struct sigframe_fault fault;
    const void *info;           /* 48 bytes: the front of a siginfo_t */
    int sig;
};

/* Push the frame and turn *tf into the start of the handler, its vector registers as a program's first ones.
 * 0, or -EFAULT: nothing has changed. Both may sleep; the running thread's context. */
int sigframe_push(struct trapframe *tf, struct context *, const struct sigframe *);

/* rt_sigreturn: all registers from the frame that the stack pointer stands above, made harmless: segments, flags and
 * RIP are ring 3's own. -EFAULT: it cannot be read or cannot be (nothing has changed). */
int sigframe_pop(struct trapframe *tf, uint64_t *mask, struct sigframe_altstack *);

/* The most that a frame takes from a stack, alignment included. */
size_t sigframe_size(void);
