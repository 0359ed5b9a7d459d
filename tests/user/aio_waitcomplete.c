/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * aio_waitcomplete: the oldest result first, reaped; never an endless sleep.
 *
 * clauses: W2 R4 X3
 * pitfalls: A6
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

static char *p;
static struct aiocb a, b, c;
static struct timespec zero, tiny = {0, 1000000};

#define JUNK ((struct aiocb *)0x1234)

static void nothing_there(const char *when) {
    struct aiocb *done = JUNK;
    fails(aio_waitcomplete(&done, NULL), EAGAIN, "W2: %s: EAGAIN at once, with all the time in the world", when);
    ok(done == NULL, "W2: %s: and NULL is stored", when);
    done = JUNK;
    fails(aio_waitcomplete(&done, &zero), EAGAIN, "W2: %s: with none", when);
    ok(done == NULL, "W2: %s: and NULL is stored", when);
}

static void order_of_completion(void) {
    struct aiocb *done = JUNK;
    slice_pages(1);
    hold(HOLD);
    must_submit(&a, p, 6 * PG);
    must_submit(&b, p + 6 * PG, PG);
    must_submit(&c, (void *)PG, PG);
    fails(aio_waitcomplete(&done, &zero), EAGAIN, "W2: none has finished: polling says EAGAIN");
    ok(done == NULL, "W2: and NULL is stored");
    fails(aio_waitcomplete(&done, &tiny), EAGAIN, "W2: nor within a millisecond");
    hold(GO);
    is_int(aio_waitcomplete(&done, NULL), 0, "W2: it sleeps until one has");
    ok(done == &b, "W2: the shorter one is first, though asked for later");
    fails(aio_return(&b), EINVAL, "W2: it has been reaped");
    fails(aio_waitcomplete(&done, NULL), ENOMEM, "W2: the failed one: -1 and its errno");
    ok(done == &c, "W2: and its name");
    is_int(aio_waitcomplete(&done, NULL), 0, "W2: the long one");
    ok(done == &a, "W2: is last");
    slice_pages(SLICE);
    munlock(p, 8 * PG);
    nothing_there("all are taken");
}

static void woken(void) {
    struct aiocb *done = JUNK;
    hold(HOLD);
    must_submit(&a, p, PG);
    pid_t later = let_go_later();
    is_int(aio_waitcomplete(&done, NULL), 0, "W2: asleep until the workers go on");
    ok(done == &a, "W2: and its name");
    wait_for(later);
    munlock(p, PG);
}

static void finished_ones_first(void) {
    struct aiocb *done;
    hold(HOLD);
    must_submit(&a, p, PG);
    must_submit(&b, p + PG, PG);
    is_int(aio_cancel(-1, &b), AIO_CANCELED, "W2: of two, the second is cancelled");
    fails(aio_waitcomplete(&done, NULL), ECANCELED, "W2: a cancelled request is a result");
    ok(done == &b, "W2: and has its name");
    fails(aio_waitcomplete(&done, &zero), EAGAIN, "W2: the other still waits");
    hold(GO);
    is_int(outcome(&a), 0, "W2: and can be reaped in another way");
    munlock(p, PG);
    nothing_there("reaped in another way");
}

static void bad_arguments(void) {
    struct aiocb *done;
    struct timespec t;
    struct aiocb **read_only = (struct aiocb **)map_pages(1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    hold(HOLD);
    must_submit(&a, p, PG);
    ok(step(1), "W2: one has finished");
    fails(aio_waitcomplete(NULL, NULL), EFAULT, "W2: nowhere to store the name: EFAULT");
    fails(aio_waitcomplete((struct aiocb **)KERNEL, NULL), EFAULT, "W2: in the kernel");
    fails(aio_waitcomplete(read_only, NULL), EFAULT, "W2: where nothing can be written");
    t = (struct timespec){0, 1000000000};
    done = JUNK;
    fails(aio_waitcomplete(&done, &t), EINVAL, "W2: 10^9 ns");
    ok(done == NULL, "W2: NULL was stored before");
    t = (struct timespec){-1, 5};
    fails(aio_waitcomplete(&done, &t), EINVAL, "W2: -1 s");
    fails(aio_waitcomplete(&done, (struct timespec *)KERNEL), EFAULT, "W2: a time in the kernel");
    is_int(aio_error(&a), 0, "W2: none of them has taken the result");
    is_int(aio_waitcomplete(&done, &zero), 0, "W2: which is there");
    ok(done == &a, "W2: with its name");
    hold(GO);
    munlock(p, PG);
    munmap(read_only, PG);
}

static void many(void) {
    static struct aiocb cbs[MAX_PER_PROC];
    struct aiocb *done;
    int good = 0;
    for (size_t i = 0; i < MAX_PER_PROC; i++) must_submit(&cbs[i], p + i % 8 * PG, PG);
    for (size_t i = 0; i < MAX_PER_PROC; i++)
        good += aio_waitcomplete(&done, NULL) == 0 && done >= cbs && done < cbs + MAX_PER_PROC;
    is_int(good, MAX_PER_PROC, "W2: as many results as requests");
    nothing_there("all of them are taken");
    munlock(p, 8 * PG);
}

int main(void) {
    aio_test();
    p = anon(8);
    nothing_there("never asked for anything");
    warm_up();
    struct books before = books();
    order_of_completion();
    woken();
    finished_ones_first();
    bad_arguments();
    many();
    ok(same_books(before, books()), "I5: nothing is left");
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
