/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A program touches, and changes the protection of, the very pages that a request is locking at that moment: no
 * spurious fault signal, no page brought in twice, and when the request has ended, no fault at all.
 *
 * clauses: X5 X6 L2 L17 I7
 * pitfalls: B8 B9 B24
 * needs: holdfast
 */
#include "tests/user/support.h"

#include <aio.h>

#define N 256
#define RW (PROT_READ | PROT_WRITE)

static struct aiocb cb;

static int start(char *p, size_t pages) {
    cb = (struct aiocb){.aio_buf = p, .aio_nbytes = pages * PG, .aio_sigevent = {.sigev_notify = SIGEV_NONE}};
    return errno_of(aio_mlock(&cb));
}

static int finish(void) {
    const struct aiocb *list[] = {&cb};
    while (aio_error(&cb) == EINPROGRESS) aio_suspend(list, 1, NULL);
    int e = aio_error(&cb);
    return aio_return(&cb) == 0 ? 0 : e;
}

/* Pages shared with the parent copy on write: writes race with the worker's copies (B8). */
static void write_while_locking(void *arg) {
    char *p = arg;
    if (start(p, N) != 0) _exit(1);
    for (size_t i = N; i-- > 0;) { /* from the other end, so that the two meet */
        p[i * PG + 1]++;
        if (i % 16 == 0) sched_yield();
    }
    if (finish() != 0) _exit(2);
    for (size_t i = 0; i < N; i++)
        if (p[i * PG] != 5 || p[i * PG + 1] != 6) _exit(3);
    if (faults_writing(p, N) != 0) _exit(4);
    if (vmlck() != N) _exit(5);
}

/* Read-only made writable while the lock is under way: the copy must not be skipped (B9). */
static void protect_while_locking(void *arg) {
    char *p = arg;
    mprotect(p, N * PG, PROT_READ);
    if (start(p, N) != 0) _exit(1);
    sched_yield();
    if (mprotect(p, N * PG, RW) != 0) _exit(2);
    if (finish() != 0) _exit(3);
    if (faults_writing(p, N) != 0) _exit(4);
    if (p[1] != 5) _exit(5);
}

/* Parts unmapped and unlocked, one after the other, while later parts are being locked. */
static void undo_while_locking(void *arg) {
    char *p = arg;
    if (start(p + N / 2 * PG, N / 2) != 0) _exit(1);
    for (size_t i = 0; i < N / 2; i += 8) { /* disjoint: goes on unhindered */
        if (mlock(p + i * PG, 4 * PG) != 0 || munlock(p + i * PG, 2 * PG) != 0) _exit(2);
        if (munmap(p + (i + 4) * PG, PG) != 0) _exit(3);
    }
    if (finish() != 0) _exit(4);
    if (strspn(lock_map(p + N / 2 * PG, N / 2), "#") != N / 2) _exit(5);
    if (vmlck() != N / 2 + N / 8) _exit(6);
}

static char *fresh(void) {
    char *p = anon(N);
    memset(p, 5, N * PG);
    return p;
}

int main(void) {
    needs_holdfast();
    plan(6);
    uint64_t slice = knob("vfs.aio.slice");
    set_knob("vfs.aio.slice", 3); /* many slices, so that there is much to meet */
    char *p = fresh();
    int wrong = 0;
    for (int i = 0; i < 10; i++) wrong += as_root(write_while_locking, p) != 0;
    is_int(wrong, 0, "X6: writes to what is being locked: no signal, right contents, no fault afterwards");
    for (int i = 0; i < 10; i++) wrong += as_root(protect_while_locking, p) != 0;
    is_int(wrong, 0, "L17: made writable while being locked: no write faults afterwards");
    for (int i = 0; i < 10; i++) wrong += as_root(undo_while_locking, p) != 0;
    is_int(wrong, 0, "X5: neighbours locked, unlocked and unmapped meanwhile");
    set_knob("vfs.aio.slice", slice);
    is_int(p[0] + p[PG + 1], 10, "A8: the parent's pages are its own");
    is_int(knob("vm.stats.locked"), 0, "I3: nothing is left locked");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
