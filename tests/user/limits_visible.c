/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What is locked, charged and limited can be read where a Linux user would look: VmLck, VmPin and VmRSS of the
 * process, Mlocked and MemFree of the system, the limit itself.
 *
 * clauses: B3 I3
 * pitfalls: C2
 */
#include "tests/user/support.h"

#define N 32

static long status(const char *name) {
    return proc_pages("/proc/self/status", name);
}

static long meminfo(const char *name) {
    return proc_pages("/proc/meminfo", name);
}

static void child(void *arg) {
    long *seen = arg;
    char *p = anon(N);
    seen[0] = status("VmLck");
    mlock(p, N * PG);
    seen[1] = status("VmLck");
    seen[2] = meminfo("Mlocked");
}

int main(void) {
    plan(17);
    is_int(status("VmLck"), 0, "B3: VmLck begins at 0");
    is_int(status("VmPin"), 0, "B3: VmPin too");
    long rss = status("VmRSS"), size = status("VmSize"), mlocked = meminfo("Mlocked");
    ok(rss > 0 && size >= rss, "B3: VmRSS (%ld pages) and VmSize (%ld)", rss, size);
    ok(mlocked >= 0, "B3: Mlocked can be read (%ld pages)", mlocked);
    ok(meminfo("MemTotal") > meminfo("MemFree") && meminfo("MemFree") > 0, "B3: MemTotal and MemFree");
    char *p = anon(N);
    ok(status("VmSize") >= size + N, "B3: VmSize counts what is mapped");
    mlock(p, N * PG);
    is_int(status("VmLck"), N, "B3: VmLck counts what is locked");
    if (on_holdfast()) {
        is_int(meminfo("Mlocked") - mlocked, N, "B3: Mlocked the whole system's");
        is_int(knob("vm.stats.locked"), meminfo("Mlocked"), "B3: the knob says the same");
        ok(status("VmRSS") >= rss + N, "B3: VmRSS counts what is resident");
    } else {
        skip(3, "Linux counts frames, later, and in batches");
    }
    long *seen = shared(3 * sizeof *seen);
    as_root(child, seen);
    is_int(seen[0], 0, "A7: a child begins at 0");
    is_int(seen[1], N, "B3: and has a count of its own");
    if (on_holdfast()) {
        is_int(seen[2] - mlocked, 2 * N, "I3: the system's is the sum");
        is_int(meminfo("Mlocked") - mlocked, N, "I3: and the child's share ends with it");
    } else {
        skip(2, "Linux counts frames, later, and in batches");
    }
    munlockall();
    is_int(status("VmLck"), 0, "B3: at the end 0 again");
    if (on_holdfast()) is_int(meminfo("Mlocked"), mlocked, "B3: the system's as it began");
    else skip(1, "Linux counts frames, later, and in batches");
    if (on_holdfast()) is_int(knob("vm.stats.pins"), 0, "B3: nothing is pinned");
    else skip(1, "Linux has no such count");
    return done_testing();
}
