/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The queue of asynchronous requests, at random: submissions, slices, cancels, reaping and ends of processes, each step
 * checked by aio_audit(), and in the end by a count of everything that was begun (contract X7, I5, P1).
 */
#include "tests/host/aio_machine.h"

static uint64_t seed;

static uint64_t draw(uint64_t n) {
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (seed >> 33) % n;
}

static long taken, ended; /* requests accepted; results seen, or gone with their process */

/* What stalled requests may have waited for. */
static void happen(void) {
    aio_event();
    aio_resume_all();
}

static void random_step(void) {
    struct process *p = &procs[draw(3)];
    uint64_t name = 1 + draw(12), kind = draw(16);
    if (kind < 5) {
        taken += ask_at(p, name, draw(20) ? place((char)('A' + draw(4))) + draw(4) * PAGE_SIZE : 0, 1 + draw(4)) == 0;
    } else if (kind < 11) {
        if (!draw(8)) step_fails = draw(2) ? EAGAIN : EINPROGRESS;
        work();
        if (!draw(6)) happen();
    } else if (kind < 13) {
        if (p->aio) ended += result_of(p, name) >= 0;
    } else if (kind < 15) {
        if (p->aio) aio_cancel_one(p->aio, name);
    } else if (!draw(20)) {
        if (visited == p->aio) visited = aio_ring_next(visited, false);
        if (visited && visited == p->aio) return;
        if (visited) aio_serve(visited);
        if (p->aio) ended += (long)p->aio->total;
        aio_process_exit(p);
    }
}

static void test_random(uint64_t from) {
    const char *wrong = NULL;
    fresh();
    seed = from;
    taken = ended = 0;
    aio_limits.max_queue_per_proc = 6;
    aio_limits.max_queue = 14;
    aio_limits.max_per_proc = 3;
    long at = 0;
    for (; at < 20000 && !wrong; at++) {
        random_step();
        wrong = aio_audit();
    }
    step_fails = 0;
    happen();
    is_str(wrong ? wrong : "ok", "ok", "I5: the audit after each of %ld steps, seed %lu", at, from);
    work_all();
    for (int i = 0; i < 3; i++) {
        if (procs[i].aio) {
            for (uint64_t name = 1; name <= 12; name++) ended += result_of(&procs[i], name) >= 0;
            is_int(procs[i].aio->total, 0, "X7: process %d: every request has ended", i);
        } else pass("X7: process %d has none", i);
    }
    is_int(ended, taken, "X7: each of %ld accepted requests ended once", taken);
    all_gone("after random steps");
}

int main(void) {
    const char *given = getenv("SEED");
    uint64_t start = given && *given ? strtoul(given, NULL, 10) : 1;
    aio_start();
    for (uint64_t i = 0; i < 5; i++) test_random(start + i);
    return done_testing();
}
