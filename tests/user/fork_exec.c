/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * exec starts with no lock, no MCL_FUTURE and no charge, and gives back all that the program before it had. The
 * program runs itself again to look.
 *
 * clauses: A7 L1 A5
 */
#include "tests/user/support.h"

#define N 8

/* After exec: bit 0 a charge, bit 1 MCL_FUTURE. 4: nothing of either. */
static int after_exec(void) {
    int found = 4;
    if (vmlck() != 0) found |= 1;
    if (lock_map(anon(1), 1)[0] != '.') found |= 2;
    return found;
}

static char *self;

static void lock_and_exec(void *arg) {
    char *argv[] = {self, "after-exec", NULL}, *envp[] = {NULL};
    if (mlock(arg, N * PG) != 0 || mlockall(MCL_CURRENT | MCL_FUTURE) != 0) _exit(20);
    execve(self, argv, envp);
    _exit(21);
}

struct seen {
    int e;
    char locks[16], future[2];
    long before, after;
};

static char *kept;

/* An exec that fails changes nothing. */
static void exec_nothing(void *arg) {
    struct seen *s = arg;
    char *argv[] = {"none", NULL}, *envp[] = {NULL};
    if (mlock(kept, N * PG) != 0 || mlockall(MCL_FUTURE) != 0) _exit(20);
    s->before = vmlck();
    s->e = errno_of(execve("/no/such/program", argv, envp));
    s->after = vmlck();
    strcpy(s->locks, lock_map(kept, N));
    strcpy(s->future, lock_map(anon(1), 1));
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "after-exec") == 0) return after_exec();
    plan(11);
    self = argv[0];
    kept = anon(N);
    int status = as_root(lock_and_exec, kept);
    ok(WIFEXITED(status) && WEXITSTATUS(status) >= 4, "A7: a locked process runs another program (status %x)", (unsigned)status);
    ok((WEXITSTATUS(status) & 1) == 0, "A7: which starts with no charge");
    ok((WEXITSTATUS(status) & 2) == 0, "A7: and without MCL_FUTURE");
    uint64_t locked = knob("vm.stats.locked"), free_frames = knob("vm.stats.free_frames");
    as_root(lock_and_exec, kept);
    is_int(knob_change("vm.stats.locked", locked), 0, "L1: exec and exit give back every lock");
    is_int(knob_change("vm.stats.free_frames", free_frames), 0, "I8: and every frame");
    struct seen *s = shared(sizeof *s);
    as_root(exec_nothing, s);
    is_int(s->e, ENOENT, "A7: an exec that fails");
    is_str(s->locks, "########", "A5: leaves the locks");
    is_int(s->after - s->before, 0, "A5: and the charge");
    is_str(s->future, "#", "A5: and MCL_FUTURE");
    is_int(vmlck(), 0, "A7: nothing of it reaches the parent");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
