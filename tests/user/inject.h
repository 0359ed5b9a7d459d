/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Failure on order (pitfall B18): an operation is done again and again, and each time the next allocation inside
 * it fails, first the first, then the second ... until it gets through with the order still standing. For
 * the three kinds of allocation: frames that nobody promised, kernel memory, promises.
 *
 *     prepare -> look -> arm n -> run -> disarm -> look again -> cleanup -> counts at the baseline?
 *                                  \ error: one of the documented ones, no lock or hole moved, audit clean
 *
 * A run that succeeds although its allocation failed is good too (it did without); only what it left is judged.
 */
#pragma once

#include "tests/user/support.h"

struct operation {
    const char *what;
    void (*prepare)(void);  /* sets area and area_pages to what may not change; or NULL */
    int (*run)(void);       /* 0 or the errno */
    void (*cleanup)(void);  /* after success and after failure */
    int errors[3];          /* which errno may come; 0 ends them */
};

static char *area;
static size_t area_pages;

#define MOST 400 /* no call allocates so often: a loop that comes here has no end */

static const char *const counts_[] = {"vm.stats.free_frames", "vm.stats.promised", "vm.stats.given",   "vm.stats.locked",
                                      "vm.stats.pins",        "vm.stats.spaces",   "vm.stats.regions", "vm.stats.heap_live",
                                      "kern.files",           "kern.threads"};
#define COUNTS_ (sizeof counts_ / sizeof *counts_)

struct looked_ {
    char locks[MAP_SHOWN + 1];
    long charge;
};

static void look_(struct looked_ *l) {
    l->locks[0] = 0;
    if (area) strcpy(l->locks, lock_map(area, area_pages));
    l->charge = vmlck();
}

static bool documented_(const struct operation *op, int e) {
    for (int i = 0; i < 3 && op->errors[i]; i++)
        if (op->errors[i] == e) return true;
    return false;
}

/* What is wrong after a run that failed with e. */
static int judge_failure_(const struct operation *op, int e, const struct looked_ *before) {
    struct looked_ after;
    int wrong = 0;
    look_(&after);
    if (!documented_(op, e)) wrong++, diag("%s: errno %d (%s)", op->what, e, strerror(e));
    if (strcmp(before->locks, after.locks) != 0) wrong++, diag("%s: %s became %s", op->what, before->locks, after.locks);
    if (before->charge != after.charge) wrong++, diag("%s: charge %ld became %ld", op->what, before->charge, after.charge);
    return wrong;
}

/* One run with the n-th allocation failing. True: it got through, the order still stands. */
static bool run_once_(const struct operation *op, const char *site, unsigned n, int *failures, int *wrong) {
    struct looked_ before;
    area = NULL;
    if (op->prepare) op->prepare();
    look_(&before);
    set_knob(site, n);
    int e = op->run();
    bool stands = knob(site) != 0;
    set_knob(site, 0);
    if (e) ++*failures, *wrong += judge_failure_(op, e, &before);
    if (e && stands) ++*wrong, diag("%s: errno %d, and nothing had been made to fail", op->what, e);
    if (!audit_clean()) ++*wrong, diag("%s: audit, failing %s %u", op->what, site, n);
    if (op->cleanup) op->cleanup();
    return stands || *wrong > 3;
}

/* The whole loop once: how many allocations were looked at, what was wrong, which counts did not come back. */
static unsigned loop_(const struct operation *op, const char *site, int *failures, int *wrong, bool last) {
    uint64_t before[COUNTS_];
    unsigned n = 1;
    for (size_t i = 0; i < COUNTS_; i++) before[i] = knob(counts_[i]);
    while (n < MOST && !run_once_(op, site, n, failures, wrong)) n++;
    if (n == MOST) ++*wrong, diag("%s: no end", op->what);
    for (size_t i = 0; i < COUNTS_; i++) {
        long change = knob_change(counts_[i], before[i]);
        if (!change) continue;
        if (!last) return 0;
        ++*wrong, diag("%s: %s changed by %ld", op->what, counts_[i], change);
    }
    return n - 1;
}

/* A leak comes back each time; what a cache gave or took once does not: so a second loop decides. */
static void inject_into(const struct operation *op, const char *site) {
    int failures = 0, wrong = 0;
    unsigned looked = loop_(op, site, &failures, &wrong, false);
    if (!looked && !wrong) failures = 0, looked = loop_(op, site, &failures, &wrong, true);
    is_int(wrong, 0, "I8: %s: each failing %s (%u looked at, %d errors)", op->what, site + strlen("debug.inject."), looked,
           failures);
}

/* Three checks an operation: plan(3 * count). */
UNUSED static void inject_all(const struct operation *ops, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int failures = 0, wrong = 0;
        run_once_(&ops[i], "debug.inject.frame", 0, &failures, &wrong); /* first-time costs */
        inject_into(&ops[i], "debug.inject.frame");
        inject_into(&ops[i], "debug.inject.heap");
        inject_into(&ops[i], "debug.inject.reserve");
    }
}
