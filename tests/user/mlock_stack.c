/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The stack: a locked stack grows locked and charged at once, its guard gap is never locked, and growth that the
 * limit forbids is SIGSEGV. Shown on a MAP_GROWSDOWN mapping and on the stack of the process.
 *
 * clauses: L24 A6
 * pitfalls: B31
 */
#include "tests/user/support.h"

#define N 8

/* A stack of one page with plenty of nothing below it. */
static char *small_stack(void) {
    char *all = map_pages(2048, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    munmap(all, 2048 * PG);
    char *p = mmap(all + 2000 * PG, PG, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED) bail_out("no MAP_GROWSDOWN");
    return p;
}

static void grows_locked(void) {
    char *p = small_stack();
    is_str(lock_map(p - N * PG, N + 1), "________.", "L24: a stack of one page, nothing below");
    is_int(mlock(p, PG), 0, "L24: locked");
    is_str(lock_map(p - N * PG, N + 1), "________#", "L24: the gap below is not");
    p[-1] = 1;
    is_str(lock_map(p - N * PG, N + 1), "_______##", "L24: touched below, it grows, locked");
    is_int(vmlck(), 2, "L24: and charged at once");
    p[-4 * (long)PG] = 1;
    is_str(lock_map(p - N * PG, N + 1), "____#####", "L24: by several pages");
    if (on_holdfast()) is_str(core_map(p - 4 * PG, 5), "11111", "L24: all resident, those that were skipped too");
    else skip(1, "Linux brings in the page touched alone");
    is_int(vmlck(), 5, "L24: and charged");
    if (on_holdfast()) is_int(faults_writing(p - 4 * PG, 5), 0, "L24: and free of faults");
    else skip(1, "Linux brings in the page touched alone");
    fails(mlock(p - 6 * PG, 3 * PG), ENOMEM, "L24: the gap cannot be locked: it is not mapped");
    munlockall();
    p[-6 * (long)PG] = 1;
    is_str(lock_map(p - N * PG, N + 1), "__.......", "L24: a stack that is not locked grows unlocked");
    munmap(p - 6 * PG, 7 * PG);
}

struct seen {
    long charge[3];
    int lock;
};

/* Limit: three pages. The stack may grow to three and not further. */
static void grow_to_the_limit(void *arg) {
    struct seen *s = arg;
    char *p = small_stack();
    s->lock = errno_of(mlock(p, PG));
    for (long i = 1; i < 8; i++) {
        p[-i * (long)PG] = 1;
        if (i < 3) s->charge[i] = vmlck();
    }
}

/* The process's own stack: depth pages deep. */
static __attribute__((noinline)) long dive(int depth) {
    volatile char page[PG];
    page[0] = (char)depth;
    page[PG - 1] = 1;
    return depth > 0 ? dive(depth - 1) + page[0] - (char)depth : 1;
}

static void own_stack(void *arg) {
    struct seen *s = arg;
    s->lock = errno_of(mlockall(MCL_CURRENT));
    s->charge[0] = vmlck();
    dive(200);
    s->charge[1] = vmlck();
    long before = faults();
    dive(200);
    s->charge[2] = faults() - before;
}

static void never_ends(void *arg) {
    struct rlimit r = {64 * PG, 64 * PG};
    (void)arg;
    setrlimit(RLIMIT_STACK, &r);
    dive(100000);
}

int main(void) {
    plan(19);
    grows_locked();
    struct seen *s = shared(sizeof *s);
    int status = as_user(3, grow_to_the_limit, s);
    is_int(s->lock, 0, "L24: as nobody with a limit of three pages");
    is_int(s->charge[2], 3, "L24: the stack grows to the limit");
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "L24: and one page more is SIGSEGV");
    is_int(as_root(own_stack, s), 0, "L24: a process locks itself, then goes 200 pages deep");
    ok(s->charge[1] >= s->charge[0] + 60, "L24: its stack grows, charged (%ld, then %ld)", s->charge[0], s->charge[1]);
    is_int(s->charge[2], 0, "L24: going there again takes no fault");
    status = as_root(never_ends, NULL);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "L24: a stack that outgrows RLIMIT_STACK is SIGSEGV");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
