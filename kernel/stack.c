/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Walking the stack by frame pointers, for those who keep where something happened.
 *
 *   rbp -> [ caller's rbp ][ return address ]      each frame above the one before, on one stack
 *
 * A thread's first frame holds whatever ring 3 had in rbp. So a page is asked for in the kernel's tables before
 * it is read, once a page; and a return address outside the text ends the walk.
 */
#include "kernel/stack.h"

#include "arch/mmu.h"
#include "kernel/assert.h"
#include "kernel/log.h"

#define REACH (64 * 1024ul)

extern char kernel_start[], text_end[];

static bool is_text(uint64_t pc) {
    return pc >= (uint64_t)kernel_start && pc < (uint64_t)text_end;
}

/* Both words at rbp may be read. *page is the last that was asked for. */
static bool readable(uint64_t rbp, uint64_t *page) {
    if (rbp % 8 || (rbp & PAGE_MASK) > PAGE_SIZE - 16) return false;
    if (page_floor(rbp) == *page) return true;
    *page = page_floor(rbp);
    return mmu_kernel_maps(rbp);
}

void stack_save(struct stack *s, unsigned skip) {
    uint64_t rbp = (uint64_t)__builtin_frame_address(0), limit = rbp + REACH, page = page_floor(rbp);
    unsigned n = 0;
    while (n < STACK_DEPTH && rbp < limit && readable(rbp, &page)) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (!is_text(frame[1])) break;
        if (skip) skip--;
        else s->pc[n++] = frame[1];
        if (frame[0] <= rbp) break;
        rbp = frame[0];
    }
    if (n < STACK_DEPTH) s->pc[n] = 0;
}

void stack_print(const struct stack *s) {
    for (unsigned i = 0; i < STACK_DEPTH && s->pc[i]; i++) {
        unsigned long offset;
        const char *name = ksym_name(s->pc[i] - 1, &offset); /* the call, for it may be the function's last word */
        if (name) log_line("    %#lx %s+%#lx", s->pc[i], name, offset + 1);
    }
}
