/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Switching threads, and making a new one that will run.
 *
 * A thread that is not running is its kernel stack pointer alone: context_switch pushes the callee-saved
 * registers, stores the stack pointer, loads another's and returns there. The user's vector registers
 * are kept aside in an XSAVE area, because the kernel itself never uses them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/trap.h"

struct context {
    uint64_t rsp;       /* valid while not running */
    uint64_t stack_top; /* kernel stack's upper end: what TSS.RSP0 and SYSCALL's stack become */
    uint64_t fs_base;   /* user's thread pointer */
    void *fpu;          /* fpu_size() bytes, 64-aligned; NULL for a kernel thread */
};

/* The user's trap frame stands at the very top of the kernel stack. */
static inline struct trapframe *context_frame(const struct context *c) {
    return (struct trapframe *)c->stack_top - 1;
}

/* Save into *from, run *to: stack, TSS.RSP0, fs_base, vector registers. Interrupts off. Returns when
 * something switches back to *from. The page tables are the caller's business (mmu_load). */
void context_switch(struct context *from, struct context *to);

/* Prepare a context whose first switch runs entry(arg) on its stack, interrupts off, never to return. */
void context_init(struct context *, uint64_t stack_top, void (*entry)(void *), void *arg);

/* Leave the kernel by the trap frame at the top of the current stack. */
_Noreturn void context_enter_user(struct trapframe *);

/* The current thread's thread pointer (arch_prctl, exec): into *c and the CPU. Canonical user addresses only. */
void context_set_fs(struct context *c, uint64_t base);

size_t fpu_size(void);             /* bytes of an XSAVE area here */
void fpu_init_area(void *area);    /* the state a new program starts with (SysV ABI: MXCSR 0x1f80, FCW 0x37f) */
void fpu_save(void *area);         /* the current thread's live registers into any area, also a fresh one; for fork */
void fpu_load(const void *area);   /* the area becomes the current thread's live registers; a kernel's area only */
void fpu_load_initial(void);       /* as fpu_init_area and fpu_load; for exec and signal handlers */
uint64_t fpu_features(void);       /* which components an area holds: XCR0's bits */

/* ---- an area that a program could write; sigreturn ---- */
#define FPU_AREA_MAX 2752          /* no area is larger */
void fpu_legacy_header(void *area); /* only its first 512 bytes mean anything */
int fpu_restore(const void *area); /* as fpu_load, or -EFAULT and nothing if it holds what the CPU would refuse */
uint64_t fpu_fixup(uint64_t rip);  /* where to go on if rip is fpu_restore's own load and it faulted; 0: no */
/* Which x87 (simd: SSE and AVX) exceptions the program has unmasked and caused: bits of the status word (SDM Vol. 1, 8.1.3). */
unsigned fpu_exceptions(bool simd);
