/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Spaces on several CPUs: what other CPUs' TLBs hold when a call returns (contract L2, X6), and which calls
 * interrupt them at all.
 */
#include "tests/host/support.h"

#include "arch/mmu.h"
#include "mm/space.h"

static struct tlb_stats past;

static uint64_t interrupted(void) {
    struct tlb_stats now;
    tlb_get_stats(&now);
    uint64_t n = now.interrupted - past.interrupted;
    past = now;
    return n;
}

static int touch_on(unsigned cpu, struct space *s, vaddr_t va, int access) {
    host_turn(cpu);
    int err = host_touch(s, va, access);
    host_turn(0);
    return err;
}

/* A page that CPUs 0 and 1 know, of a region with these rights. */
static vaddr_t known_page(struct space *s, int prot) {
    vaddr_t va = (vaddr_t)map_anon(s, 1, PROT_READ | PROT_WRITE, 0);
    poke(s, va, 1);
    space_protect(s, va, PAGE_SIZE, prot);
    touch_on(0, s, va, FAULT_READ);
    touch_on(1, s, va, FAULT_READ);
    interrupted();
    return va;
}

static void test_growth(void) {
    struct space *s = space_new();
    vaddr_t va = known_page(s, PROT_READ);
    is_int(space_protect(s, va, PAGE_SIZE, PROT_READ | PROT_WRITE), 0, "a page of two CPUs may be written from now on");
    is_int(interrupted(), 0, "nobody is interrupted");
    ok(mmu_refuses(s->pmap.root, va), "the other CPU still holds the lesser entry");
    is_int(touch_on(1, s, va, FAULT_WRITE), 0, "and finds out by a fault");
    is_int(space_protect(s, va, PAGE_SIZE, PROT_READ), 0, "fewer rights");
    is_int(interrupted(), 1, "do interrupt");
    touch_on(1, s, va, FAULT_READ);
    space_protect(s, va, PAGE_SIZE, PROT_READ | PROT_WRITE);
    is_int(interrupted(), 0, "more do not");
    is_int(space_lock(s, va, PAGE_SIZE, false), 0, "the page is locked");
    is_int(interrupted(), 1, "now the other CPU has to know");
    ok(!mmu_refuses(s->pmap.root, va), "L2: and takes no fault for what it did not know");
    is_int(space_lock(s, va, PAGE_SIZE, false), 0, "locked again");
    is_int(interrupted(), 0, "once is enough");
    space_protect(s, va, PAGE_SIZE, PROT_READ);
    touch_on(1, s, va, FAULT_READ);
    interrupted();
    space_protect(s, va, PAGE_SIZE, PROT_READ | PROT_WRITE);
    is_int(interrupted(), 1, "L2: growth on a locked page is told at once");
    ok(!mmu_refuses(s->pmap.root, va), "L2: and no CPU holds less");
    space_end(s);
}

/* The other ways in which a page becomes locked. */
static void test_growth_then_lock(void) {
    for (int way = 0; way < 3; way++) {
        struct space *s = space_new();
        vaddr_t va = known_page(s, PROT_READ);
        space_protect(s, va, PAGE_SIZE, PROT_READ | PROT_WRITE);
        touch_on(1, s, va, FAULT_READ);
        if (way == 0) space_lock_all(s, MCL_CURRENT);
        if (way == 1) space_lock_all(s, MCL_CURRENT | MCL_ONFAULT);
        if (way == 2) space_lock(s, va, PAGE_SIZE, true);
        ok(!mmu_refuses(s->pmap.root, va), "L2: after %s", way == 0 ? "mlockall" : way == 1 ? "mlockall, on fault" : "mlock2");
        space_end(s);
    }
}

/* CPU 1 knows less than the tables say, and runs another space when the page is locked. */
static void test_growth_elsewhere(void) {
    struct space *s = space_new(), *t = space_new();
    vaddr_t va = known_page(s, PROT_READ);
    space_protect(s, va, PAGE_SIZE, PROT_READ | PROT_WRITE);
    host_turn(1);
    host_run(t);
    host_turn(0);
    is_int(space_lock(s, va, PAGE_SIZE, false), 0, "a page is locked that a CPU knows which runs another space");
    is_int(interrupted(), 0, "which is no reason to interrupt it");
    uint64_t faults = host_faults;
    is_int(touch_on(1, s, va, FAULT_WRITE), 0, "when it is back");
    is_int(host_faults - faults, 0, "L2: it takes no fault");
    space_end(t);
    space_end(s);
}

static void test_copy(void) {
    struct space *s = space_new(), *child;
    vaddr_t va = known_page(s, PROT_READ | PROT_WRITE);
    is_int(space_fork(s, &child), 0, "a space of two CPUs forks");
    is_int(interrupted(), 1, "the other CPU loses the right to write");
    touch_on(1, s, va, FAULT_READ);
    poke(s, va, 2);
    is_int(interrupted(), 1, "one CPU's write makes a copy, and the other is told");
    host_turn(1);
    is_int(peek(s, va), 2, "it reads what was written");
    host_turn(0);
    is_int(peek(child, va), 1, "and the child what was there");
    host_run(s);
    space_end(child);
    space_end(s);
}

/* Everything that a worker without a space does to one that runs elsewhere. */
static void test_worker(void) {
    struct space *s = space_new();
    struct lock_job j;
    vaddr_t va = (vaddr_t)map_anon(s, 4, PROT_READ | PROT_WRITE, 0);
    for (unsigned i = 0; i < 4; i++) touch_on(1, s, va + i * PAGE_SIZE, FAULT_READ); /* the frame of zeroes */
    host_turn(0);
    host_run(NULL);
    interrupted();
    lock_job_init(&j, s, va, 4 * PAGE_SIZE, false, true);
    is_int(lock_job_begin(&j), 0, "X5: a worker begins on a space that runs elsewhere");
    while (lock_job_step(&j, 1) > 0) continue;
    lock_job_finish(&j, true);
    is_int(interrupted(), 4, "each page that gets a frame of its own is told to the CPU that runs it");
    uint64_t faults = host_faults;
    host_turn(1);
    for (unsigned i = 0; i < 4; i++) host_touch(s, va + i * PAGE_SIZE, FAULT_WRITE);
    is_int(host_faults - faults, 0, "L2: which takes no fault then");
    host_turn(0);
    space_end(s);
}

int main(void) {
    mm_start(64);
    struct baseline base = baseline_now();
    for (int pcids = 0; pcids < 2; pcids++) {
        diag("CPUs %s process-context identifiers", pcids ? "with" : "without");
        mmu_has_pcids = pcids;
        test_growth();
        test_growth_then_lock();
        test_growth_elsewhere();
        test_copy();
        test_worker();
    }
    baseline_ok(&base, "after all of them");
    audit_ok("after all of them");
    return done_testing();
}
