/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * As many processes as there is memory for: fork then fails with ENOMEM (A8), nobody is harmed, and when
 * they have gone everything is back, twice over. As an ordinary user, RLIMIT_NPROC comes first.
 *
 * needs: holdfast (it fills the machine)
 * clauses: A8 I8
 */
#include "tests/user/support.h"

#define MOST 20000

static pid_t pids[MOST];

/* Forks sleepers until there is no more: how many, and with what errno it ended. */
static int fill(int *error) {
    int n = 0;
    for (*error = 0; n < MOST; n++) {
        pids[n] = fork();
        if (pids[n] == 0) {
            for (;;) pause();
        }
        if (pids[n] < 0) {
            *error = errno;
            break;
        }
    }
    return n;
}

/* Ends them all: how many did not end as they should. */
static int empty(int n) {
    int wrong = 0, status;
    for (int i = 0; i < n; i++) wrong += kill(pids[i], SIGKILL) != 0;
    for (int i = 0; i < n; i++) wrong += waitpid(pids[i], &status, 0) != pids[i] || status != SIGKILL;
    return wrong;
}

int main(void) {
    needs_holdfast();
    plan(9);
    memset(pids, 1, sizeof pids); /* the table itself is resident, and no fault of ours is in the counts */
    char *locked = anon(16);
    int error, n[2];
    is_int(mlock(locked, 16 * PG), 0, "a locked page or two");
    for (int turn = 0; turn < 2; turn++) {
        n[turn] = fill(&error);
        ok(n[turn] > 50 && error == ENOMEM, "A8: after %d processes, fork fails with ENOMEM (%d)", n[turn], error);
        is_int(faults_writing(locked, 16), 0, "I7: what is locked still takes no fault");
        is_int(empty(n[turn]), 0, "they all end as told");
    }
    ok(n[1] >= n[0] - n[0] / 50, "I8: as many again: %d, then %d", n[0], n[1]);
    ok(audit_clean(), "audit");
    return done_testing();
}
