/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Range locks (contract X5): disjoint ranges do not meet, overlapping ones wait in order of arrival.
 * The other thread is played from inside the wait.
 */
#include "tests/host/support.h"

#include "mm/range.h"

#define AT(n) ((n) * PAGE_SIZE)

static struct range_locks rl;
static struct range_hold first, second, third;
static int hooked;

static void count_hook(void *arg) {
    (*(int *)arg)++;
}

static void release_first(void) {
    range_unlock(&rl, &first);
}

static void test_try(void) {
    range_init(&rl);
    ok(range_idle(&rl), "a new one is idle");
    range_lock(&rl, &first, AT(10), AT(20));
    ok(!range_idle(&rl) && first.held, "held");
    ok(!range_try(&rl, &second, AT(10), AT(20)), "the same range is refused");
    ok(!range_try(&rl, &second, AT(19), AT(30)), "so is one that overlaps by a page");
    ok(!range_try(&rl, &second, AT(5), AT(11)), "from below");
    ok(!range_try(&rl, &second, 0, USER_MAX), "one that contains it");
    ok(!range_try(&rl, &second, AT(12), AT(13)), "and one inside it");
    ok(range_try(&rl, &second, AT(20), AT(30)), "X5: the range right behind is free");
    ok(range_try(&rl, &third, AT(5), AT(10)), "X5: and the one right before");
    range_unlock(&rl, &second);
    range_unlock(&rl, &third);
    range_unlock(&rl, &first);
    ok(range_idle(&rl), "idle after all are released");
    sync_check_idle();
}

static void test_wait(void) {
    sync_waits = 0;
    range_lock(&rl, &first, AT(10), AT(20));
    range_lock(&rl, &second, AT(30), AT(40));
    is_int(sync_waits, 0, "X5: a disjoint range does not wait");
    range_unlock(&rl, &second);
    sync_other_thread = release_first;
    range_lock(&rl, &second, AT(15), AT(25));
    ok(second.held && sync_waits == 1, "X5: an overlapping one waits until the first is released");
    range_unlock(&rl, &second);
    sync_other_thread = NULL;
}

/* While `second` waits for `first`, a third asks for what only overlaps `second`: it came later, so it must wait too. */
static bool third_had_it;
static void third_then_release(void) {
    third_had_it = range_try(&rl, &third, AT(22), AT(23));
    range_unlock(&rl, &first);
}

static void test_order(void) {
    range_lock(&rl, &first, AT(10), AT(20));
    sync_other_thread = third_then_release;
    range_lock(&rl, &second, AT(15), AT(25));
    ok(!third_had_it, "X3: nobody overtakes who waits for part of the same range");
    sync_other_thread = NULL;
    ok(!range_try(&rl, &third, AT(22), AT(23)), "nor while it is held");
    range_unlock(&rl, &second);
    ok(range_try(&rl, &third, AT(22), AT(23)), "then it may");
    range_unlock(&rl, &third);
}

/* Who waits to look again is in nobody's way, and has nothing afterwards. */
static bool third_was_let;
static void release_and_try(void) {
    range_unlock(&rl, &first);
    third_was_let = range_try(&rl, &third, AT(15), AT(16));
    if (third_was_let) range_unlock(&rl, &third);
}

static void test_look_again(void) {
    sync_waits = 0;
    range_wait(&rl, AT(10), AT(20));
    is_int(sync_waits, 0, "nobody there: nothing to wait for");
    range_lock(&rl, &first, AT(10), AT(20));
    range_wait(&rl, AT(20), AT(30));
    is_int(sync_waits, 0, "X5: nor for a disjoint range");
    sync_other_thread = release_and_try;
    range_wait(&rl, AT(15), AT(25));
    is_int(sync_waits, 1, "a range that is held is waited for");
    ok(third_was_let, "another gets it, while somebody waits to look again");
    ok(range_idle(&rl), "who has waited so has nothing");
    sync_other_thread = NULL;
}

static void test_hook(void) {
    rl.hook = count_hook;
    rl.hook_arg = &hooked;
    range_lock(&rl, &first, AT(1), AT(2));
    is_int(hooked, 0, "taking a range calls no hook");
    range_unlock(&rl, &first);
    is_int(hooked, 1, "each release calls it");
    ok(range_idle(&rl), "with nothing held");
}

static void misuse(void *arg) {
    range_init(&rl);
    range_lock(&rl, &first, AT(1), AT(3));
    if (*(int *)arg) range_unlock(&rl, &first), range_unlock(&rl, &first);
    else range_lock(&rl, &second, AT(2), AT(4));
}

int main(void) {
    int deadlock = 0, twice = 1;
    test_try();
    test_wait();
    test_order();
    test_look_again();
    test_hook();
    panics(misuse, &deadlock, "no other thread", "a thread that waits for itself is a deadlock");
    panics(misuse, &twice, "assertion failed", "releasing twice panics");
    return done_testing();
}
