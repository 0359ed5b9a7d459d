/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A swap device that fails at some sectors: QEMU refuses to read two of them and to write two others. What cannot be written
 * stays in memory or goes to another place, and its slots are used no more; what cannot be read is SIGBUS to who touches it, that
 * page alone, and stays lost. All else is as it was.
 *
 * clauses: I1 I4 I8
 * needs: holdfast
 * mem: 32M
 * disks: 16M/read@808/read@1600/write@8000/write@8807
 * timeout: 100
 */
#include <setjmp.h>

#include "tests/user/disks.h"
#include "tests/user/swaps.h"

#define N         1600ul /* pages: they go to the first slots of the device, among them those that fail */
#define READ_BAD  2u     /* pages that cannot be read: 101 and 200 */
#define WRITE_BAD 2u     /* that cannot be written: 1000 and 1100; the device joins requests, and all of them fail with one */

static sigjmp_buf back;

static void on_bus(int sig, siginfo_t *info, void *context) {
    (void)sig, (void)info, (void)context;
    siglongjmp(back, 1);
}

/* 1: as it was put; 0: another; -1: SIGBUS. */
static int look(const char *p, unsigned generation) {
    if (sigsetjmp(back, 1)) return -1;
    return has_as(p, p, generation);
}

static unsigned count(const char *p, unsigned generation, int what) {
    unsigned n = 0;
    for (size_t i = 0; i < N; i++) n += look(p + i * PG, generation) == what;
    return n;
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
    needs_holdfast();
    plan(12);
    sigaction(SIGBUS, &sa, NULL);
    if (mlockall(MCL_CURRENT) != 0) bail_out("mlockall: %s", strerror(errno));
    pid_t supervisor = blockd_start("00:03.0", "vda");
    if (swapon("/dev/vda", 0) != 0) bail_out("swapon: %s", strerror(errno));
    char *p = anon(N);
    uint64_t errors = knob("vm.swap.errors");
    put(p, N, 1);
    out(p, N);
    evict_all();
    long failed = knob_change("vm.swap.errors", errors);
    ok(failed >= (long)WRITE_BAD && failed < (long)N / 2, "%ld pages could not be written", failed);
    ok(audit_clean(), "audit");
    is_int(count(p, 1, -1), READ_BAD, "so many pages cannot be read");
    is_int(count(p, 1, 1), N - READ_BAD, "all others are as they were");
    is_int(count(p, 1, -1), READ_BAD, "those that are lost stay so");
    is_int(errno_of(swapoff("/dev/vda")), EIO, "while they are there swap cannot be turned off");
    ok(audit_clean(), "audit");
    munmap(p, N * PG);
    is_int((long)knob("vm.swap.bad"), failed, "slots that could not be written are bad, and no others");
    p = anon(N);
    errors = knob("vm.swap.errors");
    put(p, N, 2);
    out(p, N);
    evict_all();
    is_int(knob_change("vm.swap.errors", errors), 0, "they are not used again");
    is_int(count(p, 2, 0), 0, "and no page is another than it should be");
    munmap(p, N * PG);
    ok(audit_clean(), "audit");
    is_int(errno_of(swapoff("/dev/vda")), 0, "once nobody has them it can");
    blockd_end(supervisor);
    return done_testing();
}
