/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pages that are being written to swap, and what is done to them before the disk answers: moved, cut, given other rights,
 * forked, locked and written. The disk answers when the test says so; who works is locked and needs it for nothing else.
 *
 * clauses: L1 L9 L17 L18 L22 A4 A8 I1 I4 I6 I8
 * needs: holdfast
 * mem: 48M
 * swap: 64M
 */
#include "tests/user/swaps.h"

#define N 32ul

static char *p;

/* Pages of a generation that have left memory, and none of whose writes has ended. */
static void send_out(unsigned generation) {
    p = anon(N);
    munlock(p, N * PG);
    put(p, N, generation);
    hold_disk();
    madvise(p, N * PG, MADV_PAGEOUT);
    if (knob("debug.port.requests") == 0 || resident(p, N) != 0) bail_out("no writes are on their way");
}

/* The disk has answered all. */
static void land(const char *what) {
    ok(audit_clean(), "I1 I4: %s: audit, while the writes are on their way", what);
    go_disk();
    while (knob("debug.port.requests") != 0) sched_yield();
    ok(audit_clean(), "I1 I4: %s: audit, when they have ended", what);
}

static bool has_from(const char *to, const char *from, size_t pages, unsigned generation) {
    for (size_t i = 0; i < pages; i++)
        if (!has_as(to + i * PG, from + i * PG, generation)) return false;
    return true;
}

static char *room_for(size_t pages) {
    char *room = anon(pages);
    munmap(room, pages * PG);
    return room;
}

static void moved(void) {
    send_out(1);
    char *from = p, *to = room_for(2 * N);
    ok(mremap(from, N * PG, 2 * N * PG, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "L18: mremap of what is being written");
    munlock(to, 2 * N * PG); /* the growth; MCL_FUTURE is in force */
    is_int((long)resident(to, N), 0, "L22: brings nothing in");
    ok(has_from(to, from, N / 2, 1), "half of it is touched, and is what it was");
    is_int((long)resident(to, N), N / 2, "L22: in memory before the disk has answered");
    put(to, N / 4, 2);
    land("moved");
    is_int((long)resident(to, N), N / 2, "L22: the writes take nothing out that has come back");
    ok(has(to, N / 4, 2), "what was written meanwhile is there");
    ok(has_from(to + N / 4 * PG, from + N / 4 * PG, N - N / 4, 1), "and so is the rest");
    out(to, N);
    ok(has(to, N / 4, 2) && has_from(to + N / 4 * PG, from + N / 4 * PG, N - N / 4, 1), "out and in once more, too");
    munmap(to, 2 * N * PG);
}

static void cut_short(void) {
    send_out(3);
    ok(mremap(p, N * PG, N / 2 * PG, 0) == p, "L18: made smaller while it is being written");
    munmap(p, N / 4 * PG);
    land("cut");
    ok(has(p + N / 4 * PG, N / 4, 3), "what is left is what it was");
    munmap(p + N / 4 * PG, N / 4 * PG);
}

static void protect(void) {
    send_out(4);
    is_int(errno_of(mprotect(p, N * PG, PROT_READ)), 0, "L17: mprotect of what is being written");
    is_int((long)resident(p, N), 0, "L22: brings nothing in");
    ok(has(p, N / 2, 4), "half of it is read");
    ok(audit_clean(), "I6: with no right to write");
    is_int(signal_writing(p), SIGSEGV, "and not written");
    is_int(signal_writing(p + (N - 1) * PG), SIGSEGV, "the other half neither");
    land("read-only");
    ok(has(p, N, 4), "all of it is what it was");
    munmap(p, N * PG);
    send_out(5);
    is_int(errno_of(mprotect(p, N * PG, PROT_NONE)), 0, "L17: PROT_NONE");
    is_int(errno_of(mlock(p, N * PG)), ENOMEM, "L9: which cannot be locked");
    is_int(errno_of(mprotect(p, N / 2 * PG, PROT_READ | PROT_WRITE)), 0, "L17: half of it opened again, before the disk answers");
    is_int((long)resident(p, N / 2), N / 2, "A4: and locked at once, since MCL_FUTURE is in force");
    put(p, N / 2, 6);
    land("parked");
    is_int(errno_of(mprotect(p + N / 2 * PG, N / 2 * PG, PROT_READ | PROT_WRITE)), 0, "L17: the other half opened");
    ok(has(p, N / 2, 6) && has(p + N / 2 * PG, N / 2, 5), "it is what it was, or what was written meanwhile");
    is_int((long)resident(p, N), N, "L1: and all of it stays");
    munmap(p, N * PG);
}

static void forked(void) {
    send_out(7);
    volatile int *stage = shared(PG);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        put(p, N / 2, 8);
        *stage = 1;
        while (*stage != 2) sched_yield();
        _exit(has(p, N / 2, 8) && has(p + N / 2 * PG, N / 2, 7) ? 0 : 1);
    }
    while (*stage != 1) sched_yield();
    put(p + N / 4 * PG, N / 2, 9);
    land("forked");
    *stage = 2;
    int status = -1;
    waitpid(child, &status, 0);
    is_int(status, 0, "A8: the child has what it wrote, and what was there");
    ok(has(p, N / 4, 7) && has(p + N / 4 * PG, N / 2, 9) && has(p + 3 * N / 4 * PG, N / 4, 7), "and so has the parent");
    munmap((void *)stage, PG);
    munmap(p, N * PG);
}

/* The write fails, of what was moved, and given other rights, meanwhile: it stays in memory. */
static void failed(void) {
    send_out(10);
    char *to = room_for(N), *from = p;
    uint64_t errors = knob("vm.swap.errors"), bad = knob("vm.swap.bad");
    mremap(from, N * PG, N * PG, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    mprotect(to, N * PG, PROT_READ);
    set_knob("debug.inject.swap_write", 1);
    land("failed");
    long n = (long)(knob("vm.swap.errors") - errors);
    ok(n > 0, "a write of %ld pages fails", n);
    ok(has_from(to, from, N, 10), "nothing is lost");
    munmap(to, N * PG);
    is_int((long)(knob("vm.swap.bad") - bad), n, "and when they are gone, their slots are not used again");
}

int main(void) {
    needs_holdfast();
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    evict_all();
    uint64_t used = slots_used();
    moved();
    cut_short();
    protect();
    forked();
    evict_all();
    ok(slots_used() <= used, "I8: no slot is left over");
    failed();
    ok(audit_clean(), "I4: audit");
    return done_testing();
}
