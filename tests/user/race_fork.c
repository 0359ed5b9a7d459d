/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Races of fork with locking, writing, unmapping and requests in one space, met on purpose: fork yields at each region,
 * the others between their steps. The parent's locked pages take no fault afterwards, whenever fork came; the
 * child has no lock, no request, and in each page one of the values that it had.
 *
 * clauses: A8 L2 I2 I3 I4
 * pitfalls: A10 B5 B8 B22
 * needs: holdfast
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/race.h"

#define N      32ul
#define ROUNDS 6
#define FORKS  3

static char *area;
static struct aiocb cb;
static volatile bool done;
static volatile long wrong;

#define EXPECT(cond)                                                                                         \
    do {                                                                                                     \
        if (!(cond) && wrong++ < 3) diag("line %d, errno %d", __LINE__, errno);                              \
    } while (0)

static uint64_t word(size_t page) {
    return *(volatile uint64_t *)(area + page * PG);
}

/* What a child may find wrong, as its status. */
static int look_around(bool whole) {
    if (vmlck() != 0) return 2;
    if (aio_error(&cb) != -1 || aio_cancel(-1, &cb) == AIO_NOTCANCELED) return 3;
    for (size_t i = 0; whole && i < N; i++) {
        uint64_t seen = word(i);
        if (seen < 5 || word(i) != seen) return 4; /* the parent writes on: in its own copy */
        *(volatile uint64_t *)(area + i * PG) = 1;
    }
    return 0;
}

static void *forks(bool whole) {
    for (int i = 0; i < FORKS; i++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) _exit(look_around(whole));
        EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
        if (status) diag("a child ended with %#x", (unsigned)status);
    }
    done = true;
    return NULL;
}

static void *forks_whole(void *arg) {
    (void)arg;
    return forks(true);
}

static void *forks_torn(void *arg) {
    (void)arg;
    return forks(false);
}

/* ---- the other sides ---- */

static void *locks(void *arg) {
    (void)arg;
    do {
        EXPECT(mlock(area, N * PG) == 0);
        EXPECT(munlock(area, N * PG) == 0);
    } while (!done);
    EXPECT(mlock(area, N * PG) == 0);
    return NULL;
}

static void *asks(void *arg) {
    (void)arg;
    do {
        must_submit(&cb, area, N * PG);
        EXPECT(outcome(&cb) == 0);
        EXPECT(vmlck() == (long)N);
    } while (!done);
    return NULL;
}

static void *writes(void *arg) {
    (void)arg;
    EXPECT(mlock(area, N * PG) == 0);
    do {
        for (size_t i = N; i-- > 0;) ++*(volatile uint64_t *)(area + i * PG);
    } while (!done);
    return NULL;
}

static void *unmaps(void *arg) {
    (void)arg;
    do {
        EXPECT(munmap(area + 4 * PG, 8 * PG) == 0);
        EXPECT(mmap(area + 4 * PG, 8 * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area + 4 * PG);
        EXPECT(mlock(area + 2 * PG, 8 * PG) == 0);
    } while (!done);
    EXPECT(mlock(area, N * PG) == 0);
    return NULL;
}

static void race_with(void *(*side)(void *), void *(*forker)(void *)) {
    arm("fork_region", 2);
    arm("range", 1);
    arm("lock_slice", 2);
    arm("lock_page", 1);
    arm("lock_finish", 2);
    arm("unlock_held", 2);
    arm("unmap_held", 2);
    arm("fault", 1);
    arm("aio_taken", 1);
    area = anon(N);
    for (size_t i = 0; i < N; i++) *(uint64_t *)(area + i * PG) = 5;
    done = false;
    both(side, forker, NULL);
    EXPECT(vmlck() == (long)N);
    EXPECT(faults_writing(area, N) == 0);
    EXPECT(munlock(area, N * PG) == 0 && vmlck() == 0);
    munmap(area, N * PG);
}

static void race_locking(void) {
    race_with(locks, forks_whole);
}

static void race_asking(void) {
    race_with(asks, forks_whole);
}

static void race_writing(void) {
    race_with(writes, forks_whole);
}

static void race_unmapping(void) {
    race_with(unmaps, forks_torn);
}

static void race(void (*run)(void), const char *what) {
    uint64_t locked = knob("vm.stats.locked"), pins = knob("vm.stats.pins");
    for (int wide = 0; wide < 2; wide++) {
        spread(wide);
        wrong = 0;
        long met = rounds(run, ROUNDS);
        is_int(wrong, 0, "%s, %s", what, wide ? "on two CPUs" : "on one CPU");
        ok(met > 0, "and they met"), diag("%ld times", met);
        ok(knob("vm.stats.locked") == locked && knob("vm.stats.pins") == pins && audit_clean(), "I3 I4: nothing is left");
    }
}

int main(void) {
    aio_test();
    slice_pages(3);
    plan(4 * 6);
    race(race_locking, "A8: fork while pages are locked and unlocked: no fault on a locked page");
    race(race_asking, "A8: fork while a request locks: the child has neither");
    race(race_writing, "A8: fork while locked pages are written: each side has its own");
    race(race_unmapping, "L2: fork while parts are unmapped and locked again");
    return done_testing();
}
