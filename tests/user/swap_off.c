/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * swapoff: what is there comes back as its owner left it, rights and locks included; a page that cannot be read keeps the
 * device in use for as long as somebody has it, and no longer; who waits in it can be killed.
 *
 * clauses: L1 L17 L22 P1 I4 I6 I8
 * needs: holdfast
 * mem: 48M
 * disks: 16M
 */
#include "tests/user/disks.h"
#include "tests/user/swaps.h"

#define DEV "/dev/vda"
#define N   32ul

static void on(void) {
    if (swapon(DEV, 0) != 0) bail_out("swapon: %s", strerror(errno));
}

static void is_off(const char *what) {
    is_int(errno_of(swapoff(DEV)), 0, "%s: swapoff", what);
    is_int((long)knob("vm.swap.total"), 0, "%s: there is no swap now", what);
    ok(audit_clean(), "I4 I6: %s: audit", what);
}

/* ---- rights and locks ---- */

static void as_it_was(void) {
    on();
    char *closed = anon(N), *readable = anon(N), *p = anon(N);
    put(closed, N, 1);
    put(readable, N, 2);
    put(p, N, 3);
    out(closed, N), out(readable, N), out(p, N);
    mprotect(closed, N * PG, PROT_NONE);
    mprotect(readable, N * PG, PROT_READ);
    mlock2(p, N * PG, MLOCK_ONFAULT);
    is_off("rights");
    is_int(signal_reading(closed), SIGSEGV, "L17: what was closed is");
    mprotect(closed, N * PG, PROT_READ);
    ok(has(closed, N, 1), "and is what it was");
    is_int(signal_writing(readable), SIGSEGV, "L17: what was not to be written is not");
    ok(has(readable, N, 2), "and is what it was");
    is_int((long)resident(p, N), (long)N, "L22: what is locked by touch has come back, too");
    ok(has(p, N, 3), "and is what it was");
    munmap(closed, N * PG), munmap(readable, N * PG), munmap(p, N * PG);
}

/* ---- a page that cannot be read ---- */

static char *lost;

static void touch(void *unused) {
    (void)unused;
    _exit(lost[0] == 0);
}

/* The first page of an area cannot be read from now on; the others are in swap, too. It is there alone when it is read: what
 * is read with others is tried again. */
static void lose(char *area) {
    lost = area;
    put(lost, 1, 4);
    out(lost, 1);
    while (knob("debug.port.requests") != 0) sched_yield();
    set_knob("debug.inject.swap_read", 1);
    int status = as_root(touch, NULL);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS) bail_out("a page was to be lost: status %#x", status);
    put(lost + PG, N - 1, 5);
    out(lost + PG, N - 1);
}

static long commit_limit(void) {
    return proc_pages("/proc/meminfo", "CommitLimit");
}

static void keeps_the_device(const char *what) {
    long limit = commit_limit();
    for (int i = 0; i < 2; i++) is_int(errno_of(swapoff(DEV)), EIO, "%s: swapoff, with a page that cannot be read", what);
    ok(knob("vm.swap.total") > 0, "%s: the device stays in use", what);
    is_int(commit_limit(), limit, "%s: and counts as before", what);
    ok(audit_clean(), "I4: %s: audit", what);
    ok(has(lost + PG, N - 1, 5), "%s: other pages are as they were", what);
    char *more = anon(N);
    munlock(more, N * PG);
    put(more, N, 6);
    out(more, N);
    ok(slots_used() >= N && has(more, N, 6), "%s: and more of them go there and come back", what);
    munmap(more, N * PG);
}

static void owner(volatile int *stage) {
    char *area = anon(N);
    mlockall(MCL_CURRENT);
    munlock(area, N * PG);
    lose(area);
    *stage = 1;
    while (*stage != 2) sched_yield();
    _exit(has(area + PG, N - 1, 5) ? 0 : 1);
}

static void until_it_is_unmapped(void) {
    on();
    char *area = anon(N);
    munlock(area, N * PG);
    lose(area);
    keeps_the_device("private");
    munmap(area, PG);
    is_off("private, unmapped");
    ok(has(area + PG, N - 1, 5), "and all but that page is there");
    munmap(area + PG, (N - 1) * PG);
}

static void until_the_object_goes(void) {
    on();
    char *area = shared(N * PG);
    munlock(area, N * PG);
    lose(area);
    keeps_the_device("shared");
    munmap(area, N * PG);
    is_off("shared, gone");
}

static void until_its_owner_ends(void) {
    volatile int *stage = shared(PG);
    on();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) owner(stage);
    while (*stage != 1) sched_yield();
    is_int(errno_of(swapoff(DEV)), EIO, "another's page cannot be read: EIO as well");
    *stage = 2;
    int status = -1;
    waitpid(pid, &status, 0);
    is_int(status, 0, "its owner goes on, and ends");
    is_off("its owner gone");
    munmap((void *)stage, PG);
}

/* ---- killed ---- */

static void killed(void) {
    on();
    char *area = anon(N);
    munlock(area, N * PG);
    put(area, N, 7);
    evict_all();
    hold_disk();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) _exit(swapoff(DEV) == 0 ? 0 : 1);
    await_requests(1);
    kill(pid, SIGKILL);
    int status = -1;
    waitpid(pid, &status, 0);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "P1: swapoff is killed while the disk does not answer");
    ok(knob("debug.port.requests") > 0 && knob("vm.swap.total") > 0, "which it has not; the device is in use");
    go_disk();
    ok(has(area, N, 7), "what is there is what it was");
    evict_all();
    is_off("after all");
    ok(has(area, N, 7), "and still is");
    munmap(area, N * PG);
}

int main(void) {
    needs_holdfast();
    pid_t server = blockd_start("00:03.0", "vda");
    as_it_was();
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    until_it_is_unmapped();
    until_the_object_goes();
    until_its_owner_ends();
    killed();
    munlockall();
    blockd_end(server);
    return done_testing();
}
