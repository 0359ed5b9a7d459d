/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * MAP_LOCKED is mmap followed by mlock: all resident and locked on return, or an error and nothing mapped.
 * MAP_POPULATE brings in and does not lock.
 *
 * clauses: L23 L2
 * pitfalls: B27
 */
#include "tests/user/support.h"

#define N 8
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static void succeeds(void) {
    char *p = map_pages(N, RW, ANON | MAP_LOCKED);
    is_str(lock_map(p, N), "########", "L23: a private mapping with MAP_LOCKED is locked");
    is_str(core_map(p, N), "11111111", "L23: and resident");
    is_int(faults_writing(p, N), 0, "L2: and takes no fault");
    is_int(vmlck(), N, "L23: and charged");
    munlock(p, N * PG);
    char *q = mmap(p + PG, 2 * PG, RW, ANON | MAP_FIXED | MAP_LOCKED, -1, 0);
    ok(q == p + PG, "L23: MAP_FIXED with it");
    is_str(lock_map(p, N), ".##.....", "L23: locks what it maps");
    munmap(p, N * PG);
    int fd = memfd(N);
    q = mmap(NULL, N * PG, RW, MAP_SHARED | MAP_LOCKED, fd, 0);
    is_str(lock_map(q, N), "########", "L23: an object's pages too");
    munmap(q, N * PG);
    is_int(vmlck(), 0, "L23: munmap ends it");
    p = map_pages(N, RW, ANON | MAP_POPULATE);
    is_str(core_map(p, N), "11111111", "L23: MAP_POPULATE brings in");
    is_str(lock_map(p, N), "........", "L23: and locks nothing");
    munmap(p, N * PG);
    close(fd);
}

static void past_the_end(void) {
    int fd = memfd(2);
    char *p = mmap(NULL, 4 * PG, RW, MAP_SHARED | MAP_LOCKED, fd, 0);
    if (on_holdfast()) {
        ok(p == MAP_FAILED, "L23: pages past the object's end cannot be locked: nothing is mapped");
        is_int(vmlck(), 0, "L23: or charged");
    } else {
        skip(2, "Linux maps, and hides that it could not lock");
        munmap(p, 4 * PG);
    }
    close(fd);
}

struct seen {
    int over, fits, byte, fixed;
    long charge;
    char locks[16];
    bool nothing, kept;
};

static void within_a_limit(void *arg) {
    struct seen *s = arg;
    char *hint = map_pages(N, PROT_READ, ANON);
    munmap(hint, N * PG);
    s->over = errno_of(mmap(hint, 5 * PG, RW, ANON | MAP_LOCKED, -1, 0));
    s->nothing = strspn(lock_map(hint, N), "_") == N;
    s->fits = errno_of(mmap(NULL, 4 * PG, RW, ANON | MAP_LOCKED, -1, 0));
    s->charge = vmlck();
    s->byte = errno_of(mmap(NULL, 1, RW, ANON | MAP_LOCKED, -1, 0));
    char *p = anon(4);
    memset(p, 7, 4 * PG);
    s->fixed = errno_of(mmap(p, 2 * PG, RW, ANON | MAP_LOCKED | MAP_FIXED, -1, 0));
    strcpy(s->locks, lock_map(p, 4));
    s->kept = p[0] == 7 && p[2 * PG - 1] == 7;
}

static void no_privilege(void *arg) {
    *(int *)arg = errno_of(mmap(NULL, PG, RW, ANON | MAP_LOCKED, -1, 0));
}

int main(void) {
    plan(23);
    succeeds();
    past_the_end();
    struct seen *s = shared(sizeof *s);
    is_int(as_user(4, within_a_limit, s), 0, "L23: as nobody with a limit of four pages");
    is_int(s->over, EAGAIN, "L23: five with MAP_LOCKED are EAGAIN");
    ok(s->nothing, "L23: and nothing is mapped");
    is_int(s->fits, 0, "L23: four are good");
    is_int(s->charge, 4, "L23: and charged");
    is_int(s->byte, EAGAIN, "L23: then not one byte");
    is_int(s->fixed, EAGAIN, "L23: nor MAP_FIXED over something");
    is_str(s->locks, "....", "L23: which stays");
    ok(s->kept, "L23: with its contents");
    int *e = shared(sizeof *e);
    as_user(0, no_privilege, e);
    ok(*e == EPERM || *e == EAGAIN, "L23: with a limit of 0 it is refused too (errno %d)", *e);
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
