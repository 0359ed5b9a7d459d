/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Races of asynchronous requests, met on purpose: the kernel yields between the steps of submission, work,
 * cancellation and exit. Every test runs with both threads on one CPU and then with each on its own.
 *
 * clauses: Q4 Q7 X5 X7 C6 R3 R4 P1 I5
 * pitfalls: A2 A11 A12 A14
 * needs: holdfast
 * cpus: 4
 * timeout: 400
 */
#include "tests/user/race.h"

#define N      16ul
#define ROUNDS 12

static char *area;
static struct aiocb cb[2];
static volatile long wrong;

#define EXPECT(cond)                                                                \
    do {                                                                            \
        if (!(cond) && wrong++ < 3) diag("line %d, errno %d", __LINE__, errno);     \
    } while (0)

/* ---- A11: the end before the submitter is back ---- */

static void *asks(void *arg) {
    (void)arg;
    EXPECT(aio_mlock(fill(&cb[0], area, N * PG)) == 0);
    EXPECT(aio_error(&cb[0]) == -1 && errno == EINVAL ? true : await_end(&cb[0]) != EINPROGRESS);
    return NULL;
}

/* Takes the first request that ends: there is exactly one. */
static void *takes(void *arg) {
    (void)arg;
    struct aiocb *ended = NULL;
    for (long i = 0; i < PATIENCE && !ended; i++) {
        ssize_t result = aio_waitcomplete(&ended, NULL);
        EXPECT(result == 0 || (result == -1 && errno == EAGAIN && !ended)); /* nothing outstanding yet */
        if (!ended) sched_yield();
    }
    EXPECT(ended == &cb[0]);
    return NULL;
}

static void race_early_end(void) {
    arm("aio_submitted", 20);
    arm("aio_taken", 1);
    both(asks, takes, NULL);
    EXPECT(aio_return(&cb[0]) == -1 && errno == EINVAL);
    EXPECT(vmlck() == (long)N);
    munlock(area, N * PG);
}

/* ---- A14: the last place ---- */

static volatile int next_cb;

static void *wants_place(void *arg) {
    (void)arg;
    int i = __atomic_fetch_add(&next_cb, 1, __ATOMIC_SEQ_CST);
    int result = aio_mlock(fill(&cb[i], area, PG));
    EXPECT(result == 0 || errno == EAGAIN);
    return (void *)(long)(result == 0);
}

static void race_last_place(void) {
    static const char *const limits[] = {"vfs.aio.max_aio_queue_per_proc", "vfs.aio.max_aio_queue"};
    struct aiocb first[3];
    arm("aio_submit", 1);
    arm("aio_slot", 3);
    for (int l = 0; l < 2; l++) {
        uint64_t was = knob(limits[l]);
        for (int i = 0; i < 3; i++) must_submit(&first[i], area, PG);
        must_set(limits[l], 4);
        next_cb = 0;
        EXPECT(both(wants_place, wants_place, NULL) == 1);
        EXPECT(knob("vfs.aio.requests") == 4);
        for (int i = 0; i < 2; i++)
            if (aio_error(&cb[i]) != -1) EXPECT(outcome(&cb[i]) == 0);
        for (int i = 0; i < 3; i++) EXPECT(outcome(&first[i]) == 0);
        EXPECT(knob("vfs.aio.requests") == 0);
        must_set(limits[l], was);
    }
    munlock(area, N * PG);
}

/* ---- the first request of a process, twice ---- */

static void first_ones(void *arg) {
    (void)arg;
    wrong = 0;
    next_cb = 0;
    long accepted = both(wants_place, wants_place, NULL);
    for (int i = 0; i < 2; i++) EXPECT(outcome(&cb[i]) == 0);
    _exit(accepted == 2 && !wrong ? 0 : 1);
}

static void race_first(void) {
    arm("aio_create", 4);
    arm("aio_submitted", 1);
    EXPECT(as_root(first_ones, NULL) == 0);
}

/* ---- X5: unmapped while it is taken up ---- */

static void *asks_and_waits(void *arg) {
    (void)arg;
    must_submit(&cb[0], area, N * PG);
    int error = outcome(&cb[0]);
    EXPECT(error == 0 || error == ENOMEM);
    return NULL;
}

static void *unmaps(void *arg) {
    (void)arg;
    EXPECT(munmap(area + 2 * PG, (N - 4) * PG) == 0);
    return NULL;
}

static void race_unmap(void) {
    arm("range", 2);
    arm("unmap_held", 3);
    arm("aio_taken", 2);
    arm("lock_slice", 2);
    both(asks_and_waits, unmaps, NULL);
    EXPECT(vmlck() == 4 || vmlck() == 0);
    for (size_t i = 2; i < N - 2; i++) EXPECT(core_letter(area + i * PG) == '_');
    EXPECT(audit_clean());
    EXPECT(mmap(area, N * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
    EXPECT(vmlck() == 0);
}

/* ---- C6: cancelled while it ends, by two; reaped by two ---- */

static volatile int asked;
static bool let_go; /* before it is cancelled */

static void *cancels(void *arg) {
    (void)arg;
    while (!asked) sched_yield();
    int answer = aio_cancel(-1, &cb[0]);
    EXPECT(answer == AIO_CANCELED || answer == AIO_ALLDONE);
    return (void *)(long)(answer == AIO_CANCELED);
}

/* In a worker's hand, and kept there until both are about to cancel it: else it is over before they come. */
static void *asks_and_cancels(void *arg) {
    hold(FREEZE);
    must_submit(&cb[0], area, N * PG);
    EXPECT(await_knob("vfs.aio.active", 1));
    if (let_go) hold(GO);
    asked = 1;
    return cancels(arg);
}

static void *reaps(void *arg) {
    (void)arg;
    ssize_t result = aio_return(&cb[0]);
    EXPECT(result == 0 || errno == ECANCELED || errno == EINVAL);
    return (void *)(long)(result == 0 || errno == ECANCELED);
}

static void race_cancel(void) {
    static const char *const where[] = {"aio_taken", "aio_sliced", "lock_slice", "lock_finish"};
    for (int i = 0; i < 4; i++) {
        arm("all", 0);
        arm("aio_cancel", 1);
        arm(where[i], 4);
        asked = 0;
        let_go = i > 0;
        /* of those that found it running, all agree; later ones say ALLDONE */
        long answers = both(asks_and_cancels, cancels, NULL);
        int error = await_end(&cb[0]);
        hold(GO);
        EXPECT(answers > 0 ? error == ECANCELED : error == 0);
        EXPECT(vmlck() == (error ? 0 : (long)N));
        EXPECT(both(reaps, reaps, NULL) == 1);
        munlock(area, N * PG);
    }
}

/* ---- P1: the process ends while a request does, and while one is asked for ---- */

static void *asks_on(void *arg) {
    (void)arg;
    for (int i = 0;; i ^= 1) {
        if (aio_mlock(fill(&cb[i], area, N * PG)) != 0) aio_return(&cb[i]);
    }
    return NULL;
}

/* Goes when a request of its own is in a worker's hand, kept there until then: else it is gone before one is. */
static void *leaves(void *arg) {
    EXPECT(await_knob("vfs.aio.active", 1));
    hold(GO);
    for (long i = 0; i < (long)arg; i++) sched_yield();
    _exit(wrong ? 4 : 3);
}

static void ends(void *arg) {
    wrong = 0;
    hold(FREEZE);
    both(asks_on, leaves, arg);
}

static void race_exit(void) {
    static const char *const where[] = {"aio_taken", "aio_sliced", "lock_finish", "aio_submitted", "aio_slot"};
    for (long i = 0; i < 5; i++) {
        arm("all", 0);
        arm("aio_exit", 2);
        arm(where[i], 3);
        int status = as_root(ends, (void *)(4 * i));
        EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 3);
        EXPECT(knob_change("vfs.aio.requests", 0) == 0);
    }
}

/* ---- all of them ---- */

static void race(void (*run)(void), const char *what) {
    for (int wide = 0; wide < 2; wide++) {
        spread(wide);
        wrong = 0;
        area = anon(N);
        struct books before = books();
        long met = rounds(run, ROUNDS);
        is_int(wrong, 0, "%s, %s", what, wide ? "on two CPUs" : "on one CPU");
        ok(met > 0, "and they met"), diag("%ld times", met);
        munmap(area, N * PG);
        ok(knob("vfs.aio.requests") == 0 && knob("vm.stats.locked") == before.locked && knob("vm.stats.pins") == before.pins,
           "I5 I8: nothing is left");
        ok(audit_clean(), "I5: the audit is clean");
    }
}

int main(void) {
    aio_test();
    slice_pages(3);
    plan(6 * 8);
    race(race_early_end, "A11: a request that ends, and is reaped, before its submitter is back");
    race(race_last_place, "A14: two threads and one place left: one has it");
    race(race_first, "Q4: a process's first requests, two at once");
    race(race_unmap, "X5: unmapped while it is taken up");
    race(race_cancel, "C6: cancelled by two while it ends, reaped by two");
    race(race_exit, "P1: the process ends while its request does");
    return done_testing();
}
