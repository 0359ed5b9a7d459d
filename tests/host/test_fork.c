/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Fork: what the child gets, and what the parent does not pay (contract A7, A8), with pins and advice.
 *
 * pitfalls: B11 B12
 */
#include "tests/host/support.h"

#include <asm/errno.h>
#include <string.h>

#include "mm/space.h"

#define RO (PROT_READ)
#define RW (PROT_READ | PROT_WRITE)
#define P(n) ((n) * PAGE_SIZE)

static struct space *s, *child;
static struct baseline base;

static void begin(void) {
    base = baseline_now();
    s = space_new();
    child = NULL;
}

static void end(const char *what) {
    audit_ok(what);
    if (child) space_end(child);
    space_end(s);
    baseline_ok(&base, what);
}

static struct space_stats stats(struct space *of) {
    struct space_stats st;
    space_get_stats(of, &st);
    return st;
}

static pfn_t frame_at(struct space *of, vaddr_t va) {
    struct walk w;
    mmu_walk(of->pmap.root, va, &w);
    return w.present ? w.pfn : NO_PFN;
}

static void test_locked(void) {
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 8, RW, 0);
    for (unsigned i = 0; i < 8; i++) poke(s, a + P(i), (uint8_t)i);
    space_lock_all(s, MCL_CURRENT | MCL_FUTURE);
    struct space_stats before = stats(s);
    is_int(space_fork(s, &child), 0, "A8: a locked parent forks");
    struct space_stats c = stats(child), p = stats(s);
    is_int(c.locked, 0, "A7: the child has no charge");
    is_int(c.future, 0, "A7: and no MCL_FUTURE");
    ok(p.locked == before.locked && p.future == before.future, "A7: the parent keeps both");
    uint64_t faults = host_faults;
    for (unsigned i = 0; i < 8; i++) poke(s, a + P(i), (uint8_t)(100 + i));
    is_int(host_faults - faults, 0, "A8: the parent's writes take no fault");
    bool old = true;
    for (unsigned i = 0; i < 8; i++) old &= peek(child, a + P(i)) == (int)i;
    ok(old, "A8: and the child has its own copies");
    is_int(space_sync(child, a, P(8), MS_INVALIDATE), 0, "A7: which are not locked");
    is_int(map_anon(child, 1, RW, 0) > 0 && stats(child).locked == 0, 1, "A7: nor is what the child maps");
    end("A7, A8");
}

/* MLOCK_ONFAULT locks too: what was touched must not fault again. */
static void test_on_fault(void) {
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0);
    space_lock(s, a, P(4), true);
    poke(s, a, 1);
    space_fork(s, &child);
    uint64_t faults = host_faults;
    poke(s, a, 2);
    is_int(host_faults - faults, 0, "A8: a page locked on fault stays writable through fork");
    is_int(peek(child, a), 1, "A8: and is the child's own");
    is_int(poke(child, a + P(1), 1), 0, "the child's untouched pages come when touched");
    end("A8: on fault");
}

static void test_unlocked(void) {
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0);
    poke(s, a, 1), poke(s, a + P(1), 2), peek(s, a + P(2));
    host_run(s);
    space_fork(s, &child);
    is_int(frame_at(child, a), frame_at(s, a), "an unlocked page is shared");
    poke(s, a, 11);
    is_int(peek(child, a), 1, "until the parent writes");
    poke(child, a + P(1), 12);
    is_int(peek(s, a + P(1)), 2, "or the child does");
    is_int(poke(child, a + P(2), 3), 0, "a page that was only read can be written");
    is_int(peek(s, a + P(2)), 0, "by one alone");
    struct space *grandchild;
    space_fork(child, &grandchild);
    poke(child, a, 21), poke(grandchild, a, 31);
    ok(peek(s, a) == 11 && peek(child, a) == 21 && peek(grandchild, a) == 31, "three generations, three values");
    audit_ok("with a grandchild");
    space_end(child);
    child = grandchild;
    is_int(peek(grandchild, a + P(1)), 12, "the middle one may end first");
    end("copy on write");
}

static void test_advice(void) {
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0);
    for (unsigned i = 0; i < 4; i++) poke(s, a + P(i), 9);
    is_int(space_advise(s, a + P(1), P(1), MADV_DONTFORK), 0, "E7: MADV_DONTFORK");
    is_int(space_advise(s, a + P(2), P(1), MADV_WIPEONFORK), 0, "E7: MADV_WIPEONFORK");
    space_lock(s, a, P(4), false);
    space_fork(s, &child);
    is_int(peek(child, a), 9, "the rest is copied");
    is_int(peek(child, a + P(1)), -EFAULT, "E7: DONTFORK: not there in the child");
    is_int(peek(child, a + P(2)), 0, "E7: WIPEONFORK: zeroes in the child");
    is_int(peek(s, a + P(2)), 9, "and as it was in the parent");
    end("advice about fork");
}

static void test_shared(void) {
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 2, RW, MAP_SHARED);
    poke(s, a, 1);
    space_lock(s, a, P(2), false);
    space_fork(s, &child);
    poke(child, a, 2);
    is_int(peek(s, a), 2, "shared memory stays shared");
    space_unlock_all(child);
    is_int(space_sync(s, a, P(2), MS_INVALIDATE), -EBUSY, "L15: the child's munlockall unlocks nothing of the parent's");
    end("shared memory");
}

/* Protected pages: what is parked, or was made read-only after it was written. */
static void test_protected(void) {
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 3, RW, 0);
    for (unsigned i = 0; i < 3; i++) poke(s, a + P(i), (uint8_t)(i + 1));
    space_lock(s, a, P(3), false);
    space_protect(s, a, P(1), PROT_NONE);
    space_protect(s, a + P(1), P(1), RO);
    space_fork(s, &child);
    is_int(host_touch(child, a, FAULT_READ), -EACCES, "PROT_NONE in the child too");
    uint64_t faults;
    space_protect(s, a, P(2), RW);
    faults = host_faults;
    poke(s, a, 50), poke(s, a + P(1), 51);
    is_int(host_faults - faults, 0, "L17, A8: opened again in the parent, both take no fault");
    space_protect(child, a, P(3), RW);
    ok(peek(child, a) == 1 && peek(child, a + P(1)) == 2 && peek(child, a + P(2)) == 3, "the child has what was there");
    end("protected pages");
}

/* X5: fork between two slices of a running request treats the range as locked. */
static void test_running_job(void) {
    struct lock_job j;
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 8, RW, 0);
    poke(s, a, 1);
    lock_job_init(&j, s, a, P(8), false, true);
    lock_job_begin(&j);
    lock_job_step(&j, 3);
    is_int(space_fork(s, &child), 0, "X5: fork goes between two slices");
    uint64_t faults = host_faults;
    poke(s, a, 2);
    is_int(host_faults - faults, 0, "X5, A8: what was brought in stays writable");
    is_int(peek(child, a), 1, "and is copied");
    while (lock_job_step(&j, 3) > 0) continue;
    lock_job_finish(&j, true);
    is_int((long)stats(s).locked, 8, "the request ends as if nothing had been");
    is_int((long)stats(child).locked, 0, "A7: and only for the parent");
    end("fork of a running request");
}

/* A device works on pinned pages: they stay the parent's. */
static void test_pins(void) {
    struct pinned pins;
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0);
    poke(s, a, 1);
    is_int(space_pin(s, a + 5, P(2), true, &pins), 0, "three pages are pinned for a transfer");
    is_int((long)pins.n, 3, "as many as the bytes touch");
    is_int((long)stats(s).pinned, 3, "B3: and counted");
    space_fork(s, &child);
    *(uint8_t *)frame_addr(pins.frames[0]) = 77;
    is_int(peek(s, a), 77, "what the device writes arrives in the parent");
    is_int(peek(child, a), 1, "and not in the child");
    is_int(space_unmap(s, a, P(4)), 0, "pinned memory can be unmapped");
    *(uint8_t *)frame_addr(pins.frames[1]) = 78;
    audit_ok("unmapped while pinned");
    pinned_release(&pins);
    is_int((long)stats(s).pinned, 0, "and its frames go with the pins");
    struct pinned none;
    vaddr_t ro = (vaddr_t)map_anon(s, 2, RO, 0);
    is_int(space_pin(s, ro, P(2), true, &none), -EFAULT, "read-only memory is not pinned for writing");
    is_int(space_pin(s, ro, P(3), false, &none), -EFAULT, "nor what runs into a hole");
    is_int(space_pin(s, UINT64_MAX - 5, P(1), false, &none), -EFAULT, "nor what wraps");
    is_int(space_pin(s, ro, P(2), false, &none), 0, "for reading it is");
    pinned_release(&none);
    end("pins");
}

/* B12: a kernel pin and a user's lock, one inside the other, both ways. */
static void test_pin_and_lock(void) {
    struct pinned pins;
    base = baseline_now();
    s = space_new_limited(4);
    child = NULL;
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0), b = (vaddr_t)map_anon(s, 4, RW, 0);
    space_pin(s, a, P(4), true, &pins);
    is_int(space_lock(s, a, P(4), false), 0, "B11: a pin costs nothing of the lock limit");
    pinned_release(&pins);
    is_int((long)stats(s).locked, 4, "B12: the pin goes, the charge stays");
    is_int(space_pin(s, b, P(4), true, &pins), 0, "B11: a pin asks no lock limit");
    space_unlock(s, a, P(4));
    is_int((long)stats(s).locked, 0, "B12: the lock goes, the pin stays");
    is_int((long)stats(s).pinned, 4, "B12: counted by itself");
    pinned_release(&pins);
    end("pins and locks");
}

int main(void) {
    mm_start(32);
    test_locked();
    test_on_fault();
    test_unlocked();
    test_advice();
    test_shared();
    test_protected();
    test_running_job();
    test_pins();
    test_pin_and_lock();
    return done_testing();
}
