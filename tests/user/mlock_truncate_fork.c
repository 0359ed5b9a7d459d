/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A locked private mapping of an object is truncated, made writable, and the process forks: the page that is
 * gone must neither be lost, nor counted twice, nor come back with old contents.
 *
 * clauses: L21 L17 A8
 * pitfalls: B4 B5
 */
#include "tests/user/support.h"

#define N 4

struct seen {
    int reading, charge, value;
};

static void look(void *arg) {
    struct seen *s = arg;
    s->charge = (int)vmlck();
}

/* B4: MAP_PRIVATE read-only, locked, truncated, mprotect to read-write, fork. */
static void private_object(void) {
    int fd = memfd(N);
    struct seen *s = shared(sizeof *s);
    if (pwrite(fd, "abcd", 4, 2 * PG) != 4) bail_out("pwrite");
    char *p = map_fd(fd, N, PROT_READ, MAP_PRIVATE);
    is_int(mlock(p, N * PG), 0, "L21: a read-only private mapping of an object, locked");
    is_int(ftruncate(fd, PG), 0, "L21: the object is cut below it");
    int e = errno_of(mprotect(p, N * PG, PROT_READ | PROT_WRITE));
    ok(e == 0 || e == ENOMEM, "L17: mprotect to writable succeeds or says ENOMEM (errno %d)", e);
    is_int(as_root(look, s), 0, "A8: fork after that");
    is_int(s->charge, 0, "A7: the child has no charge");
    is_int(signal_reading(p + 2 * PG), SIGBUS, "L21: what was cut away is SIGBUS in a child");
    is_int(signal_reading(p), 0, "L21: what was not is there");
    is_int(ftruncate(fd, N * PG), 0, "L21: the object grows again");
    is_int(p[2 * PG], 0, "L21: and shows zeroes, not what was there");
    is_int(munmap(p, N * PG), 0, "L21: munmap");
    is_int(vmlck(), 0, "L21: nothing is charged");
    close(fd);
}

/* Pages that were copied privately before the cut are gone with the object's page too (POSIX leaves it, Linux does so). */
static void private_copies(void) {
    int fd = memfd(N);
    char *p = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    is_int(mlock(p, N * PG), 0, "L21: a writable private mapping, locked: its own copies");
    memset(p, 3, N * PG);
    is_int(ftruncate(fd, PG), 0, "L21: the object is cut below it");
    is_int(signal_reading(p + 2 * PG), SIGBUS, "L21: the copies past the end are gone too");
    is_int(p[10], 3, "L21: before the end the copy stays");
    is_int(munlock(p, N * PG), 0, "L21: munlock");
    is_int(munmap(p, N * PG), 0, "L21: munmap");
    close(fd);
}

/* B5: fork after truncate of a locked shared mapping, the child grows it and writes. */
static void fork_alone(void *arg) {
    (void)arg;
}

static char *common;

static void child_grows(void *arg) {
    if (ftruncate(*(int *)arg, N * PG) != 0) _exit(1);
    if (common[2 * PG] != 0) _exit(2);
    common[2 * PG] = 8;
}

static void shared_object(void) {
    int fd = memfd(N);
    common = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    memset(common, 1, N * PG);
    mlock(common, N * PG);
    ftruncate(fd, PG);
    is_int(as_root(fork_alone, NULL), 0, "L21: fork after the truncation of a locked shared mapping");
    is_int(as_root(child_grows, &fd), 0, "L21: a child grows the object and sees zeroes");
    is_int(common[2 * PG], 8, "L21: the parent sees what the child wrote there");
    is_int(munlock(common, N * PG), 0, "L21: munlock");
    munmap(common, N * PG);
    close(fd);
}

int main(void) {
    plan(22);
    private_object();
    private_copies();
    shared_object();
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
