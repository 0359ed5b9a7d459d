/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Failure injection: see kernel/inject.h. What is armed belongs to a process; work that a kernel thread
 * does for it (thread->serves) counts as the process's own, everybody else's allocations do not.
 */
#include "kernel/inject.h"

#include "kernel/process.h"
#include "kernel/thread.h"

static unsigned system_wide[INJECT_SITES]; /* those that belong to nobody */

static unsigned *armed_for(struct process *p, enum inject_site site) {
    return site >= INJECT_SYSTEM ? &system_wide[site] : p ? &p->inject[site] : NULL;
}

bool inject(enum inject_site site) {
    unsigned *n = armed_for(current()->serves, site);
    if (__builtin_expect(!n || !__atomic_load_n(n, __ATOMIC_RELAXED), 1)) return false;
    /* The one that takes it from 1 to 0 fails; of several threads only one does, and nobody takes it below. */
    unsigned left = __atomic_load_n(n, __ATOMIC_RELAXED);
    while (left && !__atomic_compare_exchange_n(n, &left, left - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return left == 1;
}

void inject_arm(enum inject_site site, unsigned nth) {
    __atomic_store_n(armed_for(current_process(), site), nth, __ATOMIC_RELAXED);
}

unsigned inject_left(enum inject_site site) {
    return __atomic_load_n(armed_for(current_process(), site), __ATOMIC_RELAXED);
}
