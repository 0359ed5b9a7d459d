/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The auditor on demand: after each of many kinds of work the frames add up, locked pages are present, charges
 * are the accessible locked pages, and references are what reaches a frame. And it is awake: the knob exists,
 * cannot be set, and costs nothing that it counts.
 *
 * clauses: I1 I2 I3 I4 I6
 * pitfalls: B12 B24
 * needs: holdfast
 */
#include "tests/user/support.h"

#define N 32
#define RW (PROT_READ | PROT_WRITE)

static void audited(const char *clause, const char *what) {
    is_int(knob("debug.audit"), 0, "%s: after %s", clause, what);
}

int main(void) {
    needs_holdfast();
    plan(0);
    audited("I1", "nothing at all");
    fails(set_knob("debug.audit", 1), EPERM, "I1: the audit is read, not set");
    char *p = anon(N), *q = anon(N), *none = map_pages(N, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    int fd = memfd(N);
    char *s = map_fd(fd, N, RW, MAP_SHARED), *c = map_fd(fd, N, RW, MAP_PRIVATE);
    memset(s, 1, N * PG);
    audited("I1", "mapping and touching");
    mlock(p, N * PG), mlock(s, N * PG), mlock(c, N * PG);
    audited("I2", "locking private, shared and copied pages");
    is_int(knob("vm.stats.locked"), vmlck(), "I3: the only process that locks has the system's charge");
    munlock(p + 3 * PG, 5 * PG);
    mprotect(s, 4 * PG, PROT_READ), mprotect(c + PG, PG, PROT_NONE);
    audited("I3", "splitting by munlock and mprotect");
    ftruncate(fd, N / 2 * PG);
    audited("I4", "truncating what is locked");
    ftruncate(fd, N * PG);
    mremap(q, N * PG, 2 * N * PG, MREMAP_MAYMOVE);
    audited("I4", "mremap");
    mlockall(MCL_CURRENT | MCL_FUTURE);
    audited("I2", "mlockall");
    mprotect(none, 3 * PG, RW);
    audited("I3", "opening PROT_NONE under MCL_FUTURE");
    pid_t pid = fork();
    if (pid == 0) {
        bool clean = knob("debug.audit") == 0;
        mlockall(MCL_CURRENT);
        memset(p, 2, N * PG);
        _exit(clean && knob("debug.audit") == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    is_int(status, 0, "I4: inside a child of fork that locks and writes");
    audited("I4", "the child's end");
    munmap(p, N * PG), munmap(s, N * PG), munmap(c, N * PG);
    audited("I1", "munmap of locked memory");
    munlockall();
    audited("I3", "munlockall");
    is_int(knob("vm.stats.locked"), 0, "I3: nothing is locked in the system");
    return done_testing();
}
