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
 * fork that follows an exit maps nothing. Their first word links them. More of them than that are unmapped
 * together, with one flush of all CPUs, by the next kstack_free that may wait for other CPUs, or by a thread on its
 * way out (a machine may never be idle, and the frames be wanted); an idle CPU sees to the rest (kstack_trim).
 *
 * LOCKING  one spinlock over the map and the cache; the stack's frames are (un)mapped outside it, stacks that go with
 *          preemption off, so that nobody waits long for one that is on its way.
 * INVARIANTS  A slot's bit is cleared, and its frames are dropped, only after every CPU has forgotten them.
 */
#include "kernel/kstack.h"

#include "arch/kmap.h"
#include "arch/mmu.h"
#include "kernel/assert.h"
#include "kernel/pager.h"
#include "kernel/preempt.h"
#include "kernel/sync.h"
#include "mm/mm.h"

static struct spinlock lock;
static uint64_t used[KSTACK_MAX / 64] GUARDED_BY(&lock);
static vaddr_t cached GUARDED_BY(&lock);
static unsigned ncached GUARDED_BY(&lock);
static unsigned out GUARDED_BY(&lock); /* stacks that threads have */
static unsigned leaving; /* how many have left the cache and are not gone yet */

void kstack_init(void) {
    spin_init(&lock, "kernel stacks");
}

static vaddr_t slot_address(unsigned slot) {
    return KMAP_BASE + (vaddr_t)slot * KSTACK_STEP + (KSTACK_STEP - KSTACK_SIZE);
}

static unsigned slot_number(vaddr_t stack) {
    return (unsigned)((stack - KMAP_BASE) / KSTACK_STEP);
}

static vaddr_t take_slot_locked(void) REQUIRES(&lock) {
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

/* Batches: what they hold is unmapped, and nobody else's yet. */
struct batch {
    unsigned stacks, frames;
    vaddr_t stack[KSTACK_BATCH];
    pfn_t frame[KSTACK_BATCH * KSTACK_SIZE / PAGE_SIZE];
};

static void unmap(struct batch *b, vaddr_t stack, uint64_t bytes) {
    for (uint64_t at = 0; at < bytes; at += PAGE_SIZE)
        b->frame[b->frames++] = (pfn_t)(kunmap_page(stack + at) >> PAGE_SHIFT);
    b->stack[b->stacks++] = stack;
}

static void finish(struct batch *b) {
    if (!b->stacks) return;
    kmap_flush();
    for (unsigned i = 0; i < b->frames; i++) frame_drop(b->frame[i]);
    for (unsigned i = 0; i < b->stacks; i++) give_slot(b->stack[i]);
}

/* False: no memory, and the slot is given back. */
static bool map(vaddr_t stack) {
    for (uint64_t at = 0; at < KSTACK_SIZE; at += PAGE_SIZE) {
        pfn_t pfn = frame_alloc(FRAME_KERNEL);
        if (pfn != NO_PFN && kmap_page(stack + at, (paddr_t)pfn << PAGE_SHIFT) == 0) continue;
        if (pfn != NO_PFN) frame_drop(pfn);
        struct batch b = {.stacks = 0};
        unmap(&b, stack, at);
        finish(&b);
        return false;
    }
    return true;
}

/* 0: no more than `keep` are cached. */
static vaddr_t take_cached_locked(unsigned keep) REQUIRES(&lock) {
    if (ncached <= keep) return 0;
    vaddr_t stack = cached;
    cached = *(vaddr_t *)stack;
    ncached--;
    return stack;
}

/* How many stacks the caller may see handed out. */
static unsigned limit(void) {
    return current_is_pager() ? KSTACK_MAX : KSTACK_MAX - KSTACK_PAGERS;
}

/* May the caller have one more? Then it counts. */
static bool count_locked(void) REQUIRES(&lock) {
    bool ok = out < limit();
    out += ok;
    return ok;
}

vaddr_t kstack_alloc(void) {
    spin_lock(&lock);
    bool ok = count_locked();
    vaddr_t stack = ok ? take_cached_locked(0) : 0;
    bool mapped = stack;
    if (ok && !stack) stack = take_slot_locked();
    spin_unlock(&lock);
    if (!stack || mapped || map(stack)) return stack;
    spin_lock(&lock);
    out--;
    spin_unlock(&lock);
    return 0;
}

bool kstack_none_left(void) {
    spin_lock(&lock);
    bool none = out >= limit();
    spin_unlock(&lock);
    return none;
}

void kstack_free(vaddr_t stack) {
    ASSERT(stack >= KMAP_BASE && slot_number(stack) < KSTACK_MAX);
    spin_lock(&lock);
    *(vaddr_t *)stack = cached;
    cached = stack;
    ncached++;
    out--;
    spin_unlock(&lock);
    if (kmap_can_flush()) kstack_trim(1);
}

/* A batch of what is cached beyond `keep`. False: there is none. */
static bool trim(unsigned keep) {
    vaddr_t stack;
    struct batch b = {.stacks = 0};
    preempt_disable();
    do {
        spin_lock(&lock);
        stack = take_cached_locked(keep);
        if (stack) __atomic_add_fetch(&leaving, 1, __ATOMIC_RELAXED);
        spin_unlock(&lock);
        if (stack) unmap(&b, stack, KSTACK_SIZE);
    } while (stack && b.stacks < KSTACK_BATCH);
    finish(&b);
    __atomic_sub_fetch(&leaving, b.stacks, __ATOMIC_RELEASE);
    preempt_enable();
    return b.stacks;
}

void kstack_trim(unsigned least) {
    if (__atomic_load_n(&ncached, __ATOMIC_RELAXED) < KSTACK_CACHE + least) return;
    while (trim(KSTACK_CACHE)) {}
}

void kstack_trim_all(void) {
    while (trim(0) || __atomic_load_n(&leaving, __ATOMIC_ACQUIRE)) {}
}
