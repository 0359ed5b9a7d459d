/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A locked page of a shared object is truncated away: SIGBUS beyond the end, zeroes when the object grows
 * again, and munlock, munmap, close and exit in any order lose no frame.
 *
 * clauses: L21 L1 L2 I8
 * pitfalls: B3
 */
#include "tests/user/support.h"

#define N 4

static void cut_and_grow(void) {
    int fd = memfd(N);
    char *p = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    memset(p, 9, N * PG);
    is_int(mlock(p, N * PG), 0, "L21: an object of four pages locked");
    is_int(ftruncate(fd, 2 * PG), 0, "L21: cut to two while locked");
    is_int(signal_reading(p + 2 * PG), SIGBUS, "L21: reading past the end is SIGBUS");
    is_int(signal_writing(p + 3 * PG), SIGBUS, "L21: so is writing");
    is_int(signal_reading(p + PG), 0, "L21: before the end nothing changed");
    is_int(ftruncate(fd, N * PG), 0, "L21: grown again");
    ok(p[2 * PG] == 0 && p[3 * PG + 4095] == 0, "L21: the new pages show zeroes");
    ok(p[0] == 9 && p[PG + 4095] == 9, "L21: the old ones what they had");
    p[3 * PG] = 4;
    is_int(p[3 * PG], 4, "L21: and the new ones can be written");
    ftruncate(fd, PG);
    ftruncate(fd, N * PG);
    is_int(mlock(p, N * PG), 0, "L21: locked again, after it was cut and grown once more");
    is_str(core_map(p, N), "1111", "L1: what was cut away is brought in");
    is_int(faults_writing(p, N), 0, "L2: and takes no fault");
    ftruncate(fd, 2 * PG + 100);
    ftruncate(fd, N * PG);
    memset(p + 2 * PG, 6, PG);
    ftruncate(fd, 2 * PG + 100);
    ftruncate(fd, N * PG);
    ok(p[2 * PG + 99] == 6 && p[2 * PG + 100] == 0, "L21: a cut inside a page zeroes its tail");
    is_int(munlock(p, N * PG), 0, "L21: munlock after all that");
    is_int(munmap(p, N * PG), 0, "L21: munmap");
    is_int(vmlck(), 0, "L21: nothing is charged");
    close(fd);
}

static void past_the_end(void) {
    int fd = memfd(2);
    char *p = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    fails(mlock(p, N * PG), ENOMEM, "L21: mlock past the object's end");
    if (on_holdfast()) is_str(lock_map(p, N), "....", "L4: locks nothing");
    else skip(1, "Linux keeps the lock");
    munlock(p, N * PG);
    fails(mlock(p + 2 * PG, PG), ENOMEM, "L21: the first page past the end alone");
    munlock(p, N * PG);
    is_int(mlock(p, 2 * PG), 0, "L21: up to the end it is good");
    munmap(p, N * PG);
    close(fd);
}

/* Does the steps of `order` ('t' truncate to 1, 'u' munlock, 'm' munmap, 'c' close, 'g' grow) and exits with what is left. */
static void in_order(void *arg) {
    int fd = memfd(N);
    char *p = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    memset(p, 1, N * PG);
    if (mlock(p, N * PG) != 0) _exit(1);
    for (const char *s = arg; *s; s++) {
        if (*s == 't' && ftruncate(fd, PG) != 0) _exit(2);
        if (*s == 'g' && ftruncate(fd, N * PG) != 0) _exit(3);
        if (*s == 'u' && munlock(p, N * PG) != 0) _exit(4);
        if (*s == 'm' && munmap(p, N * PG) != 0) _exit(5);
        if (*s == 'c' && close(fd) != 0) _exit(6);
    }
    if ((strchr(arg, 'u') || strchr(arg, 'm')) && vmlck() != 0) _exit(7);
}

static void all_orders(void) {
    static char *orders[] = {"tumc", "tmc", "tucm", "tcum", "tcmu", "utmc", "utcm", "mtc", "mct", "ctm",
                             "tgumc", "tgm", "tugm", "tc", "t", "tu", "tgc", "tgtgt", "ut", "mt"};
    int wrong = 0, leaks = 0;
    as_root(in_order, "tgumc"); /* first-time costs */
    uint64_t before = knob("vm.stats.free_frames");
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        char *closed = strchr(orders[i], 'c'), *mapped = strchr(orders[i], 'm');
        if (closed && strpbrk(closed, "tg")) continue;  /* no descriptor to cut by */
        if (mapped && strchr(mapped, 'u')) continue;    /* nothing to unlock */
        int status = as_root(in_order, orders[i]);
        if (status != 0) diag("order %s: status %x", orders[i], (unsigned)status);
        wrong += status != 0;
        leaks += knob_change("vm.stats.free_frames", before) != 0;
    }
    is_int(wrong, 0, "L21: truncate, grow, unlock, unmap, close and exit in every order");
    is_int(leaks, 0, "I8: none of them loses a frame");
}

int main(void) {
    plan(23);
    cut_and_grow();
    past_the_end();
    all_orders();
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
