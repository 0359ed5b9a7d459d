/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Two threads look for the same free place while a third has its range: both get on, each with a place of its own.
 * The third unlocks what is not mapped, which changes nothing, and yields while it has the range.
 *
 * clauses: X5 L24 I2 I4
 * needs: holdfast
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/race.h"

#define N      8ul
#define ROUNDS 12

static char *place; /* free, and where they will look */
static size_t size;
static volatile long wrong, waited;
static pthread_barrier_t all_three;
static volatile bool go;

#define EXPECT(cond)                                                                \
    do {                                                                            \
        if (!(cond) && wrong++ < 3) diag("line %d, errno %d", __LINE__, errno);     \
    } while (0)

/* The three are there, and so are their stacks; then the place is chosen, and the third is about to have it. */
static void begin(void) {
    pthread_barrier_wait(&all_three);
    while (!go) sched_yield();
}

static long sleeps(void) {
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return u.ru_nvcsw;
}

/* Whether the caller slept since: for the range, there is nothing else. */
static void note_waited(long before) {
    if (sleeps() > before) __atomic_fetch_add(&waited, 1, __ATOMIC_RELAXED);
}

static void *has_it(void *arg) {
    go_to_cpu_(2);
    pthread_barrier_wait(&all_three);
    if (!place) {
        place = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        EXPECT(munmap(place, size) == 0);
    }
    arm("unlock_held", 4);
    go = true;
    EXPECT(munlock(place, size) == 0 || errno == ENOMEM);
    return arg;
}

static void while_held(void *(*two)(void *)) {
    pthread_t t;
    arm("all", 0);
    go = false;
    pthread_barrier_init(&all_three, NULL, 3);
    if (pthread_create(&t, NULL, has_it, NULL)) bail_out("no thread");
    both(two, two, NULL);
    pthread_join(t, NULL);
}

/* ---- mmap ---- */

static void *maps(void *arg) {
    begin();
    for (int i = 0; i < 4; i++) {
        long before = sleeps();
        char *p = mmap(NULL, N * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        note_waited(before);
        EXPECT(p != MAP_FAILED);
        p[PG] = 1;
        EXPECT(p[0] == 0 && p[PG] == 1);
        EXPECT(munmap(p, N * PG) == 0);
    }
    return arg;
}

static void race_map(void) {
    place = NULL;
    size = N * PG;
    while_held(maps);
}

/* ---- mremap ---- */

/* Each moves a page of its own to where N fit. */
static void *moves(void *arg) {
    char *p = mmap(NULL, 2 * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(p != MAP_FAILED);
    memset(p, 7, PG);
    begin();
    long before = sleeps();
    p = mremap(p, PG, N * PG, MREMAP_MAYMOVE);
    note_waited(before);
    EXPECT(p != MAP_FAILED && p[0] == 7 && p[PG - 1] == 7 && p[(N - 1) * PG] == 0);
    EXPECT(munmap(p, N * PG) == 0);
    return arg;
}

static void race_move(void) {
    place = NULL;
    size = N * PG;
    while_held(moves);
}

/* ---- a stack ---- */

static char *stack; /* the lowest page of a mapping that grows down */

static void *grows(void *arg) {
    begin();
    for (size_t i = 1; i <= N; i++) {
        volatile char *p = stack - i * PG;
        long before = sleeps();
        __atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
        note_waited(before);
    }
    return arg;
}

static void race_stack(void) {
    char *room = mmap(NULL, 4 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(room != MAP_FAILED && munmap(room, 4 << 20) == 0);
    stack = mmap(room + (4 << 20) - PG, PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    EXPECT(stack != MAP_FAILED);
    place = stack - N * PG; /* nothing is there yet */
    size = N * PG;
    while_held(grows);
    for (size_t i = 1; i <= N; i++) EXPECT(stack[-(long)(i * PG)] == 2);
    munmap(place, (N + 1) * PG);
}

/* ---- all of them ---- */

static void race(void (*run)(void), const char *what) {
    for (int wide = 0; wide < 2; wide++) {
        spread(wide);
        wrong = waited = 0;
        struct books before = books();
        arming_begin();
        for (int i = 0; i < ROUNDS || (!waited && i < MOST_ROUNDS); i++) run();
        arming_end();
        is_int(wrong, 0, "%s, %s", what, wide ? "each on its CPU" : "on one CPU");
        ok(waited > 0, "and they waited for it"), diag("%ld times", waited);
        ok(knob("vm.stats.locked") == before.locked && audit_clean(), "I2 I4: the audit is clean");
    }
}

int main(void) {
    aio_test();
    plan(3 * 6);
    race(race_map, "X5: two map where a third has the range");
    race(race_move, "X5: two mappings move there");
    race(race_stack, "L24: two threads grow one stack");
    return done_testing();
}
