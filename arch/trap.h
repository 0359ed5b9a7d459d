/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the CPU and the entry code leave on the kernel stack when ring 3 (or the kernel) is interrupted.
 *
 * The same frame serves exceptions, interrupts and SYSCALL, so that fork can copy it, exec can rewrite
 * it and a debugger can read it. arch/x86_64/entry.asm pushes it; the offsets it uses are asserted here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trapframe {
    uint64_t r15, r14, r13, r12, rbp, rbx;          /* callee-saved */
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector;                                 /* TRAP_SYSCALL for SYSCALL */
    uint64_t error;                                  /* the CPU's error code; for SYSCALL, the call's number */
    uint64_t rip, cs, rflags, rsp, ss;               /* SDM Vol. 3, 6.14.2 */
};

_Static_assert(offsetof(struct trapframe, vector) == 15 * 8, "entry.asm pushes 15 registers");
_Static_assert(sizeof(struct trapframe) == 22 * 8, "entry.asm's frame");

#define TRAP_SYSCALL 256

/* Segment selectors (Linux's, in the order that SYSRET wants), and the flags a program starts with. */
#define KERNEL_CS   0x10
#define KERNEL_SS   0x18
#define USER_SS     0x2b
#define USER_CS     0x33
#define USER_RFLAGS 0x202

static inline bool from_user(const struct trapframe *tf) {
    return (tf->cs & 3) == 3;
}

/*
 * SYSCALL leaves by SYSRET and takes the callee-saved registers, RCX and R11 for what C and the CPU left
 * in them: whoever changes any register of a SYSCALL's frame but RAX, RIP and RSP (signal delivery and
 * return, exec) says so with this, and the slow way out (IRETQ) loads them all.
 */
static inline void trapframe_changed(struct trapframe *tf) {
    tf->vector = TRAP_SYSCALL + 1;
}

/*
 * Implemented by kernel/trap.c; called by the entry code with interrupts off. trap_exception reads CR2 and
 * then puts the interrupt flag back to what the interrupted code had.
 */
void trap_exception(struct trapframe *); /* vectors 0-31 */
void trap_irq(struct trapframe *);       /* device and timer vectors; acknowledges, may switch threads on the way out */
/* The kernel's system call dispatch: called with interrupts on; leaves the result in tf->rax; may return
 * with them off (best, if its last act is to look for a pending signal). */
void trap_syscall(struct trapframe *);
