/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What is away, and what becomes of it: fork, writes of two who share it, mprotect, mremap, MADV_DONTNEED, munmap, exit;
 * contents, residency and slots.
 *
 * clauses: L22 A8 P1 W4 I4 I8
 * needs: holdfast
 * mem: 48M
 * swap: 64M
 * disk: 1M
 * timeout: 120
 */
#include "tests/user/swaps.h"

#define N 32ul

static char *p;

/* Pages of generation g that are away, with nothing else of ours: what slots are used then are theirs and others'. */
static void away(unsigned generation) {
    p = anon(N);
    put(p, N, generation);
    evict_all();
}

static long used_since(uint64_t before) {
    evict_all();
    return (long)(slots_used() - before);
}

static int child_status(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void fork_away(void) {
    away(1);
    is_int((long)resident(p, N), 0, "L22: what is away is not resident");
    uint64_t used = slots_used();
    volatile int *stage = shared(PG);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (resident(p, N) != 0) _exit(1);
        if (!has(p, N, 1)) _exit(2);
        *stage = 1;
        while (*stage != 2) sched_yield();
        put(p, N / 2, 2); /* a copy of each */
        if (!has(p, N / 2, 2) || !has(p + N / 2 * PG, N / 2, 1)) _exit(3);
        *stage = 3;
        while (*stage != 4) sched_yield();
        _exit(has(p, N / 2, 2) && has(p + N / 2 * PG, N / 2, 1) ? 0 : 4);
    }
    while (*stage != 1) sched_yield();
    is_int((long)resident(p, N), 0, "fork brings nothing in, and what the child reads comes in for it alone");
    ok(slots_used() < used + N, "one slot for both: %ld more", (long)(slots_used() - used));
    uint64_t free_before = knob("vm.stats.free_frames"), read = knob("vm.swap.read");
    ok(has(p, N, 1), "the parent reads it, too");
    long took = (long)(free_before - knob("vm.stats.free_frames"));
    ok(took < (long)N / 2, "one frame for both: %ld more for %lu pages (%lu read)", took, N, knob("vm.swap.read") - read);
    ok(audit_clean(), "I4: audit");
    *stage = 2;
    while (*stage != 3) sched_yield();
    ok(has(p, N, 1), "what the child writes is its own");
    put(p + N / 2 * PG, N / 2, 3);
    evict_all();
    ok(audit_clean(), "I4: audit, both out again");
    *stage = 4;
    is_int(child_status(child), 0, "and what the parent writes is the parent's");
    ok(has(p, N / 2, 1) && has(p + N / 2 * PG, N / 2, 3), "which has what it had");
    munmap((void *)stage, PG);
    munmap(p, N * PG);
}

/* Pages that are on their way out are shared, and then written by both. */
static void fork_on_the_way(void) {
    p = anon(N);
    put(p, N, 4);
    out(p, N);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!has(p, N, 4)) _exit(1);
        put(p, N, 5);
        madvise(p, N * PG, MADV_PAGEOUT);
        _exit(has(p, N, 5) ? 0 : 2);
    }
    put(p, N, 6);
    madvise(p, N * PG, MADV_PAGEOUT);
    is_int(child_status(child), 0, "shared on their way out: the child's");
    ok(has(p, N, 6), "and the parent's");
    /* In memory again with a copy in swap, then written, then shared, then out: twice, from each side. */
    evict_all();
    ok(has(p, N, 6), "read back");
    put(p, N, 7);
    child = fork();
    if (child == 0) {
        madvise(p, N * PG, MADV_PAGEOUT);
        _exit(has(p, N, 7) ? 0 : 1);
    }
    is_int(child_status(child), 0, "a copy that is out of date is not used: the child");
    evict_all();
    ok(has(p, N, 7), "nor by the parent");
    munmap(p, N * PG);
}

static void protect(void) {
    away(8);
    is_int(errno_of(mprotect(p, N * PG, PROT_READ)), 0, "mprotect of what is away");
    is_int((long)resident(p, N), 0, "brings nothing in");
    ok(has(p, N, 8), "it is read");
    is_int(signal_writing(p), SIGSEGV, "and not written");
    evict_all();
    is_int(errno_of(mprotect(p, N * PG, PROT_NONE)), 0, "PROT_NONE of what is away");
    is_int(signal_reading(p), SIGSEGV, "is not read");
    is_int(errno_of(mlock(p, N * PG)), ENOMEM, "L9: nor locked");
    evict_all();
    is_int(errno_of(mprotect(p, N * PG, PROT_READ | PROT_WRITE)), 0, "and back");
    ok(has(p, N, 8), "it has what it had");
    put(p, N, 9);
    mprotect(p, N * PG, PROT_NONE);
    evict_all();
    mprotect(p, N * PG, PROT_READ | PROT_WRITE);
    ok(has(p, N, 9), "what is parked goes as well, and comes back");
    munmap(p, N * PG);
}

static void move(void) {
    away(10);
    uint64_t read = knob("vm.swap.read");
    char *from = p, *room = anon(3 * N);
    munmap(room, 3 * N * PG);
    char *to = mremap(p, N * PG, 2 * N * PG, MREMAP_MAYMOVE | MREMAP_FIXED, room);
    ok(to == room, "mremap of what is away, to another place and larger");
    is_int((long)resident(to, 2 * N), 0, "brings nothing in");
    is_int(core_letter(from), '_', "and leaves nothing behind");
    bool good = true;
    for (size_t i = 0; i < N; i++) good &= has_as(to + i * PG, from + i * PG, 10);
    ok(good && to[N * PG] == 0, "it has what it had, and zeroes after that");
    ok(knob("vm.swap.read") > read, "for which the disk was read");
    p = to;
    put(p, 2 * N, 11);
    evict_all();
    is_int(errno_of(mremap(p, 2 * N * PG, N * PG, 0) == MAP_FAILED ? -1 : 0), 0, "smaller, while it is away");
    ok(has(p, N, 11), "what is left is what it was");
    munmap(p, N * PG);
}

static void slots_come_back(void) {
    evict_all();
    uint64_t used = slots_used();
    away(12);
    long n = used_since(used);
    ok(n >= (long)N && n < (long)N + 8, "%lu pages that are away use %ld slots", N, n);
    is_int(errno_of(madvise(p, N / 2 * PG, MADV_DONTNEED)), 0, "MADV_DONTNEED of what is away");
    long left = used_since(used);
    is_int(n - left, (long)N / 2, "gives its slots back");
    for (int i = 0; i < 3; i++) {
        put(p + N / 2 * PG, N / 2, 12); /* read back, and written: what is in swap is out of date */
        evict_all();
    }
    is_int(used_since(used), left, "what is written again goes to another slot, and its old one comes back");
    ok(p[0] == 0 && p[(N / 2 - 1) * PG] == 0, "and zeroes are there now");
    ok(has(p + N / 2 * PG, N / 2, 12), "but not where it was not asked for");
    munmap(p, N * PG);
    is_int(used_since(used), 0, "munmap gives the others back");
    pid_t child = fork();
    if (child == 0) {
        away(13);
        _exit(0);
    }
    is_int(child_status(child), 0, "a child with pages that are away");
    is_int(used_since(used), 0, "P1: leaves no slot");
    char *zero = anon(N);
    memset(zero, 1, N * PG);
    memset(zero, 0, N * PG);
    uint64_t written = knob("vm.swap.written");
    out(zero, N);
    is_int((long)(knob("vm.swap.written") - written), 0, "zeroes are not written");
    ok(zero[0] == 0 && zero[N * PG - 1] == 0, "and come back as such");
    munmap(zero, N * PG);
}

/* Killed while its pages are being written: the disk answers when nobody wants them any more. */
static void exit_on_the_way(void) {
    volatile int *stage = shared(PG);
    *stage = 9;
    mlockall(MCL_CURRENT); /* makes pages of our own of what was a file's: they count from now on */
    munlockall();
    evict_all();
    uint64_t frames, used = slots_used();
    mlockall(MCL_CURRENT);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        p = anon(N);
        put(p, N, 14);
        hold_disk();
        madvise(p, N * PG, MADV_PAGEOUT);
        *stage = 1;
        _exit(resident(p, N) == 0 ? 0 : 1);
    }
    is_int(child_status(child), 0, "P1: a process ends while its pages are being written");
    is_int(*stage, 1, "as it meant to");
    ok(knob("debug.port.requests") > 0, "the disk has not answered");
    ok(audit_clean(), "I1 I4: audit meanwhile");
    frames = knob("vm.stats.free_frames");
    go_disk();
    evict_all();
    ok(knob("vm.stats.free_frames") >= frames + N, "then its frames come back");
    munlockall();
    is_int(used_since(used), 0, "and its slots");
    ok(audit_clean(), "I8: audit");
    munmap((void *)stage, PG);
}

/* A transfer to a file's disk is in flight: its frames are pinned, and stay (W4), whoever forks, unmaps or evicts. */
static void pinned(void) {
    int fd = open("/dev/vdb", O_RDWR);
    char *area = shared(N * PG);
    put(area, N, 15);
    mlockall(MCL_CURRENT);
    munlock(area, N * PG);
    uint64_t pins = knob("vm.stats.pins");
    hold_disk();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(pwrite(fd, area, N * PG, 0) == (long)(N * PG) ? 0 : 1);
    while (knob("vm.stats.pins") < pins + N) sched_yield();
    madvise(area, N * PG, MADV_PAGEOUT);
    is_int((long)resident(area, N), (long)N, "W4: pinned pages do not leave memory");
    ok(audit_clean(), "I4: audit");
    go_disk();
    is_int(child_status(child), 0, "the transfer ends");
    out(area, N);
    is_int((long)resident(area, N), 0, "then they may");
    char *in = anon(N);
    is_int(pread(fd, in, N * PG, 0), (long)(N * PG), "read back");
    bool good = true;
    for (size_t i = 0; i < N; i++) good &= has_as(in + i * PG, area + i * PG, 15);
    ok(good, "the disk has what they were");
    munlockall();
    munmap(in, N * PG);
    munmap(area, N * PG);
    close(fd);
}

int main(void) {
    needs_holdfast();
    fork_away();
    fork_on_the_way();
    protect();
    move();
    slots_come_back();
    exit_on_the_way();
    pinned();
    return done_testing();
}
