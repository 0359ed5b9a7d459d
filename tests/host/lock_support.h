/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the tests of the lock engine share: a space that begins and ends with each of them, and how its locks look.
 */
#pragma once

#include "tests/host/support.h"

#include <asm/errno.h>

#include "mm/space.h"

#define RO (PROT_READ)
#define RW (PROT_READ | PROT_WRITE)
#define P(n) ((n) * PAGE_SIZE)

static struct space *s;
static struct baseline base;

static void begin(uint64_t limit) {
    base = baseline_now();
    s = limit == UINT64_MAX ? space_new() : space_new_limited(limit);
}

static void end(const char *what) {
    audit_ok(what);
    space_end(s);
    baseline_ok(&base, what);
}

static uint64_t locked(void) {
    struct space_stats st;
    space_get_stats(s, &st);
    return st.locked;
}

/* Which of 16 pages are in locked regions, as a string of N, f and L: the lock map that L4 protects. */
static const char *lock_map(vaddr_t a) {
    static char text[4][17];
    static unsigned turn;
    char *t = text[turn++ % 4];
    for (unsigned i = 0; i < 16; i++) {
        struct region_info r;
        bool there = space_region_at(s, a + P(i), &r) && r.start <= a + P(i);
        t[i] = !there ? '.' : !r.locked ? 'N' : r.on_fault ? 'f' : 'L';
    }
    t[16] = 0;
    return t;
}
