/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the tests of page-out share: pages that are told apart, pages sent away, and a disk whose answers wait.
 *
 *     put(p, 8, 3)      8 pages of generation 3          has(p, 8, 3)   they are what they were
 *     out(p, 8)         they leave memory                core_map(p, 8) is then "00000000"
 *     hold_disk(); ... go_disk();      what is asked of a disk in between is answered afterwards: who calls is locked
 *
 * A page's words are made of its address (of where it was put) and generation, so that one which comes back old,
 * zero, or in another's place is found.
 */
#pragma once

#include <sys/swap.h>

#include "tests/user/support.h"

#define WORDS (PG / sizeof(uint64_t))

static inline uint64_t word_of_(const void *place, unsigned i, unsigned generation) {
    return ((uintptr_t)place + 8 * i + 1) * 0x9e3779b97f4a7c15ul ^ (generation + 1ul) * 0xd1b54a32d192ed03ul;
}

/* One page, as if it were at `place`. */
UNUSED static void put_as(char *p, const void *place, unsigned generation) {
    uint64_t *w = (uint64_t *)p;
    for (unsigned i = 0; i < WORDS; i++) w[i] = word_of_(place, i, generation);
}

UNUSED static bool has_as(const char *p, const void *place, unsigned generation) {
    const uint64_t *w = (const uint64_t *)p;
    for (unsigned i = 0; i < WORDS; i++)
        if (w[i] != word_of_(place, i, generation)) return false;
    return true;
}

UNUSED static void put(char *p, size_t pages, unsigned generation) {
    for (size_t i = 0; i < pages; i++) put_as(p + i * PG, p + i * PG, generation);
}

/* All of them: touches each page, to read. */
UNUSED static bool has(const char *p, size_t pages, unsigned generation) {
    for (size_t i = 0; i < pages; i++)
        if (!has_as(p + i * PG, p + i * PG, generation)) return false;
    return true;
}

/* Pages of p that are in memory. */
UNUSED static size_t resident(const void *p, size_t pages) {
    size_t n = 0;
    for (size_t i = 0; i < pages; i++) n += core_letter((const char *)p + i * PG) == '1';
    return n;
}

/* Sends n pages away: all of them, though it take more than one go. */
UNUSED static void out(void *p, size_t pages) {
    for (int i = 0; i < 1000; i++) {
        if (madvise(p, pages * PG, MADV_PAGEOUT) != 0) bail_out("MADV_PAGEOUT: %s", strerror(errno));
        if (resident(p, pages) == 0) return;
        sched_yield();
    }
    bail_out("%zu of %zu pages do not leave memory", resident(p, pages), pages);
}

/* Everything that may leave memory does, of all processes; and all that is written has been. */
UNUSED static void evict_all(void) {
    if (set_knob("debug.evict", 1) != 0) bail_out("debug.evict: %s", strerror(errno));
}

UNUSED static void hold_disk(void) {
    if (set_knob("debug.port.hold", 1) != 0) bail_out("debug.port.hold: %s", strerror(errno));
}

UNUSED static void go_disk(void) {
    set_knob("debug.port.hold", 0);
}

/* Until so many requests wait for a held disk. */
UNUSED static void await_requests(uint64_t n) {
    while (knob("debug.port.requests") < n) sched_yield();
}

/* An audit beside others that never rest: each look may find something on its way, and it takes many until one does not. What is
 * broken stays so. */
UNUSED static bool audit_at_work(void) {
    for (int i = 0; i < 50; i++)
        if (knob("debug.audit") == 0) return true;
    return audit_clean();
}

/* Pages of swap in use. What was read back keeps its slot until it is written to, locked or not: of such copies, which
 * were there before, there may be fewer afterwards. What nothing names is the auditor's to find. */
UNUSED static uint64_t slots_used(void) {
    return knob("vm.swap.total") - knob("vm.swap.free");
}

UNUSED static size_t ram_pages(void) {
    return (size_t)proc_pages("/proc/meminfo", "MemTotal");
}

/* So many threads, or processes, one on each CPU. */
UNUSED static unsigned cpus(void) {
    return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}
