/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What fails under pressure, one after the other: the n-th write of the device, its n-th read, the n-th slot, frame, piece of
 * kernel memory and promise, for n = 1, 2 ... until nothing fails any more. Audit after each, contents verified.
 *
 * A write that fails loses nothing: the page stays, and its slot is bad. A read that fails ends who needs the page, with
 * SIGBUS, and only that.
 *
 * clauses: I1 I4 I8
 * needs: holdfast
 * mem: 24M
 * swap: 64M
 * timeout: 300
 */
#include "tests/user/swaps.h"

#define N    256ul /* pages that go, in requests of 16 */
#define MOST 200u

static const char *const sites[] = {"debug.inject.frame", "debug.inject.heap", "debug.inject.reserve"};

static volatile unsigned *armed_;

static void disarm(void) {
    set_knob("debug.inject.swap_write", 0);
    set_knob("debug.inject.swap_read", 0);
    set_knob("debug.inject.slot", 0);
}

/* Sends pages out, writes some again, shares some with a child, and brings all back: what was wrong with them. */
static int work(void) {
    char *p = mmap(NULL, N * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int wrong = 0, status = 0;
    if (p == MAP_FAILED) return 0;
    put(p, N, 1);
    madvise(p, N * PG, MADV_PAGEOUT);
    set_knob("debug.evict", 1);
    wrong += !has(p, N / 2, 1);
    put(p, N / 4, 2);
    madvise(p, N / 2 * PG, MADV_PAGEOUT);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(has(p, N / 4, 2) && has(p + N / 4 * PG, N - N / 4, 1) ? 0 : 1);
    if (child > 0) waitpid(child, &status, 0); /* else there was no memory for it: as good as any answer */
    wrong += status != 0;
    set_knob("debug.evict", 1);
    wrong += !has(p, N / 4, 2) || !has(p + N / 4 * PG, N - N / 4, 1);
    munmap(p, N * PG);
    return wrong;
}

/* What fails is the process's own: in a child, whose text may be what there is no frame for. */
#define STANDS 77

static void worker(void *site) {
    set_knob(site, *armed_);
    int wrong = work();
    _exit(wrong ? 1 : knob(site) ? STANDS : 0);
}

static void refuses_nothing_else(const char *site) {
    unsigned n, wrong = 0, unclean = 0, ended = 0;
    for (n = 1; n < MOST; n++) {
        *armed_ = n;
        int status = as_root(worker, (void *)site);
        bool stands = WIFEXITED(status) && WEXITSTATUS(status) == STANDS;
        bool bus = WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
        ended += bus;
        if (status != 0 && !stands && !bus) wrong++, diag("%s %u: status %#x", site, n, status);
        unclean += !audit_clean();
        if (stands) break;
    }
    is_int(wrong, 0, "%s: nothing is lost, whichever fails (%u; %u of them SIGBUS)", site, n - 1, ended);
    is_int(unclean, 0, "I1 I4: audit after each");
    ok(n > 1 && n < MOST, "until none fails any more");
}

static void loses_nothing(const char *site) {
    unsigned n, wrong = 0, unclean = 0;
    for (n = 1; n < MOST; n++) {
        set_knob(site, n);
        wrong += work() != 0;
        bool stands = knob(site) != 0;
        disarm();
        unclean += !audit_clean();
        if (stands) break;
    }
    is_int(wrong, 0, "%s: nothing is lost, whichever fails (%u)", site, n - 1);
    is_int(unclean, 0, "I1 I4: audit after each");
    ok(n > 1 && n < MOST, "until none fails any more");
}

/* If the kernel had taken nothing for itself. */
static long could_promise(void) {
    return proc_pages("/proc/meminfo", "CommitLimit") + proc_pages("/proc/meminfo", "Kernel");
}

static void bad_writes(void) {
    uint64_t bad = knob("vm.swap.bad"), errors = knob("vm.swap.errors"), total = knob("vm.swap.total");
    long limit = could_promise();
    loses_nothing("debug.inject.swap_write");
    uint64_t now = knob("vm.swap.bad") - bad;
    ok(now > 0 && now == knob("vm.swap.errors") - errors, "%lu slots are bad: those that could not be written", now);
    is_int((long)knob("vm.swap.total"), (long)total, "the device is as large as before");
    is_int(limit - could_promise(), (long)now, "but so much less can be promised");
}

static char *lost;

static void reads_lost(void *arg) {
    (void)arg;
    for (size_t i = 0; i < N; i++)
        if (!has_as(lost + i * PG, lost + i * PG, 3)) _exit(1);
    _exit(0);
}

/* Each read fails once; those that are for several pages are tried page by page, and only the second failure counts. This process
 * is locked: no page of its own is read. */
static void bad_reads(void) {
    unsigned wrong = 0, unclean = 0, n;
    mlockall(MCL_CURRENT);
    for (n = 1; n < MOST; n++) {
        lost = anon(N);
        put(lost, N, 3);
        madvise(lost, N * PG, MADV_PAGEOUT);
        evict_all();
        set_knob("debug.inject.swap_read", n);
        int status = as_root(reads_lost, NULL);
        bool stands = knob("debug.inject.swap_read") != 0;
        disarm();
        if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)) wrong++, diag("read %u: status %#x", n, status);
        unclean += !audit_clean();
        munmap(lost, N * PG);
        if (stands) break;
    }
    is_int(wrong, 0, "each reading that fails (%u of them) does no harm, or is SIGBUS", n - 1);
    is_int(unclean, 0, "I1 I4: audit after each");
    ok(n > 10 && n < MOST, "until none fails any more");
    munlockall();
}

static void touch_lost(void *arg) {
    (void)arg;
    _exit(lost[0] == 0);
}

/* One page alone: there is nothing to try again with. All else is locked, so that no other lies beside it in swap. */
static void read_error_is_sigbus(void) {
    mlockall(MCL_CURRENT);
    lost = anon(2);
    put(lost, 2, 4);
    out(lost, 1);
    while (knob("debug.port.requests")) sched_yield();
    evict_all();
    munmap(lost + PG, PG);
    set_knob("debug.inject.swap_read", 1);
    int status = as_root(touch_lost, NULL);
    disarm();
    is_int(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGBUS, "a page that cannot be read is SIGBUS to who needs it");
    is_int(signal_reading(lost), SIGBUS, "and to the next: it is lost");
    is_int(errno_of(mlock(lost, PG)), EAGAIN, "L10: it cannot be locked");
    ok(lock_letter(lost) == '.', "L4: and is not");
    ok(audit_clean(), "audit");
    munlockall();
    munmap(lost, PG);
}

int main(void) {
    needs_holdfast();
    atexit(disarm);
    armed_ = shared(PG);
    bad_writes();
    loses_nothing("debug.inject.slot");
    for (unsigned i = 0; i < 3; i++) refuses_nothing_else(sites[i]);
    bad_reads();
    read_error_is_sigbus();
    return done_testing();
}
