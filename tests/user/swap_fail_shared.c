/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Shared memory and a swap device that fails: the n-th write, slot, read, for n = 1, 2 ... until nothing fails any more. A write
 * that fails loses nothing. A page that cannot be read back is lost for all who share it: SIGBUS to who touches it, EIO to
 * who reads or writes the file, until the file is cut off before it.
 *
 * clauses: L10 L21 I1 I4 I8
 * needs: holdfast
 * mem: 24M
 * swap: 64M
 * timeout: 240
 */
#include "tests/user/swaps.h"

#define N    64ul
#define MOST 200u

static char *p;
static int fd;

static void disarm(void) {
    set_knob("debug.inject.swap_write", 0);
    set_knob("debug.inject.swap_read", 0);
    set_knob("debug.inject.slot", 0);
}

static void make(void) {
    fd = memfd(N);
    p = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    put(p, N, 1);
}

static void unmake(void) {
    munmap(p, N * PG);
    close(fd);
}

/* As the file has it. */
static bool file_has(unsigned generation) {
    static char page[PG];
    for (size_t i = 0; i < N; i++)
        if (pread(fd, page, PG, (off_t)(i * PG)) != (ssize_t)PG || !has_as(page, p + i * PG, generation)) return false;
    return true;
}

/* What goes out fails. */
static void loses_nothing(const char *site) {
    unsigned n, wrong = 0, unclean = 0;
    for (n = 1; n < MOST; n++) {
        make();
        set_knob(site, n);
        evict_all();
        bool stands = knob(site) != 0;
        disarm();
        unclean += !audit_clean();
        wrong += !file_has(1);
        put(p, N, 2);
        evict_all();
        wrong += !has(p, N, 2);
        unmake();
        if (stands) break;
    }
    is_int(wrong, 0, "%s: no page is lost, whichever fails (%u)", site, n - 1);
    is_int(unclean, 0, "I1 I4: audit after each");
    ok(n > 1 && n < MOST, "until none fails any more");
}

/* The device did write them, whatever it said: that they stay in memory is seen by their slots, which are not used again. */
static void bad_writes(void) {
    uint64_t bad = knob("vm.swap.bad"), errors = knob("vm.swap.errors");
    loses_nothing("debug.inject.swap_write");
    uint64_t now = knob("vm.swap.bad") - bad;
    ok(now > 0 && now == knob("vm.swap.errors") - errors, "%lu slots are bad: those that could not be written", now);
}

static void read_all(void *arg) {
    (void)arg;
    _exit(has(p, N, 1) ? 0 : 1);
}

/* What comes back fails, by a touch or by a call. */
static void comes_back_or_says_so(bool by_call) {
    unsigned n, wrong = 0, unclean = 0;
    for (n = 1; n < MOST; n++) {
        make();
        evict_all();
        set_knob("debug.inject.swap_read", n);
        if (by_call) {
            errno = 0;
            wrong += !file_has(1) && errno != EIO;
        } else {
            int status = as_root(read_all, NULL);
            wrong += status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
        }
        bool stands = knob("debug.inject.swap_read") != 0;
        disarm();
        unclean += !audit_clean();
        unmake();
        if (stands) break;
    }
    is_int(wrong, 0, "%s: each reading that fails (%u) does no harm, or is told", by_call ? "read" : "touches", n - 1);
    is_int(unclean, 0, "I1 I4: audit after each");
    ok(n > 1 && n < MOST, "until none fails any more");
}

/* The first page of the file alone, so that there is nothing to try again with. */
static void lose_first(void) {
    make();
    mlock(p + PG, (N - 1) * PG);
    out(p, 1);
    while (knob("debug.port.requests")) sched_yield();
    set_knob("debug.inject.swap_read", 1);
    char byte;
    is_int(errno_of(pread(fd, &byte, 1, 100)), EIO, "read of a page that cannot be read back is EIO");
    disarm();
}

static void lost_page(void) {
    char byte = 7;
    uint64_t used;
    used = slots_used();
    lose_first();
    is_int(signal_reading(p), SIGBUS, "it is lost: a touch is SIGBUS");
    is_int(signal_writing(p), SIGBUS, "by whatever access");
    char *q = map_fd(fd, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    is_int(signal_writing(q), SIGBUS, "of a private mapping, too");
    munmap(q, PG);
    is_int(errno_of(pwrite(fd, &byte, 1, 100)), EIO, "a write of a part of it is EIO");
    is_int(errno_of(mlock(p, PG)), EAGAIN, "L10: it cannot be locked");
    ok(has(p + PG, N - 1, 1), "the others are what they were");
    is_int(errno_of(ftruncate(fd, 10)), EIO, "L21: the file cannot be cut off inside it");
    ok(has(p + PG, N - 1, 1), "and then is as it was");
    ok(audit_clean(), "audit");
    is_int(errno_of(ftruncate(fd, 0)), 0, "but before it");
    is_int(errno_of(ftruncate(fd, (off_t)(N * PG))), 0, "and made longer again");
    is_int(p[0], 0, "it is zeroes");
    unmake();
    ok(slots_used() <= used, "I8: its slot is back");
    ok(audit_clean(), "audit");
}

int main(void) {
    needs_holdfast();
    atexit(disarm);
    mlockall(MCL_CURRENT); /* nothing leaves but what is made from here on */
    bad_writes();
    loses_nothing("debug.inject.slot");
    comes_back_or_says_so(false);
    comes_back_or_says_so(true);
    lost_page();
    return done_testing();
}
