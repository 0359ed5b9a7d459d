/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A page locked through two mappings, or by two processes, stays wired until the last lock goes; nobody's
 * munlock, munlockall or exit touches another's lock.
 *
 * clauses: L15 A5
 * pitfalls: B17
 */
#include "tests/user/support.h"

#define N 4

static void two_mappings(void) {
    int fd = memfd(N);
    char *a = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    char *b = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    mlock(a, N * PG);
    is_str(lock_map(b, N), "....", "L15: a lock belongs to its mapping, not to the page");
    mlock(b, N * PG);
    is_int(vmlck(), 2 * N, "L11: two mappings locked: two charges");
    is_int(munlock(a, N * PG), 0, "L15: munlock of one mapping");
    is_str(lock_map(a, N), "....", "L15: unlocks that");
    is_str(lock_map(b, N), "####", "L15: and not the other");
    is_int(faults_writing(b, N), 0, "L15: whose pages take no fault");
    is_int(munmap(a, N * PG), 0, "L15: munmap of one mapping");
    is_str(lock_map(b, N), "####", "L15: leaves the other locked");
    is_int(vmlck(), N, "L15: and charged");
    munmap(b, N * PG);
    is_int(vmlck(), 0, "L15: the last one ends the charge");
    close(fd);
}

/* Parent and child take turns over a pipe each way. */
struct turns {
    int to_child[2], to_parent[2];
};

static void say(int fd) {
    if (write(fd, "x", 1) != 1) _exit(90);
}

static void hear(int fd) {
    char c;
    if (read(fd, &c, 1) != 1) _exit(91);
}

static struct turns turns;
static char *both;

struct seen {
    char own[8], after[8];
    long charge, faults;
    int wrong;
};

static void other_process(struct seen *s) {
    s->wrong += strcmp(lock_map(both, N), "....") != 0; /* A7: no lock of the parent's */
    s->wrong += mlock(both, N * PG) != 0;
    strcpy(s->own, lock_map(both, N));
    s->charge = vmlck();
    say(turns.to_parent[1]);
    hear(turns.to_child[0]); /* the parent has unlocked its own */
    strcpy(s->after, lock_map(both, N));
    s->faults = faults_writing(both, N);
    say(turns.to_parent[1]);
    hear(turns.to_child[0]); /* the parent has locked again */
    s->wrong += munlockall() != 0;
    say(turns.to_parent[1]);
    hear(turns.to_child[0]);
    _exit(0); /* with a lock of its own: */
}

static void two_processes(void) {
    struct seen *s = shared(sizeof *s);
    int status = 0;
    both = shared(N * PG);
    mlock(both, N * PG);
    if (pipe(turns.to_child) != 0 || pipe(turns.to_parent) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) other_process(s);
    hear(turns.to_parent[0]);
    is_str(s->own, "####", "L15: a second process locks the same pages");
    is_int(s->charge, N, "L11: and pays in full");
    is_int(munlockall(), 0, "L15: munlockall by the first");
    say(turns.to_child[1]);
    hear(turns.to_parent[0]);
    is_str(s->after, "####", "L15: leaves the second's locks");
    is_int(s->faults, 0, "L15: and its freedom of faults");
    mlock(both, N * PG);
    say(turns.to_child[1]);
    hear(turns.to_parent[0]);
    is_str(lock_map(both, N), "####", "L15: munlockall by the second leaves the first's");
    say(turns.to_child[1]);
    waitpid(pid, &status, 0);
    is_int(status, 0, "L15: the second goes");
    is_int(s->wrong, 0, "A7: it began without locks, and each of its calls succeeded");
    is_str(lock_map(both, N), "####", "L15: the first still has its locks");
    is_int(vmlck(), N, "L15: and its charge");
    is_int(faults_writing(both, N), 0, "L15: and takes no fault");
    munlockall();
}

int main(void) {
    plan(22);
    two_mappings();
    two_processes();
    ok(audit_clean(), "I4: the audit agrees on every reference");
    return done_testing();
}
