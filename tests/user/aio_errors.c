/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A request ends in the very error that mlock gives for the same range, and leaves no lock; with the
 * identity that it was submitted under, and the limit that holds when it runs.
 *
 * clauses: Q5 X1 X2 X7 L4 L6 L8 L9 L10 L12
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

static char *p; /* "..._..N." : a hole at 3, PROT_NONE at 6 */

static void same_as_mlock(const void *addr, size_t len, const char *what) {
    int direct = errno_of(mlock(addr, len));
    munlock(p, 3 * PG);
    int asked = lock_by_request(addr, len);
    is_int(asked, direct, "Q5: %s: %s, as by mlock", what, strerror(direct));
    if (direct) is_str(lock_map(p, 8), "..._....", "L4: %s: nothing is locked", what);
    munlock(p, 3 * PG);
}

static void ranges(void) {
    same_as_mlock(p, 3 * PG, "a good range");
    same_as_mlock(p, 4 * PG, "a hole at the end");
    same_as_mlock(p + 3 * PG, PG, "a hole alone");
    same_as_mlock(p + 2 * PG, 3 * PG, "a hole in the middle");
    same_as_mlock(p + 4 * PG, 4 * PG, "a page that nobody may touch");
    same_as_mlock((void *)KERNEL, PG, "the kernel");
    same_as_mlock((void *)(USER_END - PG), 2 * PG, "the end of user space");
    same_as_mlock((void *)-PG, PG, "the last page of all");
    same_as_mlock((void *)-PG, 2 * PG, "a wrap");
    same_as_mlock((void *)0x7000000000001, INT64_MAX, "an address beyond user space, SSIZE_MAX bytes");
    same_as_mlock(p + 1, INT64_MAX, "SSIZE_MAX bytes");
    same_as_mlock(NULL, PG, "NULL");
}

struct seen {
    int first, second, charged;
};
static struct seen *seen;

static void over_the_limit(void *unused) {
    (void)unused;
    seen->first = lock_by_request(p, 2 * PG);
    seen->second = lock_by_request(p, 3 * PG);
    seen->charged = (int)vmlck();
}

static void not_allowed(void *unused) {
    (void)unused;
    seen->first = lock_by_request(p, PG);
    seen->second = errno_of(mlock(p, PG));
}

static void limits(void) {
    as_user(2, over_the_limit, NULL);
    is_int(seen->first, 0, "L10: as many pages as RLIMIT_MEMLOCK allows");
    is_int(seen->second, ENOMEM, "L10: one more ends in ENOMEM");
    is_int(seen->charged, 2, "L4: and what was locked stays so");
    as_user(0, not_allowed, NULL);
    is_int(seen->first, EPERM, "L12: another uid whose limit is 0: EPERM");
    is_int(seen->second, EPERM, "L12: as by mlock");
}

/* The child submits as root, then becomes somebody with no right to lock, then lets it run. */
static void become_nobody(void *unused) {
    (void)unused;
    struct aiocb cb;
    hold(HOLD);
    must_submit(&cb, p, 2 * PG);
    if (seteuid(NOBODY) != 0) _exit(97);
    seen->second = errno_of(mlock(p, PG));
    if (seteuid(0) != 0) _exit(96);
    pid_t later = let_go_later();
    if (seteuid(NOBODY) != 0) _exit(95);
    seen->first = outcome(&cb);
    wait_for(later);
}

/* Submitted as nobody under a limit that is lowered before the request runs. */
static void lower_the_limit(void *unused) {
    (void)unused;
    struct aiocb cb;
    struct rlimit one = {PG, 8 * PG};
    hold(HOLD);
    if (seteuid(NOBODY) != 0) _exit(97);
    must_submit(&cb, p, 2 * PG);
    setrlimit(RLIMIT_MEMLOCK, &one);
    if (seteuid(0) != 0) _exit(96);
    hold(GO);
    seen->first = outcome(&cb);
}

/* Submitted as nobody; root by the time that it runs does not help. */
static void become_root(void *unused) {
    (void)unused;
    struct aiocb cb;
    hold(HOLD);
    if (seteuid(NOBODY) != 0) _exit(97);
    must_submit(&cb, p, 2 * PG);
    if (seteuid(0) != 0) _exit(96);
    hold(GO);
    seen->first = outcome(&cb);
    seen->second = errno_of(mlock(p, 2 * PG));
}

static void identity(void) {
    in_child(0, 0, become_nobody, NULL);
    is_int(seen->second, EPERM, "X1: uid %d with a limit of 0 may not lock", NOBODY);
    is_int(seen->first, 0, "X1: but what it submitted as root is done as root");
    in_child(8 * PG, 0, lower_the_limit, NULL);
    is_int(seen->first, ENOMEM, "X1: the limit that counts is that of the time when the work is done");
    in_child(0, 0, become_root, NULL);
    is_int(seen->first, EPERM, "X1: what nobody submitted is done as nobody");
    is_int(seen->second, 0, "X1: although the process is root by then");
    hold(GO);
}

/* Each allocation that bringing pages in takes, fails once: an error that mlock gives, and nothing is locked. */
static void no_frames(const char *site) {
    char *q = anon(600), name[40];
    struct books before = books();
    int error = EAGAIN, n = 0;
    snprintf(name, sizeof name, "debug.inject.%s", site);
    while (error && ++n < 2000) {
        must_set(name, (uint64_t)n);
        error = lock_by_request(q, 600 * PG);
        must_set(name, 0);
        if (error != 0 && error != EAGAIN && error != ENOMEM && error != -1) break;
        if (error && !same_books(before, books())) break;
        if (error && !audit_clean()) break;
    }
    is_int(error, 0, "X2: every %s allocation refused once (%d ways): an honest error, nothing locked", site, n);
    munmap(q, 600 * PG);
}

int main(void) {
    aio_test();
    seen = shared(sizeof *seen);
    p = anon(8);
    cut(p, 3, 1);
    mprotect(p + 6 * PG, PG, PROT_NONE);
    warm_up();
    ranges();
    limits();
    identity();
    no_frames("frame");
    no_frames("heap");
    no_frames("reserve");
    ok(audit_clean(), "I3: the audit is clean");
    return done_testing();
}
