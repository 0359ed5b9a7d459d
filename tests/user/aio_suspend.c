/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * aio_suspend: at once if one has finished, asleep until one does, and every bad argument.
 *
 * A handler cannot be had yet, so EINTR shows only as the death of the sleeper by a signal that ends it.
 *
 * clauses: W1 P1
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

static char *p;
static struct aiocb a, b, c;
static const struct timespec zero, tiny = {0, 1000000}, day = {86400, 0};

static void at_once(void) {
    const struct aiocb *list[4] = {NULL, &a, NULL, &b};
    struct aiocb never;
    const struct aiocb *strangers[2] = {fill(&never, p, PG), (struct aiocb *)KERNEL};
    is_int(aio_suspend(strangers, 2, NULL), 0, "W1: none of the entries is a request: 0, not an endless sleep");
    is_int(aio_suspend((const struct aiocb *[]){NULL, NULL}, 2, NULL), 0, "W1: NULL entries alone: 0");
    is_int(aio_suspend(list, 0, NULL), 0, "W1: an empty list: 0");
    is_int(aio_suspend(NULL, 0, NULL), 0, "W1: an empty list that is not even there: 0");
    hold(HOLD);
    must_submit(&a, p, PG);
    must_submit(&b, p + PG, PG);
    ok(step(1), "W1: one of two has finished");
    is_int(aio_suspend(list, 4, NULL), 0, "W1: 0 at once, NULL entries are ignored");
    is_int(aio_suspend(list, 4, &zero), 0, "W1: 0 with no time at all");
    const struct aiocb *second[1] = {&b};
    fails(aio_suspend(second, 1, &zero), EAGAIN, "W1: the other has not finished: EAGAIN");
    fails(aio_suspend(second, 1, &tiny), EAGAIN, "W1: nor a millisecond later");
    const struct aiocb *mixed[2] = {(struct aiocb *)KERNEL, &b};
    fails(aio_suspend(mixed, 2, &zero), EAGAIN, "W1: a stranger beside it does not count as finished");
    hold(GO);
    is_int(aio_suspend(second, 1, &day), 0, "W1: until it has");
    is_int(outcome(&a) + outcome(&b), 0, "W1: both ended well");
    is_int(aio_suspend(list, 4, NULL), 0, "W1: reaped, they are strangers: 0");
}

static void asleep(void) {
    const struct aiocb *list[3] = {&a, &b, &c};
    hold(HOLD);
    must_submit(&a, p, PG);
    must_submit(&b, p + PG, PG);
    must_submit(&c, p + 2 * PG, PG);
    pid_t later = let_go_later();
    is_int(aio_suspend(list, 3, NULL), 0, "W1: it sleeps until one finishes");
    is_int(aio_error(&a), 0, "W1: the first has");
    wait_for(later);
    is_int(outcome(&c) + outcome(&b) + outcome(&a), 0, "W1: the others do as well");
}

/* A cancelled request has finished. */
static void cancelled(void) {
    const struct aiocb *list[1] = {&a};
    hold(HOLD);
    must_submit(&a, p, PG);
    aio_cancel(-1, &a);
    is_int(aio_suspend(list, 1, NULL), 0, "W1: a cancelled request is a finished one");
    hold(GO);
    aio_return(&a);
}

static void bad_arguments(void) {
    const struct aiocb *list[1] = {&a};
    struct timespec t;
    hold(HOLD);
    must_submit(&a, p, PG);
    fails(aio_suspend(list, -1, &zero), EINVAL, "W1: -1 entries");
    fails(aio_suspend(list, INT32_MIN, &zero), EINVAL, "W1: the least number of entries");
    fails(aio_suspend(list, (int)MAX_PER_PROC + 1, &zero), EINVAL, "W1: more entries than the queue may hold");
    fails(aio_suspend(list, INT32_MAX, &zero), EINVAL, "W1: the greatest number");
    fails(aio_suspend((const struct aiocb **)KERNEL, 1, &zero), EFAULT, "W1: a list in the kernel");
    fails(aio_suspend(NULL, 1, &zero), EFAULT, "W1: no list");
    fails(aio_suspend((const struct aiocb **)(USER_END - 8), 2, &zero), EFAULT, "W1: a list across the end");
    fails(aio_suspend(list, 1, (struct timespec *)KERNEL), EFAULT, "W1: a time in the kernel");
    t = (struct timespec){0, -1};
    fails(aio_suspend(list, 1, &t), EINVAL, "W1: -1 ns");
    t = (struct timespec){0, 1000000000};
    fails(aio_suspend(list, 1, &t), EINVAL, "W1: 10^9 ns");
    t = (struct timespec){-1, 0};
    fails(aio_suspend(list, 1, &t), EINVAL, "W1: -1 s");
    hold(GO);
    await_end(&a);
    t = (struct timespec){INT64_MAX, 999999999};
    is_int(aio_suspend(list, 1, &t), 0, "W1: the longest time is a time");
    aio_return(&a);
}

/* Full-length list: more than what fits on the kernel's stack. */
static void long_list(void) {
    static const struct aiocb *list[MAX_PER_PROC];
    hold(HOLD);
    must_submit(&a, p, PG);
    list[MAX_PER_PROC - 1] = &a;
    fails(aio_suspend(list, (int)MAX_PER_PROC, &zero), EAGAIN, "W1: 256 entries, the last not finished");
    must_set("debug.inject.heap", 1);
    fails(aio_suspend(list, (int)MAX_PER_PROC, NULL), EAGAIN, "W1: 256 entries, and no memory for the list");
    must_set("debug.inject.heap", 0);
    hold(GO);
    is_int(aio_suspend(list, (int)MAX_PER_PROC, NULL), 0, "W1: 256 entries, until the last finishes");
    aio_return(&a);
}

/* The deadline is not moved by what else wakes the sleeper. */
static void longest_sleep(void) {
    const struct aiocb *list[1] = {&a};
    struct timespec t = {INT64_MAX, 0};
    hold(HOLD);
    must_submit(&a, p, PG);
    pid_t later = let_go_later();
    is_int(aio_suspend(list, 1, &t), 0, "W1: a sleep of 290 million years ends when the request does");
    wait_for(later);
    aio_return(&a);
}

static void die_asleep(int sig) {
    fflush(stdout);
    hold(HOLD);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0, 0};
        const struct aiocb *list[1] = {&a};
        setrlimit(RLIMIT_CORE, &no_core);
        must_submit(&a, p, PG);
        aio_suspend(list, 1, NULL);
        _exit(1);
    }
    ok(await_knob("vfs.aio.requests", 1), "W1: a child sleeps for a request that is held");
    await_state(pid, "S");
    kill(pid, sig);
    is_int(wait_for(pid), 1000 + sig, "W1: signal %d ends its sleep, and it", sig);
    is_int(knob("vfs.aio.requests"), 0, "P1: its request is gone");
    hold(GO);
}

int main(void) {
    aio_test();
    p = anon(4);
    at_once(); /* the first calls come before the process has ever made a request */
    struct books before = books();
    asleep();
    cancelled();
    bad_arguments();
    long_list();
    longest_sleep();
    die_asleep(SIGTERM);
    die_asleep(SIGKILL);
    munlock(p, 4 * PG);
    before.locked = books().locked;
    before.charged = 0;
    ok(same_books(before, books()), "I5: nothing is left");
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
