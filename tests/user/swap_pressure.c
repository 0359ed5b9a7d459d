/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Locks where memory is short: what can be locked is, by sending others out; where it ends is EAGAIN or ENOMEM, and changes
 * nothing; MCL_FUTURE means the same. And swap turned off, and on two devices of different priority.
 *
 * clauses: L1 L4 L10 L24 A1 A3 A6 X2 B2 I2 I7
 * needs: holdfast
 * mem: 24M
 * disks: 32M 32M
 * timeout: 150
 */
#include "tests/user/aio_support.h"
#include "tests/user/disks.h"
#include "tests/user/swaps.h"

static size_t ram;
static char *filler; /* of ours, not locked: as much as RAM */

static void fill_memory(void) {
    filler = anon(ram);
    madvise(filler, ram * PG, MADV_DONTFORK); /* or it would be committed for children, too */
    put(filler, ram, 1);
}

static void check_filler(const char *when) {
    ok(has(filler, ram, 1), "%s: what had to make room is not lost", when);
    ok(audit_clean(), "%s: audit", when);
}

/* Most of RAM, while all of it is in use: page-out makes room, and none of what is locked is among what goes. */
static void lock_much(void *unused) {
    (void)unused;
    size_t n = ram / 2;
    char *p = anon(n);
    if (mlock(p, n * PG) != 0) _exit(1);
    if (resident(p, n) != n) _exit(2);
    long f = faults_writing(p, n);
    if (f) _exit(3);
    if (mlockall(MCL_CURRENT) != 0) _exit(4); /* beside it there is little */
    _exit(resident(p, n) == n ? 0 : 5);
}

static void hog(volatile int *full) {
    char *p = anon(2 * ram / 3);
    put(p, 2 * ram / 3, 3);
    *full = 1;
    for (;;) pause();
}

/* All of a process, which is away, while another has what there is of memory. */
static void lock_all(void *unused) {
    (void)unused;
    size_t n = ram / 3;
    volatile int *full = shared(PG);
    char *p = anon(n);
    put(p, n, 2);
    madvise(p, n * PG, MADV_DONTFORK);
    evict_all();
    pid_t pid = fork();
    if (pid == 0) hog(full);
    while (!*full) sched_yield();
    if (resident(p, n) != 0) _exit(1);
    if (mlockall(MCL_CURRENT) != 0) _exit(2);
    if (resident(p, n) != n) _exit(3);
    if (faults_writing(p, n) != 0) _exit(4);
    for (size_t i = 0; i < n; i++) p[i * PG]--;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    _exit(has(p, n, 2) ? 0 : 5);
}

/* All that the cap allows, which the kernel's own frames are no part of: EAGAIN, and all or nothing. */
static void lock_too_much(void *unused) {
    (void)unused;
    size_t n = knob("vm.max_user_wired") - knob("vm.stats.locked");
    char *p = anon(n);
    long before = vmlck();
    int e = errno_of(mlock(p, n * PG));
    if (e != EAGAIN) _exit(10 + e);
    if (vmlck() != before || strspn(lock_map(p, 512), ".") != 512) _exit(1);
    e = lock_by_request(p, n * PG);
    if (e != EAGAIN) _exit(50 + e);
    if (vmlck() != before || strspn(lock_map(p, 512), ".") != 512) _exit(5);
    e = errno_of(mlockall(MCL_CURRENT));
    if (e != EAGAIN && e != ENOMEM) _exit(100 + e);
    if (vmlck() != before) _exit(2);
    if (mlock(p, 64 * PG) != 0) _exit(3); /* less is to be had */
    _exit(resident(p, 64) == 64 ? 0 : 4);
}

static void over_the_cap(void *unused) {
    (void)unused;
    set_knob("vm.max_user_wired", knob("vm.stats.locked") + 100);
    char *p = anon(128);
    int e = errno_of(mlock(p, 128 * PG));
    if (e != ENOMEM) _exit(10 + e);
    if (vmlck() != 0) _exit(1);
    _exit(errno_of(mlock(p, 64 * PG)));
}

static int deep(int n) {
    volatile char frame[PG];
    frame[0] = (char)n;
    return n ? deep(n - 1) + frame[0] : 0;
}

/* What is mapped from now on is there at once, whatever has to go for it: mmap, brk, the stack. */
static void future(void *unused) {
    (void)unused;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) _exit(1);
    char *p = mmap(NULL, 256 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) _exit(2);
    if (resident(p, 256) != 256 || faults_writing(p, 256) != 0) _exit(3);
    char *end = sbrk(0);
    if (sbrk(64 * PG) != end) _exit(4);
    if (faults_writing(end, 63) != 0) _exit(5);
    deep(16);
    evict_all();
    if (resident(p, 256) != 256) _exit(6);
    if (lock_letter((char *)((uintptr_t)&unused & ~(PG - 1)) - 8 * PG) != '#') _exit(7);
    int e = errno_of(mmap(NULL, ram * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (e != EAGAIN) _exit(10 + e);
    _exit(0);
}

static void locks(void) {
    uint64_t cap = knob("vm.max_user_wired");
    fill_memory();
    is_int(as_root(lock_much, NULL), 0, "L1 A1: half of RAM is locked while all of it is in use");
    check_filler("half is locked");
    is_int(as_root(lock_all, NULL), 0, "A1: all of a process that is away, while another is as large as memory");
    check_filler("mlockall");
    is_int(as_root(lock_too_much, NULL), 0, "L10 L4 A3 X2: more than there is to be had is EAGAIN, and locks nothing");
    check_filler("too much");
    is_int(as_root(over_the_cap, NULL), 0, "L10 B2: over the cap is ENOMEM");
    set_knob("vm.max_user_wired", cap);
    is_int(as_root(future, NULL), 0, "A6 L24: MCL_FUTURE: mmap, brk and stack are there at once, or EAGAIN");
    check_filler("MCL_FUTURE");
}

static void turn_off(void) {
    is_int(errno_of(swapoff("/dev/vda")), ENOMEM, "what does not fit into RAM keeps its device");
    ok(knob("vm.swap.total") > 0, "which is on still");
    ok(has(filler, ram, 1), "and nothing has changed");
    munmap(filler, ram * PG);
    char *p = anon(256);
    put(p, 256, 2);
    out(p, 256);
    pid_t child = fork();
    if (child == 0) {
        for (unsigned g = 3; g < 40; g++) { /* goes out again and again meanwhile */
            put(p, 256, g);
            madvise(p, 256 * PG, MADV_PAGEOUT);
            if (!has(p, 256, g)) _exit(1);
        }
        _exit(0);
    }
    is_int(errno_of(swapoff("/dev/vda")), 0, "swap is turned off while it is in use");
    int status = -1;
    waitpid(child, &status, 0);
    is_int(status, 0, "who used it has noticed nothing");
    is_int((long)knob("vm.swap.total"), 0, "there is none now");
    is_int((long)resident(p, 256), 256, "all of it was brought back");
    ok(has(p, 256, 2), "as it was");
    is_int(errno_of(swapoff("/dev/vda")), EINVAL, "it cannot be turned off twice");
    munmap(p, 256 * PG);
    ok(audit_clean(), "audit");
}

/* The device of higher priority first; turned off, what is on it goes to the other. */
static void two_devices(void) {
    uint64_t ready = knob("vm.swap.total");
    is_int(errno_of(swapon("/dev/vda", SWAP_FLAG_PREFER | 1)), 0, "a device of priority 1");
    uint64_t first = knob("vm.swap.total") - ready;
    is_int(errno_of(swapon("/dev/vdb", SWAP_FLAG_PREFER | 2)), 0, "and one of priority 2");
    is_int(errno_of(swapon("/dev/vdb", 0)), EBUSY, "once each");
    is_int((long)knob("vm.swap.total"), 2 * (long)first, "together they are as large as both");
    char *p = anon(256);
    put(p, 256, 5);
    evict_all();
    uint64_t total = slots_used();
    is_int(errno_of(swapoff("/dev/vda")), 0, "the one of lower priority is turned off");
    evict_all();
    ok(slots_used() >= total - 8 && slots_used() >= 256, "nothing was on it: %lu slots were used, %lu are", total, slots_used());
    is_int(errno_of(swapon("/dev/vda", SWAP_FLAG_PREFER | 1)), 0, "and on again");
    is_int(errno_of(swapoff("/dev/vdb")), 0, "the one of higher is turned off");
    ok(has(p, 256, 5), "all of it was brought back, or went to the other");
    evict_all();
    ok(slots_used() >= 256 && has(p, 256, 5), "which is used now");
    is_int(errno_of(swapoff("/dev/vda")), 0, "the last one is turned off");
    ok(has(p, 256, 5), "and all of it is there");
    munmap(p, 256 * PG);
    ok(audit_clean(), "audit");
}

int main(void) {
    needs_holdfast();
    ram = ram_pages();
    pid_t a = blockd_start("00:03.0", "vda"), b = blockd_start("00:04.0", "vdb");
    is_int(errno_of(swapon("/dev/vda", 0)), 0, "swap");
    locks();
    turn_off();
    two_devices();
    blockd_end(a);
    blockd_end(b);
    return done_testing();
}
