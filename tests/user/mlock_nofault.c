/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * After a lock, no touch of a page takes a fault: whatever the page was before, whichever way it is touched.
 * The counters of getrusage must stand still, not nearly still.
 *
 * clauses: L2 I7
 * pitfalls: B23 C9
 */
#include "tests/user/support.h"

#define N 16

static void private_pages(void) {
    char *p = anon(N);
    ok(faults_writing(p, N) >= 1, "L2: the counter counts: pages that are not locked do fault");
    char *q = anon(N);
    mlock(q, N * PG);
    is_int(faults_writing(q, N), 0, "L2: writing to locked pages that were never touched before");
    is_int(faults_reading(q, N), 0, "L2: reading them");
    char *r = anon(N);
    faults_reading(r, N); /* the page of zeroes, shared and read-only */
    mlock(r, N * PG);
    is_int(faults_writing(r, N), 0, "L2: writing to locked pages that had only been read before");
    char *s = map_pages(N, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    mlock(s, N * PG);
    is_int(faults_reading(s, N), 0, "L2: reading a locked read-only mapping");
    munmap(p, N * PG), munmap(q, N * PG), munmap(r, N * PG), munmap(s, N * PG);
}

static void shared_pages(void) {
    int fd = memfd(N);
    char *w = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    char *r = map_fd(fd, N, PROT_READ, MAP_SHARED);
    mlock(w, N * PG);
    mlock(r, N * PG);
    is_int(faults_writing(w, N), 0, "L2: writing to locked shared memory");
    is_int(faults_reading(r, N), 0, "L2: reading it through a second locked mapping");
    is_int(r[PG], 1, "L2: which shows what was written");
    char *c = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    mlock(c, N * PG);
    is_int(faults_writing(c, N), 0, "L2: writing to a locked private mapping of an object: copied at lock time");
    ok(c[PG] == 2 && r[PG] == 1, "L2: into a copy of its own");
    munmap(w, N * PG), munmap(r, N * PG), munmap(c, N * PG);
    close(fd);
}

struct seen {
    long before, after;
    char value;
};

static char *inherited;

/* In a child of fork every page is shared with the parent until somebody writes. */
static void lock_copied_on_write(void *arg) {
    struct seen *seen = arg;
    seen->before = faults_writing(inherited, 1);
    if (mlock(inherited, N * PG) != 0) _exit(1);
    seen->after = faults_writing(inherited, N);
    seen->value = inherited[PG];
}

static void broken_copy_on_write(void) {
    struct seen *seen = shared(sizeof *seen);
    inherited = anon(N);
    memset(inherited, 7, N * PG);
    int status = as_root(lock_copied_on_write, seen);
    is_int(status, 0, "L2: a child locks what it shares with its parent");
    ok(seen->before >= 1, "L2: before the lock, a write there faults");
    is_int(seen->after, 0, "L2: after it, none does: the copy was made at lock time");
    is_int(seen->value, 8, "L2: the child has its own contents");
    is_int(inherited[PG], 7, "L2: and the parent its");
    munmap(inherited, N * PG);
}

static void everything(void) {
    char *p = anon(N);
    char big[4 * PG];
    memset(big, 1, sizeof big);
    is_int(mlockall(MCL_CURRENT | MCL_FUTURE), 0, "I7: the whole process locked, now and later");
    char *q = anon(N);
    is_int(faults_writing(p, N), 0, "I7: what was mapped before takes no fault");
    is_int(faults_writing(q, N), 0, "I7: what was mapped after takes none");
    is_int(faults_writing(big, 4), 0, "I7: nor does the stack");
    munlockall();
}

int main(void) {
    plan(20);
    private_pages();
    shared_pages();
    broken_copy_on_write();
    everything();
    ok(audit_clean(), "I2: the audit finds every locked page present");
    return done_testing();
}
