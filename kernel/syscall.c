/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * From a number to a function. The cases come from abi/syscalls.tbl by way of the build; arguments are
 * in Linux's registers (rdi rsi rdx r10 r8 r9), the result or negative errno goes back in rax.
 *
 * The way out looks for something to attend to with interrupts off, and they stay off until ring 3: a
 * signal that comes later will find its interrupt.
 */
#include <asm/errno.h>

#include "arch/trap.h"
#include "kernel/assert.h"
#include "kernel/lockdep.h"
#include "kernel/process.h"
#include "kernel/trace.h"
#include "kernel/trap.h"
#include "mm/mm.h"
#include "gen/syscalls.h"

#define LOGGED 2048u /* numbers above share the last bit */

/* A call that is not in the table: answer, and say so once for each number. */
static long unknown(uint64_t number) {
    static uint64_t said[LOGGED / 64];
    uint64_t n = number < LOGGED ? number : LOGGED - 1, bit = 1ul << (n % 64);
    if (!(__atomic_fetch_or(&said[n / 64], bit, __ATOMIC_RELAXED) & bit))
        log_line("process %d (%s): no system call %lu (said once)", current_process()->pid, current_process()->name, number);
    return -ENOSYS;
}

#define SYSCALL0(nr, name) case nr: return sys_##name();
#define SYSCALL1(nr, name) case nr: return sys_##name(tf->rdi);
#define SYSCALL2(nr, name) case nr: return sys_##name(tf->rdi, tf->rsi);
#define SYSCALL3(nr, name) case nr: return sys_##name(tf->rdi, tf->rsi, tf->rdx);
#define SYSCALL4(nr, name) case nr: return sys_##name(tf->rdi, tf->rsi, tf->rdx, tf->r10);
#define SYSCALL5(nr, name) case nr: return sys_##name(tf->rdi, tf->rsi, tf->rdx, tf->r10, tf->r8);
#define SYSCALL6(nr, name) case nr: return sys_##name(tf->rdi, tf->rsi, tf->rdx, tf->r10, tf->r8, tf->r9);

static inline long dispatch(const struct trapframe *tf) {
    switch (tf->error) {
#include "gen/syscalls.inc"
    default: return unknown(tf->error);
    }
}

void trap_syscall(struct trapframe *tf) {
    trace(TRACE_SYSCALL, tf->error, tf->rdi);
    tf->rax = (uint64_t)dispatch(tf);
    pageout_check();
    irq_disable();
    if (__builtin_expect(__atomic_load_n(&current()->attention, __ATOMIC_RELAXED), 0)) user_return(tf);
    lockdep_none_held("on the way to ring 3");
}
