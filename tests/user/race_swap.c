/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Races of page-out with everything that is done to the same pages meanwhile, met on purpose: the kernel yields before page-out
 * looks at a space, before a fault and a lock look at a page, and before somebody waits for one. One thread evicts whatever
 * may be evicted, again and again; the other works. All but the area is locked, so that nothing else goes or takes a fault.
 *
 * clauses: L1 L2 L4 L15 L17 X2 X6 A8 I2 I4 I7 I8
 * pitfalls: B16 B24
 * needs: holdfast
 * cpus: 4
 * mem: 48M
 * swap: 64M
 * timeout: 300
 */
#include "tests/user/race.h"
#include "tests/user/swaps.h"

#define N      12ul
#define PASSES 4
#define ROUNDS 2

static char *area;
static unsigned generation;
static struct aiocb cb;
static volatile bool done;
static volatile long wrong;

#define EXPECT(cond)                                                                                         \
    do {                                                                                                     \
        if (!(cond) && wrong++ < 3) diag("line %d, errno %d", __LINE__, errno);                              \
    } while (0)

static void *evicts(void *arg) {
    (void)arg;
    do {
        evict_all();
    } while (!done);
    return NULL;
}

/* Pages that may go, of the next generation. */
static void fresh(int flags) {
    area = mmap(NULL, N * PG, RW, flags | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) bail_out("mmap: %s", strerror(errno));
    munlock(area, N * PG); /* MCL_FUTURE is in force */
    put(area, N, ++generation);
}

/* work() so many times, each while everything is being evicted. */
static void against_eviction(void *(*work)(void *), int flags) {
    fresh(flags);
    done = false;
    both(work, evicts, NULL);
    EXPECT(has(area, N, generation));
    munmap(area, N * PG);
}

/* ---- locked ---- */

/* Locked while page-out has them in hand: they are there, stay, take no fault, and are what they were. */
static void stay(void) {
    EXPECT(resident(area, N) == N);
    EXPECT(faults_reading(area, N) == 0);
    EXPECT(has(area, N, generation));
    long before = faults();
    put(area, N, ++generation);
    EXPECT(faults() == before);
    EXPECT(resident(area, N) == N);
    EXPECT(munlock(area, N * PG) == 0);
}

static void *locks(void *arg) {
    (void)arg;
    for (int i = 0; i < PASSES; i++) {
        EXPECT(mlock(area, N * PG) == 0);
        stay();
    }
    done = true;
    return NULL;
}

static void *locks_by_asking(void *arg) {
    (void)arg;
    for (int i = 0; i < PASSES; i++) {
        must_submit(&cb, area, N * PG);
        EXPECT(outcome(&cb) == 0);
        stay();
    }
    done = true;
    return NULL;
}

static void race_locking(void) {
    arm("evict", 3);
    arm("lock_page", 1);
    arm("stall", 2);
    against_eviction(locks, MAP_PRIVATE);
    against_eviction(locks, MAP_SHARED);
}

static void race_asking(void) {
    arm("evict", 3);
    arm("lock_page", 1);
    arm("stall", 2);
    against_eviction(locks_by_asking, MAP_PRIVATE);
    against_eviction(locks_by_asking, MAP_SHARED);
}

/* Cancelled after some slices, which may have found pages missing: locked by it is all or nothing. */
static void *asks_and_cancels(void *arg) {
    (void)arg;
    long base = vmlck();
    for (uint64_t i = 0; i < 2 * PASSES; i++) {
        uint64_t slices = knob("vfs.aio.slices");
        must_submit(&cb, area, N * PG);
        while (aio_error(&cb) == EINPROGRESS && knob("vfs.aio.slices") < slices + i % 4) sched_yield();
        int answer = aio_cancel(-1, &cb), error = outcome(&cb);
        EXPECT(error == (answer == AIO_CANCELED ? ECANCELED : 0));
        EXPECT(vmlck() == base + (error ? 0 : (long)N));
        EXPECT(strspn(lock_map(area, N), error ? "." : "#") == N);
        munlock(area, N * PG);
    }
    done = true;
    return NULL;
}

static void race_cancelling(void) {
    arm("evict", 2);
    arm("lock_page", 1);
    arm("stall", 2);
    arm("aio_taken", 1);
    against_eviction(asks_and_cancels, MAP_PRIVATE);
}

/* ---- unmapped ---- */

static void *unmaps(void *arg) {
    (void)arg;
    for (size_t i = 0; i < PASSES; i++) {
        EXPECT(munmap(area + i * PG, (N / 2 - i) * PG) == 0);
        EXPECT(has(area + N / 2 * PG, N / 2, generation));
        EXPECT(mmap(area, N / 2 * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
        munlock(area, N / 2 * PG);
        for (size_t k = 0; k < N / 2; k++) EXPECT(area[k * PG] == 0);
        put(area, N, ++generation);
    }
    done = true;
    return NULL;
}

static void race_unmapping(void) {
    arm("evict", 2);
    arm("unmap_held", 3);
    arm("fault", 1);
    arm("stall", 1);
    against_eviction(unmaps, MAP_PRIVATE);
}

/* ---- protected ---- */

static void *protects(void *arg) {
    (void)arg;
    for (int i = 0; i < PASSES; i++) {
        EXPECT(mprotect(area, N * PG, PROT_READ) == 0);
        EXPECT(has(area, N, generation));
        EXPECT(mprotect(area + PG, (N - 2) * PG, PROT_NONE) == 0);
        sched_yield();
        EXPECT(mprotect(area, N * PG, RW) == 0);
        put(area, N / 2, ++generation);
        EXPECT(has(area + N / 2 * PG, N / 2, generation - 1) && has(area, N / 2, generation));
        put(area + N / 2 * PG, N / 2, generation);
    }
    done = true;
    return NULL;
}

static void race_protecting(void) {
    arm("evict", 2);
    arm("protect_held", 2);
    arm("protect_done", 2);
    arm("fault", 1);
    arm("stall", 1);
    against_eviction(protects, MAP_PRIVATE);
    against_eviction(protects, MAP_SHARED);
}

/* ---- forked ---- */

/* A child with the same pages, of which it writes a half. */
static _Noreturn void child(void) {
    if (!has(area, N, generation)) _exit(1);
    put(area, N / 2, generation + 7);
    if (!has(area, N / 2, generation + 7) || !has(area + N / 2 * PG, N / 2, generation)) _exit(2);
    _exit(0);
}

static void *forks(void *arg) {
    (void)arg;
    for (int i = 0; i < PASSES; i++) {
        pid_t pid = fork();
        if (pid == 0) child();
        put(area + N / 4 * PG, N / 2, generation + 3);
        EXPECT(wait_for(pid) == 0);
        EXPECT(has(area, N / 4, generation) && has(area + N / 4 * PG, N / 2, generation + 3));
        put(area, N, generation += 4);
    }
    done = true;
    return NULL;
}

static void race_forking(void) {
    arm("evict", 2);
    arm("fork_region", 3);
    arm("fault", 1);
    arm("stall", 1);
    against_eviction(forks, MAP_PRIVATE);
}

/* ---- written ---- */

static void *writes(void *arg) {
    (void)arg;
    for (int i = 0; i < 2 * PASSES; i++) {
        for (size_t k = N; k-- > 0;) ++*(volatile uint64_t *)(area + k * PG);
        sched_yield();
    }
    done = true;
    return NULL;
}

/* No write is lost, whenever the page was taken out. */
static void written(int flags) {
    fresh(flags);
    uint64_t before[N];
    for (size_t i = 0; i < N; i++) before[i] = *(uint64_t *)(area + i * PG);
    done = false;
    both(writes, evicts, NULL);
    for (size_t i = 0; i < N; i++) EXPECT(*(uint64_t *)(area + i * PG) == before[i] + 2 * PASSES);
    munmap(area, N * PG);
}

static void race_writing(void) {
    arm("evict", 1);
    arm("fault", 2);
    arm("fault_object", 2);
    arm("stall", 2);
    written(MAP_PRIVATE);
    written(MAP_SHARED);
}

/* ---- touched by two ---- */

static void *evicts_and_reads(void *arg) {
    (void)arg;
    for (int i = 0; i < PASSES; i++) {
        evict_all();
        EXPECT(has(area, N, generation));
    }
    done = true;
    return NULL;
}

static void *reads(void *arg) {
    (void)arg;
    while (!done) {
        EXPECT(has(area, N, generation));
        sched_yield();
    }
    return NULL;
}

/* Who comes second to a page that is being read waits for the first (X6): neither sees what is not there yet. */
static void race_reading(void) {
    arm("evict", 1);
    arm("fault", 2);
    arm("stall", 3);
    for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
        fresh(flags);
        done = false;
        both(evicts_and_reads, reads, NULL);
        munmap(area, N * PG);
    }
}

/* ---- all of them ---- */

static void race(void (*run)(void), const char *what) {
    uint64_t locked = knob("vm.stats.locked"), pins = knob("vm.stats.pins"), slots = slots_used();
    for (int wide = 0; wide < 2; wide++) {
        spread(wide);
        wrong = 0;
        long met = rounds(run, ROUNDS);
        is_int(wrong, 0, "%s, %s", what, wide ? "on two CPUs" : "on one CPU");
        ok(met > 0, "and they met"), diag("%ld times", met);
        evict_all();
        ok(slots_used() <= slots, "I8: no slot is left");
        ok(knob("vm.stats.locked") == locked && knob("vm.stats.pins") == pins && audit_clean(), "I2 I4: nor anything else");
    }
}

int main(void) {
    aio_test();
    slice_pages(3);
    warm_up();
    plan(8 * 8);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    evict_all();
    race(race_locking, "L1 L2: locked by mlock while page-out is at it");
    race(race_asking, "X2: by aio_mlock");
    race(race_cancelling, "C6 L4: by aio_mlock, cancelled");
    race(race_unmapping, "unmapped while page-out is at it");
    race(race_protecting, "given other rights");
    race(race_forking, "forked");
    race(race_writing, "written");
    race(race_reading, "X6: read by two");
    return done_testing();
}
