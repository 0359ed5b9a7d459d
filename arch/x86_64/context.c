/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Switching from one thread to another: what belongs to the user first (vector registers, thread pointer),
 * then where the next entry from ring 3 will find its stack, then the stack itself.
 *
 * A kernel thread (fpu == NULL) has no user state: what the CPU holds is stale then, and the next user
 * thread loads its own over it.
 *
 * LOCKING  interrupts off.
 * INVARIANTS  The live vector registers and FS base are those of the last user thread that ran, and a user
 * thread's area is current whenever it does not run.
 */
#include "arch/context.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"

void stack_switch(uint64_t *save_rsp, uint64_t load_rsp); /* switch.asm */
void context_start(void);

/* What stack_switch pops. */
struct stopped {
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

void context_switch(struct context *from, struct context *to) {
    if (from->fpu) fpu_put_back(from->fpu);
    if (to->fpu) {
        fpu_load(to->fpu);
        wrmsr(MSR_FS_BASE, to->fs_base);
    }
    cpu_set_kernel_stack(to->stack_top);
    stack_switch(&from->rsp, to->rsp);
}

void context_init(struct context *c, uint64_t stack_top, void (*entry)(void *), void *arg) {
    ASSERT(stack_top % 16 == 0);
    /* Room for a user's trap frame at the top, though a kernel thread never has one; context_start's call
     * then sees a stack aligned as the ABI wants. */
    struct stopped *s = (struct stopped *)(stack_top - 22 * 8) - 1;
    *s = (struct stopped){.rbx = (uint64_t)entry, .r12 = (uint64_t)arg, .rip = (uint64_t)context_start};
    c->stack_top = stack_top;
    c->rsp = (uint64_t)s;
}

void context_set_fs(struct context *c, uint64_t base) {
    c->fs_base = base;
    wrmsr(MSR_FS_BASE, base);
}
