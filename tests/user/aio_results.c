/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * aio_error and aio_return: in every state, for strangers, twice, and with the block's contents forged.
 *
 * clauses: R1 R3 R4 R5 Q3 X7
 * pitfalls: A3 A5 A8
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

static char *p;
static struct aiocb cb;

static void strangers(void) {
    struct aiocb never;
    fill(&never, p, PG);
    fails(aio_error(&never), EINVAL, "R1: never submitted");
    fails(aio_return(&never), EINVAL, "R4: never submitted");
    fails(aio_error(NULL), EINVAL, "R1: NULL");
    fails(aio_return(NULL), EINVAL, "R4: NULL");
    fails(aio_error((struct aiocb *)KERNEL), EINVAL, "R1: an address in the kernel is just a name");
    fails(aio_return((struct aiocb *)KERNEL), EINVAL, "R4: the same");
    fails(aio_error((struct aiocb *)3), EINVAL, "R1: so is one that is not mapped");
    fails(aio_return((struct aiocb *)-1), EINVAL, "R4: and the last address of all");
}

static void too_early(void) {
    hold(HOLD);
    must_submit(&cb, p, 4 * PG);
    fails(aio_return(&cb), EINVAL, "R4: before the end: queued");
    slice_pages(1);
    ok(step(2), "R4: it runs");
    fails(aio_return(&cb), EINVAL, "R4: before the end: running");
    is_int(aio_error(&cb), EINPROGRESS, "R4: and nothing was disturbed");
    hold(GO);
    slice_pages(SLICE);
    is_int(await_end(&cb), 0, "R1: 0 at the end");
    is_int(aio_error(&cb), 0, "R1: as often as it is asked");
    is_int(aio_return(&cb), 0, "R3: its result");
    fails(aio_return(&cb), EINVAL, "R4: once");
    fails(aio_error(&cb), EINVAL, "R1: then there is no such request");
    munlock(p, 4 * PG);
}

/* -1/EINVAL for a stranger, the value EINVAL for a request that ended so: a program can tell them apart. */
static void ended_in_einval(void) {
    is_int(submit(&cb, (void *)(UINT64_MAX - PG), 3 * PG), 0, "Q5: a range that wraps is accepted");
    is_int(await_end(&cb), EINVAL, "R1: and ends in EINVAL: the value");
    fails(aio_return(&cb), EINVAL, "R3: -1 sets errno to the request's error");
    fails(aio_error(&cb), EINVAL, "R1: now it is a stranger: -1 and errno");
}

/* The kernel never looks at the block again, nor writes to it. */
static void forged(void) {
    struct aiocb before;
    hold(HOLD);
    must_submit(&cb, p, PG);
    before = cb;
    memset(&cb, 0xff, sizeof cb);
    is_int(aio_error(&cb), EINPROGRESS, "R1: a forged block: under way");
    fails(aio_return(&cb), EINVAL, "R4: a forged block: not done");
    hold(GO);
    is_int(await_end(&cb), 0, "R1: a forged block: done");
    int untouched = 1;
    for (size_t i = 0; i < sizeof cb; i++) untouched &= ((unsigned char *)&cb)[i] == 0xff;
    ok(untouched, "R1: nothing was written into it");
    memset(&cb, 0, sizeof cb);
    is_int(aio_return(&cb), 0, "R3: its result");
    cb = before;
    fails(aio_return(&cb), EINVAL, "R4: put back as it was, it is still reaped");
    munlock(p, PG);
}

/* The block's memory may even go. */
static void unmapped(void) {
    struct aiocb *gone = (struct aiocb *)anon(1);
    must_submit(gone, p, PG);
    munmap(gone, PG);
    is_int(outcome(gone), 0, "R1: the block's memory is unmapped: the request ends, and can be asked about");
    munlock(p, PG);
}

/* Freed requests are not found again, whatever their memory is used for. */
static void reuse(void) {
    static struct aiocb cbs[64];
    int wrong = 0;
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 64; i++) must_submit(&cbs[i], p + (i % 8) * PG, PG);
        for (int i = 63; i >= 0; i--) wrong += outcome(&cbs[i]) != 0;
        for (int i = 0; i < 64; i++) wrong += aio_error(&cbs[i]) != -1 || aio_return(&cbs[i]) != -1;
    }
    is_int(wrong, 0, "R4: thousands of requests, each reaped once and never found again");
    munlock(p, 8 * PG);
}

/* A name is an address, and addresses that look alike are different names. */
static void names(void) {
    char *room = anon(2);
    struct aiocb *a = (struct aiocb *)room, *b = (struct aiocb *)(room + 1), *c = (struct aiocb *)(room + PG);
    struct aiocb block;
    int wrong = 0;
    fill(&block, p, PG);
    memcpy(b, &block, sizeof block);
    wrong += aio_mlock(b) != 0;
    memcpy(a, &block, sizeof block);
    memcpy(c, fill(&block, p + PG, PG), sizeof block);
    wrong += aio_mlock(a) != 0;
    wrong += aio_mlock(c) != 0;
    is_int(wrong, 0, "R1: three requests from overlapping and neighbouring addresses");
    is_int(outcome(b) + outcome(a) + outcome(c), 0, "R1: are three requests");
    munmap(room, 2 * PG);
    munlock(p, 8 * PG);
}

int main(void) {
    aio_test();
    p = anon(8);
    strangers();
    warm_up();
    struct books before = books();
    strangers();
    too_early();
    ended_in_einval();
    forged();
    unmapped();
    reuse();
    names();
    ok(same_books(before, books()), "R3: nothing is left");
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
