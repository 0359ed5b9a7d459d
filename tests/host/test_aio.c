/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The queue of asynchronous requests: who is taken when, what every cancel does, that limits are exact and
 * that nothing is left (contract Q6, Q7, X3, X4, X5, X7, C1, C2, C4, C6, P1, I5).
 */
#include "tests/host/aio_machine.h"

/* ---- tests ---- */

static void test_order(void) {
    fresh();
    ask(&procs[0], 'A', 1);
    ask(&procs[0], 'B', 1);
    ask(&procs[0], 'C', 1);
    is_int(work_all(), 3, "X4: a request of one slice takes one visit");
    is_str(order, "ABC", "X3: FIFO within a process");
    is_int(committed, 3, "X2: all are locked");
    is_int(result_of(&procs[0], 'B'), 0, "X2: the result is 0");
    is_int(result_of(&procs[0], 'B'), -2, "R3: it is reaped by that");
    all_gone("after three requests");
}

static void test_turns(void) {
    fresh();
    ask(&procs[0], 'A', 6);
    ask(&procs[1], 'B', 1);
    ask(&procs[2], 'C', 2);
    work_all();
    is_str(order, "ABCACAAAA", "X3: a process has one slice in turn, however long its request is");
    memset(order, 0, sizeof order);
    ask(&procs[0], 'D', 3);
    work();
    ask(&procs[0], 'E', 1);
    ask(&procs[0], 'F', 1);
    work_all();
    is_str(order, "DDEDF", "X3: what goes on and what is new take turns within a process");
    all_gone("after taking turns");
}

static void test_running_limit(void) {
    fresh();
    aio_limits.max_per_proc = 2;
    for (char c = 'A'; c <= 'D'; c++) ask(&procs[0], c, 2);
    for (int i = 0; i < 3; i++) work();
    is_int(procs[0].aio->count[AIO_READY] + procs[0].aio->count[AIO_QUEUED], 3, "Q7: one of four has ended");
    is_int(state_of(&procs[0], 'D'), AIO_QUEUED, "Q7: no more than max_per_proc run at once");
    ask(&procs[1], 'Z', 1);
    work_all();
    is_int(result_of(&procs[1], 'Z'), 0, "X3: a process at its limit is passed over");
    for (char c = 'A'; c <= 'D'; c++) is_int(result_of(&procs[0], (uint64_t)c), 0, "X7: %c ends", c);
    all_gone("after max_per_proc");
}

static void test_limits(void) {
    fresh();
    aio_limits.max_queue_per_proc = 3;
    aio_limits.max_queue = 5;
    for (uint64_t i = 1; i <= 3; i++) is_int(ask_at(&procs[0], i, place('A'), 1), 0, "Q7: %lu of 3 of a process", i);
    is_int(ask_at(&procs[0], 4, place('A'), 1), -EAGAIN, "Q7: the fourth is refused");
    is_int(ask_at(&procs[1], 1, place('A'), 1), 0, "Q7: 4 of 5 in the system");
    is_int(ask_at(&procs[1], 2, place('A'), 1), 0, "Q7: 5 of 5 in the system");
    is_int(ask_at(&procs[1], 3, place('A'), 1), -EAGAIN, "Q7: the sixth is refused");
    for (int i = 0; i < 10000; i++) ask_at(&procs[0], 4, place('A'), 1), ask_at(&procs[1], 3, place('A'), 1);
    audit_is_clean("after 20000 refusals (pitfall A1)");
    work_all();
    is_int(ask_at(&procs[0], 4, place('A'), 1), -EAGAIN, "Q7: finished requests count until they are reaped");
    is_int(result_of(&procs[0], 1), 0, "R3: reap one");
    is_int(ask_at(&procs[0], 4, place('A'), 1), 0, "R3: its slot is given back");
    is_int(ask_at(&procs[0], 4, place('A'), 1), -EINVAL, "Q4: outstanding already");
    no_memory = true;
    result_of(&procs[0], 2);
    is_int(ask_at(&procs[0], 9, place('A'), 1), -EAGAIN, "Q4: no memory");
    no_memory = false;
    is_int(ask_at(&procs[0], 9, place('A'), 1), 0, "Q6: and the slot was not lost");
    all_gone("after all limits");
}

static void test_parking(void) {
    fresh();
    ask_at(&procs[0], 'a', place('A'), 8);
    ask_at(&procs[0], 'b', place('A'), 1);
    ask_at(&procs[0], 'c', place('A'), 1);
    ask_at(&procs[0], 'd', place('D'), 1);
    for (int i = 0; i < 3; i++) work();
    is_int(state_of(&procs[0], 'b'), AIO_PARKED, "X5: who finds the range held is parked");
    for (int i = 0; i < 4; i++) work();
    is_int(result_of(&procs[0], 'd'), 0, "X5: and a later request of another range goes on");
    work_all();
    is_int(result_of(&procs[0], 'a'), 0, "X5: the holder ends");
    is_int(result_of(&procs[0], 'b'), 0, "X5: then the first who waited");
    is_int(result_of(&procs[0], 'c'), 0, "X5: then the second");
    range_take(&spaces[0], place('A'), place('A') + 1);
    ask_at(&procs[0], 'e', place('A'), 1);
    ask_at(&procs[0], 'f', place('A'), 2);
    ask_at(&procs[0], 'g', place('A'), 3);
    is_int(work_all(), 3, "X5: three find a range that somebody else holds");
    is_int(procs[0].aio->count[AIO_PARKED], 3, "X5: all three wait, and no worker does");
    is_int(aio_cancel_one(procs[0].aio, 'f'), HF_AIO_CANCELED, "C1: a parked request is cancelled at once");
    memset(order, 0, sizeof order);
    range_give(&spaces[0], place('A'), place('A') + 1);
    work_all();
    is_str(order, "AAAA", "X3: both others run, in slices of their own");
    is_int(result_of(&procs[0], 'e') + result_of(&procs[0], 'g'), 0, "X7: and end well");
    is_int(result_of(&procs[0], 'f'), ECANCELED, "C6: the cancelled one says so");
    all_gone("after parking");
}

static void test_release_between(void) {
    fresh();
    ask_at(&procs[0], 'a', place('A'), 1);
    struct aio_request *rq = rq_of(&procs[0], 'a');
    struct aio_process *ap = procs[0].aio;
    struct seen seen = {ap->releases, aio_events()};
    mutex_lock(&ap->lock);
    aio_move_locked(rq, ap, AIO_ACTIVE, false);
    mutex_unlock(&ap->lock);
    aio_released(ap); /* the range is released after begin failed and before the request is parked */
    put_back(ap, rq, -EINPROGRESS, &seen);
    is_int(rq->state, AIO_QUEUED, "X5: a release between looking and parking is not missed");
    work_all();
    is_int(result_of(&procs[0], 'a'), 0, "X7: it ends");
    all_gone("after that race");
}

/* A page that is away: the request is set aside, with all that it holds, and the worker is free. */
static void test_stalling(void) {
    fresh();
    ask(&procs[0], 'A', 3);
    work();
    step_fails = EINPROGRESS;
    work();
    is_int(state_of(&procs[0], 'A'), AIO_STALLED, "X4: a request lacks a page");
    is_int(work_all(), 0, "X4: and no worker waits with it");
    is_int(spaces[0].charged, 3, "X2: it keeps its charge");
    audit_is_clean("with a stalled request");
    ask(&procs[0], 'B', 1);
    work_all();
    is_int(result_of(&procs[0], 'B'), 0, "X3: another one has its turn");
    aio_event();
    ok(due, "X4: something happens");
    aio_resume_all();
    is_int(state_of(&procs[0], 'A'), AIO_READY, "X4: which may have been what it waits for");
    work_all();
    is_int(result_of(&procs[0], 'A'), 0, "X7: it ends well");
    ask(&procs[0], 'C', 3);
    step_fails = EINPROGRESS;
    work();
    is_int(aio_cancel_one(procs[0].aio, 'C'), HF_AIO_CANCELED, "C2: a stalled request is cancelled at once");
    ok(spaces[0].charged == 0 + 3 + 1 && !overlapping(&spaces[0], place('C'), place('D')), "L4: undone, with its range let go");
    ask(&procs[0], 'D', 3);
    step_fails = EINPROGRESS;
    work();
    aio_limits.max_per_proc = 1;
    ask(&procs[0], 'E', 1);
    is_int(work_all(), 0, "Q7: it counts as running");
    all_gone("after stalls");
}

static void test_event_between(void) {
    fresh();
    ask(&procs[0], 'A', 1);
    struct aio_request *rq = rq_of(&procs[0], 'A');
    struct aio_process *ap = procs[0].aio;
    struct seen seen = {ap->releases, aio_events()};
    mutex_lock(&ap->lock);
    aio_move_locked(rq, ap, AIO_ACTIVE, false);
    mutex_unlock(&ap->lock);
    fake_begin(&rq->job);
    rq->begun = true;
    aio_event(); /* the page comes after the worker has looked and before the request is set aside */
    put_back(ap, rq, -EINPROGRESS, &seen);
    is_int(rq->state, AIO_READY, "X4: an event between looking and setting aside is not missed");
    all_gone("after that race");
}

static void test_cancel(void) {
    fresh();
    ask(&procs[0], 'A', 5);
    is_int(aio_cancel_one(procs[0].aio, 'A'), HF_AIO_CANCELED, "C1: queued");
    is_int(work_all(), 0, "C1: nothing is left to do for a worker");
    is_int(result_of(&procs[0], 'A'), ECANCELED, "C6: its result");
    ask(&procs[0], 'B', 5);
    work();
    is_int(spaces[0].charged, 5, "C2: running, its pages are charged");
    is_int(aio_cancel_one(procs[0].aio, 'B'), HF_AIO_CANCELED, "C2: running, between two slices");
    ok(spaces[0].charged == 0 && undone == 1, "C2, L4: what it had locked is undone");
    is_int(aio_cancel_one(procs[0].aio, 'B'), HF_AIO_ALLDONE, "C4: finished");
    is_int(result_of(&procs[0], 'B'), ECANCELED, "C6: its result");
    is_int(aio_cancel_one(procs[0].aio, 'B'), HF_AIO_ALLDONE, "C4: reaped");
    ask(&procs[0], 'C', 5);
    cancel_in_step = rq_of(&procs[0], 'C');
    work();
    is_int(result_of(&procs[0], 'C'), ECANCELED, "C2: cancelled during a slice: undone at its end");
    ask(&procs[0], 'D', 1);
    cancel_in_step = rq_of(&procs[0], 'D');
    work();
    is_int(result_of(&procs[0], 'D'), 0, "C6: cancelled during the last slice: it has ended, and says so");
    ask(&procs[0], 'E', 5);
    step_fails = EAGAIN;
    work();
    is_int(result_of(&procs[0], 'E'), EAGAIN, "X2: a step fails: its error is the result");
    is_int(spaces[0].charged, 1, "L4: and only what ended well is locked");
    all_gone("after cancels");
}

static struct aio_request *in_hand;
static int hand_result;

static void the_worker(void) {
    in_hand->begun = false;
    put_back(procs[0].aio, in_hand, hand_result, 0);
}

static void reap_at_once(void) {
    the_worker();
    result_of(&procs[0], 'A');
}

/* The request is in a worker's hand, and the worker goes on when the canceller sleeps. */
static int cancel_in_hand(void (*other)(void), int result) {
    fresh();
    ask(&procs[0], 'A', 1);
    in_hand = rq_of(&procs[0], 'A');
    hand_result = result;
    mutex_lock(&procs[0].aio->lock);
    aio_move_locked(in_hand, procs[0].aio, AIO_ACTIVE, false);
    aio_ring_update_locked(procs[0].aio);
    mutex_unlock(&procs[0].aio->lock);
    sync_other_thread = other;
    int answer = aio_cancel_one(procs[0].aio, 'A');
    sync_other_thread = NULL;
    return answer;
}

static void test_cancel_in_hand(void) {
    is_int(cancel_in_hand(the_worker, -ECANCELED), HF_AIO_CANCELED, "C2: in hand: the worker stops");
    is_int(result_of(&procs[0], 'A'), ECANCELED, "C6: its result");
    all_gone("after that");
    is_int(cancel_in_hand(the_worker, 0), HF_AIO_ALLDONE, "C2: in hand: it had just finished");
    is_int(result_of(&procs[0], 'A'), 0, "C6: its result");
    all_gone("after that");
    is_int(cancel_in_hand(the_worker, -EINPROGRESS), HF_AIO_CANCELED, "C2: in hand: it had just found its range held");
    all_gone("after that");
    is_int(cancel_in_hand(reap_at_once, -ECANCELED), HF_AIO_CANCELED, "C6: and is reaped by another before the canceller wakes");
    all_gone("after that");
}

static int frozen_waits;

static void thaw(void) {
    frozen_waits++;
    if (frozen_waits == 3) aio_set_hold(AIO_GO);
}

static void test_hold(void) {
    fresh();
    aio_set_hold(AIO_HOLD);
    ask(&procs[0], 'A', 3);
    is_int(work_all(), 0, "hold: nothing is taken up");
    aio_set_steps(2);
    is_int(work_all(), 2, "step: so many slices go");
    is_int(state_of(&procs[0], 'A'), AIO_READY, "step: it runs and waits");
    aio_set_hold(AIO_FREEZE);
    sync_other_thread = thaw;
    work();
    sync_other_thread = NULL;
    is_int(frozen_waits, 3, "freeze: it stays in hand until the freeze ends");
    is_int(result_of(&procs[0], 'A'), 0, "freeze: then goes on");
    all_gone("after holding");
}

static void test_exit(void) {
    fresh();
    ask(&procs[0], 'A', 5);
    ask(&procs[0], 'B', 1);
    ask_at(&procs[0], 'c', place('A'), 1);
    ask(&procs[0], 'D', 1);
    ask(&procs[1], 'E', 2);
    for (int i = 0; i < 5; i++) work();
    ask(&procs[0], 'F', 1);
    work();
    if (visited != procs[0].aio) work();
    visited = aio_ring_next(visited, false); /* the worker leaves for another */
    audit_is_clean("with requests in every state");
    if (visited) aio_serve(visited);
    while (visited == procs[0].aio) work();
    aio_process_exit(&procs[0]);
    is_int(spaces[0].refs, 1, "P1: the space is let go of");
    ok(!overlapping(&spaces[0], 0, UINT64_MAX), "P1: no range is held");
    work_all();
    is_int(result_of(&procs[1], 'E'), 0, "P1: another process's request goes on");
    ask(&procs[1], 'G', 100);
    work();
    procs[1].signals.fatal = SIGKILL;
    work();
    is_int(result_of(&procs[1], 'G'), ECANCELED, "P1: a process that is being killed: stopped at the next slice");
    static struct thread other;
    ask(&procs[2], 'H', 100);
    work();
    procs[2].ending = true;
    work();
    is_int(result_of(&procs[2], 'H'), ECANCELED, "P1: so is one whose threads end because one of them has said so");
    procs[2].ending = false;
    ask(&procs[2], 'I', 100);
    work();
    procs[2].taker = &other;
    work();
    is_int(result_of(&procs[2], 'I'), ECANCELED, "P1: or because one of them is in exec");
    all_gone("after exits");
}

static void leave_it(void) {
    visited = aio_ring_next(visited, false);
}

static void test_exit_in_hand(void) {
    fresh();
    ask(&procs[0], 'A', 5);
    work(); /* the worker still visits */
    sync_other_thread = leave_it;
    aio_process_exit(&procs[0]);
    sync_other_thread = NULL;
    ok(!visited, "P1: exit waits for the visitor, who finds nothing more to take");
    all_gone("after exit with a visitor");
}

int main(void) {
    aio_start();
    test_order();
    test_turns();
    test_running_limit();
    test_limits();
    test_parking();
    test_release_between();
    test_stalling();
    test_event_between();
    test_cancel();
    test_cancel_in_hand();
    test_hold();
    test_exit();
    test_exit_in_hand();
    return done_testing();
}
