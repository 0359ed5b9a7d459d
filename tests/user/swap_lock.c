/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Locks and swap: what is locked while it is away comes back and stays; while it is on its way; unlocked, it may go.
 *
 * clauses: L1 L2 L15 L16 L19 L22 A1 X2 C2 I2 I7
 * needs: holdfast
 * mem: 48M
 * swap: 64M
 * timeout: 120
 */
#include <aio.h>

#include "tests/user/swaps.h"

#define N 32ul

static char *p;

static char *fresh(unsigned generation) {
    if (p) munmap(p, N * PG);
    p = anon(N);
    put(p, N, generation);
    return p;
}

/* All of it is there, stays there when everything that may leaves, takes no fault, and is what it was. */
static void check_locked(const char *what, unsigned generation) {
    is_int((long)resident(p, N), (long)N, "L1: %s: all of it is in memory", what);
    evict_all();
    is_int((long)resident(p, N), (long)N, "L1: %s: and stays there", what);
    is_int(faults_writing(p, N), 0, "L2 I7: %s: no fault", what);
    for (size_t i = 0; i < N; i++) --*(volatile char *)(p + i * PG);
    ok(has(p, N, generation), "%s: it is what it was", what);
    ok(audit_clean(), "I2: %s: audit", what);
}

static void lock_what_is_away(void) {
    fresh(1);
    out(p, N);
    is_str(core_map(p, 8), "00000000", "L22: what is away is not resident");
    is_int(errno_of(mlock(p, N * PG)), 0, "mlock of what is in swap");
    check_locked("mlock", 1);
    is_int(errno_of(madvise(p, N * PG, MADV_PAGEOUT)), EINVAL, "L19: MADV_PAGEOUT of what is locked");
    is_int(errno_of(madvise(p, N * PG, MADV_COLD)), EINVAL, "L19: MADV_COLD");
    is_int(errno_of(madvise(p, N * PG, MADV_DONTNEED)), EINVAL, "L19: MADV_DONTNEED");
    is_int((long)resident(p, N), (long)N, "L19: and all of it is where it was");
}

static int aio_lock(struct aiocb *cb) {
    *cb = (struct aiocb){.aio_buf = p, .aio_nbytes = N * PG};
    cb->aio_sigevent.sigev_notify = SIGEV_NONE;
    return aio_mlock(cb);
}

static int aio_result(struct aiocb *cb) {
    const struct aiocb *list[] = {cb};
    while (aio_error(cb) == EINPROGRESS) aio_suspend(list, 1, NULL);
    int e = aio_error(cb);
    aio_return(cb);
    return e;
}

static void lock_by_request(void) {
    struct aiocb cb;
    fresh(2);
    out(p, N);
    is_int(errno_of(aio_lock(&cb)), 0, "aio_mlock of what is in swap");
    is_int(aio_result(&cb), 0, "X2: ends well");
    check_locked("aio_mlock", 2);
}

/* The disk answers later: the lock is asked for while the pages are being written. The caller needs no disk. */
static void lock_on_the_way(void) {
    fresh(3);
    evict_all();
    put(p, N, 3);
    mlockall(MCL_CURRENT);
    munlock(p, N * PG);
    hold_disk();
    madvise(p, N * PG, MADV_PAGEOUT);
    ok(knob("debug.port.requests") > 0, "writes are on their way");
    is_int((long)resident(p, N), 0, "and the pages away");
    is_int(errno_of(mlock(p, N * PG)), 0, "L1: mlock gets the very frames back, before the disk has answered");
    is_int((long)resident(p, N), (long)N, "they are there");
    ok(has(p, N, 3), "with what is in them");
    put(p, N, 4);
    go_disk();
    munlockall();
    mlock(p, N * PG);
    check_locked("locked while it was written", 4);
    munlock(p, N * PG);
    out(p, N);
    ok(has(p, N, 4), "what was written meanwhile is what goes");
}

static void unlock_then_evict(void) {
    fresh(5);
    mlock(p, N * PG);
    is_int(errno_of(munlock(p, N * PG)), 0, "munlock");
    is_int((long)resident(p, N), (long)N, "L16: moves nothing");
    is_int(errno_of(madvise(p, N * PG, MADV_COLD)), 0, "L19: MADV_COLD of what is not locked");
    is_int((long)resident(p, N), (long)N, "takes nothing out by itself");
    evict_all();
    is_int((long)resident(p, N), 0, "but now it may go");
    ok(has(p, N, 5), "and comes back");
    munmap(p, N * PG);
    p = NULL;
}

/* A request that waits for the disk to bring pages in is cancelled: nothing is locked, and the pages are not lost. Nobody
 * waits for the disk, which answers later. */
static void cancel_while_reading(void) {
    struct aiocb cb;
    fresh(6);
    out(p, N);
    evict_all();
    mlockall(MCL_CURRENT | MCL_ONFAULT);
    munlock(p, N * PG);
    memset(&cb, 0, sizeof cb);
    is_int((long)resident(p, N), 0, "away again");
    hold_disk();
    is_int(errno_of(aio_lock(&cb)), 0, "aio_mlock");
    await_requests(1);
    is_int(aio_error(&cb), EINPROGRESS, "it waits for the disk");
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C2: it is cancelled");
    is_int(aio_result(&cb), ECANCELED, "C6: as it was said");
    ok(strspn(lock_map(p, N), ".") == N, "L4: nothing is locked");
    ok(knob("debug.port.requests") > 0, "and the disk has not answered yet");
    go_disk();
    munlockall();
    ok(has(p, N, 6), "what was away is not lost");
    ok(audit_clean(), "audit");
}

/* Two processes share memory, p; one locks it. */
static void shared_locked_by_one(const char *what) {
    volatile int *stage = shared(PG);
    put(p, N, 7);
    out(p, N);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (mlock(p, N * PG) != 0) _exit(1);
        *stage = 1;
        while (*stage != 2) sched_yield();
        munlock(p, N * PG);
        *stage = 3;
        while (*stage != 4) sched_yield();
        _exit(has(p, N, 7) ? 0 : 2);
    }
    while (*stage != 1) sched_yield();
    evict_all();
    is_int((long)resident(p, N), (long)N, "L15: %s: what another process has locked stays, for all", what);
    madvise(p, N * PG, MADV_PAGEOUT);
    is_int((long)resident(p, N), (long)N, "L15: by advice, too");
    mlock(p, N * PG);
    *stage = 2;
    while (*stage != 3) sched_yield();
    evict_all();
    is_int((long)resident(p, N), (long)N, "L15: until the last lock goes");
    munlock(p, N * PG);
    evict_all();
    is_int((long)resident(p, N), 0, "then it goes");
    ok(has(p, N, 7), "and comes back, to one");
    out(p, N);
    *stage = 4;
    int status = -1;
    waitpid(child, &status, 0);
    is_int(status, 0, "and the other");
    munmap((void *)stage, PG);
    ok(audit_clean(), "audit");
    munmap(p, N * PG);
}

int main(void) {
    needs_holdfast();
    lock_what_is_away();
    lock_by_request();
    lock_on_the_way();
    unlock_then_evict();
    cancel_while_reading();
    munmap(p, N * PG);
    int fd = memfd(N);
    p = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    close(fd);
    shared_locked_by_one("a file of memory");
    p = shared(N * PG);
    shared_locked_by_one("shared anonymous memory");
    return done_testing();
}
