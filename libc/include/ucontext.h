/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <ucontext.h>: what a signal handler's third argument points to (Linux's struct ucontext; the
 * names of the registers are those of Linux's C libraries). Changes that a handler makes take
 * effect when it returns. The calls that switch contexts are not here: POSIX has dropped them.
 */
#pragma once

#include <asm/sigcontext.h>
#include <signal.h>

typedef long greg_t;
typedef greg_t gregset_t[23];
typedef struct _fpstate *fpregset_t;

enum {
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RDI, REG_RSI, REG_RBP,
    REG_RBX, REG_RDX, REG_RAX, REG_RCX, REG_RSP, REG_RIP, REG_EFL, REG_CSGSFS, REG_ERR, REG_TRAPNO,
    REG_OLDMASK, REG_CR2
};

typedef struct {
    gregset_t gregs;
    fpregset_t fpregs; /* as FXSAVE or XSAVE write it; NULL: none saved */
    unsigned long __reserved[8];
} mcontext_t;

typedef struct __ucontext {
    unsigned long uc_flags;
    struct __ucontext *uc_link;
    stack_t uc_stack;
    mcontext_t uc_mcontext;
    sigset_t uc_sigmask;
} ucontext_t;
