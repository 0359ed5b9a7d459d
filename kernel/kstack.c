/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Kernel stacks at addresses of their own, so that one that overflows faults instead of writing over
 * another's memory.
 *
 *      KMAP_BASE + n * KSTACK_STEP:   [ unmapped guard ][ 4 frames of stack ]
 *
 * Slots are bits of a map. The last few stacks that were freed stay mapped and are handed out first: a
 * fork that follows an exit maps nothing. Their first word links them.
 *
 * LOCKING  one spinlock over the map and the cache; the stack's frames are (un)mapped outside it.
 */
#include "kernel/kstack.h"

#include "arch/kmap.h"
#include "arch/mmu.h"
#include "kernel/assert.h"
#include "kernel/sync.h"
#include "mm/mm.h"

static struct spinlock lock;
static uint64_t used[KSTACK_MAX / 64];
static vaddr_t cached;
static unsigned ncached;

void kstack_init(void) {
    spin_init(&lock, "kernel stacks");
}

static vaddr_t slot_address(unsigned slot) {
    return KMAP_BASE + (vaddr_t)slot * KSTACK_STEP + (KSTACK_STEP - KSTACK_SIZE);
}

static unsigned slot_number(vaddr_t stack) {
    return (unsigned)((stack - KMAP_BASE) / KSTACK_STEP);
}

static vaddr_t take_slot_locked(void) {
    for (unsigned i = 0; i < KSTACK_MAX / 64; i++) {
        if (~used[i] == 0) continue;
        unsigned bit = (unsigned)__builtin_ctzl(~used[i]);
        used[i] |= 1ul << bit;
        return slot_address(i * 64 + bit);
    }
    return 0;
}

static void give_slot(vaddr_t stack) {
    unsigned slot = slot_number(stack);
    spin_lock(&lock);
    used[slot / 64] &= ~(1ul << (slot % 64));
    spin_unlock(&lock);
}

static void unmap(vaddr_t stack, uint64_t bytes) {
    for (uint64_t at = 0; at < bytes; at += PAGE_SIZE)
        frame_drop((pfn_t)(kunmap_page(stack + at) >> PAGE_SHIFT));
}

static bool map(vaddr_t stack) {
    for (uint64_t at = 0; at < KSTACK_SIZE; at += PAGE_SIZE) {
        pfn_t pfn = frame_alloc(FRAME_KERNEL);
        if (pfn != NO_PFN && kmap_page(stack + at, (paddr_t)pfn << PAGE_SHIFT) == 0) continue;
        if (pfn != NO_PFN) frame_drop(pfn);
        unmap(stack, at);
        return false;
    }
    return true;
}

vaddr_t kstack_alloc(void) {
    spin_lock(&lock);
    vaddr_t stack = cached;
    if (stack) {
        cached = *(vaddr_t *)stack;
        ncached--;
        spin_unlock(&lock);
        return stack;
    }
    stack = take_slot_locked();
    spin_unlock(&lock);
    if (!stack || map(stack)) return stack;
    give_slot(stack);
    return 0;
}

void kstack_free(vaddr_t stack) {
    ASSERT(stack >= KMAP_BASE && slot_number(stack) < KSTACK_MAX);
    spin_lock(&lock);
    if (ncached < KSTACK_CACHE) {
        *(vaddr_t *)stack = cached;
        cached = stack;
        ncached++;
        spin_unlock(&lock);
        return;
    }
    spin_unlock(&lock);
    unmap(stack, KSTACK_SIZE);
    give_slot(stack);
}
