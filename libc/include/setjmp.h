/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <setjmp.h>: jumping out of functions (C17 7.13, POSIX). setjmp does not keep the signal mask;
 * sigsetjmp does when asked.
 */
#pragma once

#include <signal.h>

struct __jmp_buf {
    unsigned long regs[8]; /* rbx rbp r12 r13 r14 r15 rsp rip, as libc/start/setjmp.asm has it */
    int has_mask;
    sigset_t mask;
};

typedef struct __jmp_buf jmp_buf[1];
typedef struct __jmp_buf sigjmp_buf[1];

int setjmp(jmp_buf) __attribute__((returns_twice));
int _setjmp(jmp_buf) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf, int);
_Noreturn void _longjmp(jmp_buf, int);
_Noreturn void siglongjmp(sigjmp_buf, int);

void __keep_mask(sigjmp_buf, int save);
#define setjmp(env)          setjmp(env)
#define sigsetjmp(env, save) (__keep_mask(env, save), setjmp(env))
