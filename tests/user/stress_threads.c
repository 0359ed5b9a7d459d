/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Four threads on four CPUs fight over one space (stress.h), with and without mlockall. They end and begin anew
 * several times on the way. No page ever holds what it should not, no call answers what it cannot, no access that
 * is allowed is a signal, and afterwards nothing is left.
 *
 *     stress_threads [SEED [STEPS [YIELDS]]]     STEPS of each thread in each of the two rounds (1500);
 *                                                YIELDS at each point of the kernel's (debug.yield.all)
 *
 * clauses: X5 X7 C6 L1 L19 A8 I1 I3 I4 I8
 * pitfalls: B8 B9 B15 B24
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/stress.h"

#define LIVES 4 /* of each thread in a round */

static struct stress s;
static unsigned long steps = 1500;

static void *live(void *arg) {
    struct worker *w = arg;
    s.tids[w->id] = gettid();
    for (unsigned long i = 0; i < steps / LIVES && !w->line; i++) one_step(w);
    settle(w); /* requests are the process's; the thread leaves none behind */
    s.tids[w->id] = 0;
    return NULL;
}

/* Each ends when it has taken its steps, and is followed by another that knows what it knew. */
static void run(void) {
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, live, &s.worker[i])) bail_out("no thread");
    for (int lives = 1; lives <= LIVES; lives++) {
        for (int i = 0; i < THREADS; i++) {
            pthread_join(t[i], NULL);
            if (lives < LIVES && pthread_create(&t[i], NULL, live, &s.worker[i])) bail_out("no thread");
        }
    }
}

static void round_of(uint64_t seed, bool all) {
    const char *name = all ? "with mlockall" : "without mlockall";
    uint64_t locked = knob("vm.stats.locked"), pins = knob("vm.stats.pins"), requests = knob("vfs.aio.requests");
    unsigned long done = 0, forks = 0, asked = 0;
    stress_init(&s, seed, all);
    run();
    for (int i = 0; i < THREADS; i++) {
        struct worker *w = &s.worker[i];
        for (int n = 0; n < SLOTS; n++) check_slot(w, n);
        is_int(w->line, 0, "%s: thread %d sees nothing wrong (or the line of stress.h where it does)", name, i);
        if (w->line) diag("errno %d: %s", w->error, strerror(w->error));
        done += w->steps;
        forks += w->forks;
        asked += w->requests;
    }
    diag("%lu steps, %lu forks, %lu requests", done, forks, asked);
    ok(audit_clean(), "%s: the audit is clean", name);
    stress_clear(&s);
    is_int(vmlck(), 0, "I3: nothing is charged");
    is_int(knob_change("vm.stats.locked", locked), 0, "I3: nor in the system");
    is_int(knob_change("vm.stats.pins", pins), 0, "I8: no pin is left");
    is_int(knob_change("vfs.aio.requests", requests), 0, "I5: no request is left");
    ok(audit_clean(), "%s: and the audit is clean again", name);
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 10) : (uint64_t)time(NULL) % 1000000;
    if (argc > 2) steps = strtoul(argv[2], NULL, 10);
    plan(2 * (THREADS + 6));
    diag("seed %lu, %lu steps", (unsigned long)seed, steps);
    diag("to repeat: tools/hf run --cpus 4 build/tests/user/stress_threads %lu %lu", (unsigned long)seed, steps);
    uint64_t slice = knob("vfs.aio.slice");
    set_knob("vfs.aio.slice", 2);
    if (argc > 3) set_knob("debug.yield.all", strtoul(argv[3], NULL, 10)); /* at every point there is */
    round_of(seed, false);
    round_of(seed + 1, true);
    set_knob("vfs.aio.slice", slice);
    set_knob("debug.yield.all", 0);
    return done_testing();
}
