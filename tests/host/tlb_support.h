/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the tests of shootdown share: loading spaces on CPUs, pages that come and go in them, and what was counted.
 */
#pragma once

#include "tests/host/support.h"

#include "arch/mmu.h"
#include "arch/pmap.h"
#include "boot/bootinfo.h"

#define VA 0x10000000ul
#define PAGES 8

static struct tlb_stats past;

#define count_from_here() tlb_get_stats(&past)

#define counted(field, n, ...) \
    do {                       \
        struct tlb_stats now_; \
        tlb_get_stats(&now_);  \
        is_int((long)(now_.field - past.field), n, __VA_ARGS__); \
    } while (0)

static void load_on(unsigned cpu, struct pmap *p) {
    host_turn(cpu);
    pmap_load(p);
    host_note_program(p != NULL);
}

/* This CPU walks ahead: it knows every page that there is. */
static void know_pages(void) {
    for (unsigned page = 0; page < PAGES; page++) mmu_speculate(VA + page * PAGE_SIZE);
}

static void map_page(struct pmap *p, vaddr_t va) {
    pfn_t pfn = frame_alloc_zero(FRAME_ANON);
    spin_lock(&p->lock);
    pmap_set(p, pmap_make(p, va), pte_make(pfn, true, false));
    spin_unlock(&p->lock);
}

/* Clear and note, as mm/ does; the batch is not finished. */
static void take_page(struct pmap *p, vaddr_t va, struct flush *f) {
    pte_t *slot = pmap_find(p, va);
    pfn_t pfn = pte_pfn(*slot);
    pmap_set(p, slot, 0);
    flush_page(f, va);
    flush_drop(f, pfn);
}

static void unmap_page(struct pmap *p, vaddr_t va) {
    struct flush f;
    flush_begin(&f, p);
    spin_lock(&p->lock);
    take_page(p, va, &f);
    pmap_prune(p, va, &f);
    spin_unlock(&p->lock);
    flush_finish(&f); /* outside, so that others may take the lock between its steps */
}

static void unmap_pages(struct pmap *p) {
    for (unsigned i = 0; i < PAGES; i++) {
        pte_t *slot = pmap_find(p, VA + i * PAGE_SIZE);
        if (slot && *slot) unmap_page(p, VA + i * PAGE_SIZE);
    }
}

/* A machine with frames alone: no space but those of a test. */
static void power_on(void) {
    host_power(64 * MIB);
    frame_init(&boot_info);
    heap_init();
    frame_promise(8000);
}
