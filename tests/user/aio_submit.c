/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What submission checks, in which order, and that a refusal leaves nothing behind: each way out of it is
 * taken ten thousand times (CVE-2022-23090 was a reference that one of them forgot).
 *
 * clauses: Q4 Q6 R1 R4 W6
 * pitfalls: A1
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

#define TIMES 10000

static char *page;
static struct aiocb good;

/* Ten thousand refusals with this errno, and the books are as before. */
static void refused(struct aiocb *cb, int error, const char *what) {
    struct books before = books();
    uint64_t accepted = knob("vfs.aio.accepted");
    int wrong = 0;
    for (int i = 0; i < TIMES; i++) wrong += errno_of(aio_mlock(cb)) != error;
    is_int(wrong, 0, "Q4: %s: %s, every time", what, strerror(error));
    ok(same_books(before, books()), "Q6: %s: and no count has moved", what);
    is_int(knob("vfs.aio.accepted"), accepted, "Q6: %s: nothing was queued", what);
}

static void no_block(void) {
    char *hole = anon(3), *none = map_pages(1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    cut(hole, 1, 1);
    refused(NULL, EFAULT, "a NULL block");
    refused((struct aiocb *)8, EFAULT, "a block in the first page");
    refused((struct aiocb *)KERNEL, EFAULT, "a block in the kernel");
    refused((struct aiocb *)(USER_END - 8), EFAULT, "a block across the end of user space");
    refused((struct aiocb *)(UINT64_MAX - 7), EFAULT, "a block that wraps");
    refused((struct aiocb *)(hole + PG), EFAULT, "a block in a hole");
    refused((struct aiocb *)(hole + PG - 64), EFAULT, "a block that runs into a hole");
    refused((struct aiocb *)none, EFAULT, "a block that cannot be read");
    munmap(hole, PG);
    munmap(hole + 2 * PG, PG);
    munmap(none, PG);
}

static void last_bytes(void) {
    char *p = anon(2);
    cut(p, 1, 1);
    struct aiocb *cb = (struct aiocb *)(p + PG - sizeof *cb);
    is_int(submit(cb, page, PG), 0, "Q4: a block in the last bytes of a page");
    is_int(outcome(cb), 0, "Q4: is as good as any");
    memcpy(p + 1, fill(&good, page, PG), sizeof good);
    is_int(aio_mlock((struct aiocb *)(p + 1)), 0, "Q4: a misaligned block");
    is_int(outcome((struct aiocb *)(p + 1)), 0, "Q4: too");
    munmap(p, PG);
}

static void lengths(void) {
    struct aiocb cb;
    refused(fill(&cb, page, SIZE_MAX), EINVAL, "length SIZE_MAX");
    refused(fill(&cb, page, (size_t)INT64_MAX + 1), EINVAL, "length SSIZE_MAX + 1");
    is_int(submit(&cb, page, INT64_MAX), 0, "Q4: length SSIZE_MAX is accepted");
    is_int(outcome(&cb), ENOMEM, "Q5: and ends as mlock would");
}

static void notification(void) {
    static const struct {
        int notify, signo, thread;
    } bad[] = {
        {SIGEV_SIGNAL, 65, 0}, {SIGEV_SIGNAL, 0, 0}, {SIGEV_SIGNAL, -1, 0},     {SIGEV_THREAD_ID, SIGUSR1, 1},
        {3, SIGUSR1, 0},       {5, SIGUSR1, 0},      {-1, SIGUSR1, 0},          {99, SIGUSR1, 0},
        {6, SIGUSR1, 0},       {SIGEV_THREAD_ID, SIGUSR1, 0},
    };
    struct aiocb cb;
    char what[40];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fill(&cb, page, PG);
        cb.aio_sigevent.sigev_notify = bad[i].notify;
        cb.aio_sigevent.sigev_signo = bad[i].signo;
        memcpy((char *)&cb.aio_sigevent + 16, &bad[i].thread, sizeof bad[i].thread); /* its name differs */
        snprintf(what, sizeof what, "sigev_notify %d, signal %d", bad[i].notify, bad[i].signo);
        refused(&cb, EINVAL, what);
        fails(aio_mlock(&cb), EINVAL, "W6: %s is refused, not ignored", what);
    }
    is_int(submit(&cb, page, PG), 0, "W6: SIGEV_NONE is accepted");
    is_int(outcome(&cb), 0, "W6: and tells nobody");
}

static void outstanding(void) {
    struct aiocb cb;
    hold(HOLD);
    must_submit(&cb, page, PG);
    refused(&cb, EINVAL, "a block that is queued");
    hold(GO);
    await_end(&cb);
    refused(&cb, EINVAL, "a block whose result was not taken");
    is_int(aio_return(&cb), 0, "Q6: the refusals did not disturb the request");
    is_int(submit(&cb, page, PG), 0, "Q4: reaped, it may be used again");
    is_int(outcome(&cb), 0, "Q4: and works");
}

static void no_slot(void) {
    static struct aiocb cbs[4];
    struct aiocb one_more;
    hold(HOLD);
    must_set("vfs.aio.max_aio_queue_per_proc", 3);
    for (int i = 0; i < 3; i++) must_submit(&cbs[i], page, PG);
    refused(fill(&one_more, page, PG), EAGAIN, "no slot in the process's queue");
    must_set("vfs.aio.max_aio_queue_per_proc", MAX_PER_PROC);
    must_set("vfs.aio.max_aio_queue", 3);
    refused(fill(&one_more, page, PG), EAGAIN, "no slot in the system's queue");
    refused(fill(&cbs[0], page, PG), EINVAL, "no slot, but outstanding already");
    refused(fill(&one_more, page, SIZE_MAX), EINVAL, "no slot, but too long");
    must_set("vfs.aio.max_aio_queue", MAX_QUEUE);
    hold(GO);
    for (int i = 0; i < 3; i++) is_int(outcome(&cbs[i]), 0, "Q6: request %d was not disturbed", i);
}

static void no_memory(void) {
    struct aiocb cb;
    struct books before;
    fill(&cb, page, PG);
    before = books();
    must_set("debug.inject.heap", 1);
    fails(aio_mlock(&cb), EAGAIN, "Q4: no memory for the request");
    must_set("debug.inject.heap", 0);
    ok(same_books(before, books()), "Q6: and the slot was not lost");
    fails(aio_error(&cb), EINVAL, "Q6: there is no such request");
}

/* A process's very first request takes more memory: each allocation of it refused once. */
static void first_request(void *tries) {
    struct aiocb cb;
    int *n = tries, error = EAGAIN;
    fill(&cb, page, PG);
    while (error == EAGAIN && ++*n < 50) {
        must_set("debug.inject.heap", (uint64_t)*n);
        error = errno_of(aio_mlock(&cb));
        must_set("debug.inject.heap", 0);
    }
    if (error || outcome(&cb)) _exit(1);
}

static void no_memory_at_first(void) {
    int *tries = shared(sizeof *tries);
    struct books before = books();
    is_int(as_root(first_request, tries), 0, "Q4: a process's first request, each of its allocations refused once");
    ok(*tries >= 3, "Q4: there were two of them at least: EAGAIN, and it could try again");
    ok(same_books(before, books()), "Q6: nothing is left");
    munmap(tries, PG);
}

/* Two things are wrong: the earlier check answers. */
static void order(void) {
    struct aiocb cb;
    hold(HOLD);
    must_submit(&cb, page, PG);
    cb.aio_nbytes = SIZE_MAX;
    cb.aio_sigevent.sigev_notify = 99;
    fails(aio_mlock(&cb), EINVAL, "Q4: everything wrong at once is EINVAL");
    hold(GO);
    is_int(outcome(&cb), 0, "Q6: the request that was there goes on");
    fill(&cb, (void *)KERNEL, PG);
    cb.aio_sigevent.sigev_notify = 99;
    fails(aio_mlock(&cb), EINVAL, "Q4: the kind of notification comes before the range, which is not looked at");
}

int main(void) {
    aio_test();
    page = anon(1);
    warm_up();
    refused(fill(&good, page, SIZE_MAX), EINVAL, "warm");
    no_block();
    last_bytes();
    lengths();
    notification();
    outstanding();
    no_slot();
    no_memory();
    no_memory_at_first();
    order();
    fails(aio_return(&good), EINVAL, "R4: what was refused has no result");
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
