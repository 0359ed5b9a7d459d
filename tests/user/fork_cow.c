/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * fork never makes the parent pay: its locked private pages stay mapped writable, without a fault, while the
 * child has copies of its own.
 *
 * clauses: A8 L2 I7
 * pitfalls: C8
 */
#include "tests/user/support.h"

#define N 16

static char *p, *q;

static bool all(const char *m, char c) {
    for (size_t i = 0; i < N; i++)
        if (m[i * PG] != c) return false;
    return true;
}

struct seen {
    bool as_at_fork, own;
    long faults;
};

/* Two pipes: the child looks only when the parent has written. */
static int go[2], done[2];

static void child(struct seen *s) {
    char c;
    if (read(go[0], &c, 1) != 1) _exit(1);
    s->as_at_fork = all(p, 1) && all(q, 1);
    for (size_t i = 0; i < N; i++) p[i * PG] = q[i * PG] = 3;
    s->own = all(p, 3) && all(q, 3);
    if (write(done[1], "x", 1) != 1) _exit(2);
    if (read(go[0], &c, 1) != 1) _exit(3);
    s->own &= all(p, 3) && all(q, 3);
    _exit(0);
}

static void turn(bool first) {
    char c;
    if (write(go[1], "x", 1) != 1) bail_out("pipe");
    if (first && read(done[0], &c, 1) != 1) bail_out("the child is gone");
}

int main(void) {
    plan(13);
    struct seen *s = shared(sizeof *s);
    int status = 0;
    p = anon(N);
    q = anon(N);
    memset(p, 1, N * PG), memset(q, 1, N * PG);
    is_int(mlock(p, N * PG), 0, "A8: p locked, q not");
    if (pipe(go) != 0 || pipe(done) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) child(s);
    long locked = faults_writing(p, N), plain = faults_writing(q, N);
    if (on_holdfast()) is_int(locked, 0, "A8: after fork, the parent writes to locked pages without a fault");
    else skip(1, "Linux's parent faults on its next write");
    ok(plain >= 1, "A8: where nothing is locked, copy on write costs a fault (%ld)", plain);
    ok(all(p, 2) && all(q, 2), "A8: the parent has its own contents");
    turn(true);
    ok(s->as_at_fork, "A8: the child sees what was there at fork");
    ok(s->own, "A8: and writes to its own");
    ok(all(p, 2) && all(q, 2), "A8: which the parent does not see");
    is_int(faults_writing(p, N), 0, "I7: the parent's locked pages take no fault then");
    turn(false);
    waitpid(pid, &status, 0);
    is_int(status, 0, "A8: the child ends well");
    is_str(lock_map(p, N), "################", "A8: the parent is locked as before");
    is_int(vmlck(), N, "A8: and charged as before");
    is_int(faults_writing(p, N), 0, "I7: no fault after the child is gone");
    ok(audit_clean(), "I4: the audit agrees on every reference");
    return done_testing();
}
