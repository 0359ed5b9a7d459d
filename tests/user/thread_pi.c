/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Futexes with an owner: PI ones are handed over, to the most urgent waiter, and survive their owner's death; robust
 * ones are marked when their owner dies, and no list that a program can build keeps the kernel busy or hurts it.
 */
#include <linux/futex.h>

#include "tests/user/threads.h"

#define LOCK    (FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG)
#define TRYLOCK (FUTEX_TRYLOCK_PI | FUTEX_PRIVATE_FLAG)
#define UNLOCK  (FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG)

static long pi(volatile int *word, int op, const struct timespec *t) {
    return raw(SYS_futex, word, op, 0, t, 0, 0);
}

static int me(void) {
    return (int)raw(SYS_gettid);
}

static volatile int word, word2, stage, shared_sum;

/* ---- alone ---- */

static void alone(void) {
    struct timespec past = {1, 0};
    word = 0;
    is_int(pi(&word, LOCK, NULL), 0, "a free one is had");
    is_int(word, me(), "its word is the owner's tid");
    is_int(pi(&word, LOCK, NULL), -EDEADLK, "not twice");
    is_int(pi(&word, UNLOCK, NULL), 0, "and let go");
    is_int(word, 0, "its word is 0");
    is_int(pi(&word, UNLOCK, NULL), -EPERM, "not by who does not own it");
    is_int(pi(&word, TRYLOCK, NULL), 0, "FUTEX_TRYLOCK_PI has it");
    is_int(pi(&word, UNLOCK, NULL), 0, "(let go)");
    word = 0x3ffffff0; /* no thread has such a number */
    is_int(pi(&word, LOCK, &past), -ESRCH, "an owner that does not exist");
    word = (int)FUTEX_OWNER_DIED;
    is_int(pi(&word, LOCK, NULL), 0, "one whose owner died is had");
    is_int((unsigned)word, (unsigned)me() | FUTEX_OWNER_DIED, "and says so");
    is_int(pi(&word, UNLOCK, NULL), 0, "(let go)");
}

/* ---- contended ---- */

static void add_under_lock(void *arg) {
    (void)arg;
    for (int i = 0; i < 200; i++) {
        int free = 0, mine = me();
        if (!__atomic_compare_exchange_n(&word, &free, mine, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) pi(&word, LOCK, NULL);
        int s = shared_sum;
        if (i % 10 == 0) raw(SYS_sched_yield);
        shared_sum = s + 1;
        if (!__atomic_compare_exchange_n(&word, &mine, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) pi(&word, UNLOCK, NULL);
    }
}

static void contended(void) {
    struct raw_thread t[5];
    word = 0;
    for (int i = 0; i < 5; i++) raw_begin(&t[i], add_under_lock, NULL);
    for (int i = 0; i < 5; i++) raw_join(&t[i]);
    is_int(shared_sum, 1000, "five threads, 1000 rounds: one at a time");
    is_int(word, 0, "free at the end");
}

/* ---- time ---- */

static void hold_until_told(void *arg) {
    (void)arg;
    pi(&word, LOCK, NULL);
    stage = 1;
    raw_wait_while(&stage, 1);
    pi(&word, UNLOCK, NULL);
}

static void timeouts(void) {
    struct raw_thread t;
    struct timespec soon;
    word = stage = 0;
    raw_begin(&t, hold_until_told, NULL);
    while (!stage) sched_yield();
    is_int(pi(&word, TRYLOCK, NULL), -EAGAIN, "FUTEX_TRYLOCK_PI of another's");
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 3000000;
    if (soon.tv_nsec >= 1000000000) soon.tv_nsec -= 1000000000, soon.tv_sec++;
    is_int(pi(&word, LOCK, &soon), -ETIMEDOUT, "FUTEX_LOCK_PI until a time of the wall clock");
    is_int(pi(&word, UNLOCK, NULL), -EPERM, "then it is still the other's");
    raw_post(&stage, 2);
    raw_join(&t);
    is_int(pi(&word, LOCK, NULL), 0, "and later free");
    pi(&word, UNLOCK, NULL);
}

/* ---- the owner dies ---- */

static void die_with_it(void *arg) {
    (void)arg;
    pi(&word, LOCK, NULL);
    stage = 1;
    raw_wait_while(&stage, 1);
}

static volatile int got[3], next_got;

static void wait_for_it(void *arg) {
    long r = pi(&word, LOCK, NULL);
    got[(long)arg] = r == 0 && ((unsigned)word & FUTEX_TID_MASK) == (unsigned)me() ? 1 : (int)r;
    if (r == 0) pi(&word, UNLOCK, NULL);
}

static void owner_dies(void) {
    struct raw_thread owner, t[3];
    word = stage = 0;
    raw_begin(&owner, die_with_it, NULL);
    while (!stage) sched_yield();
    for (long i = 0; i < 3; i++) {
        raw_begin(&t[i], wait_for_it, (void *)i);
        await_state(t[i].born, "S");
    }
    raw_post(&stage, 2);
    for (int i = 0; i < 3; i++) raw_join(&t[i]);
    raw_join(&owner);
    is_int(got[0] + got[1] + got[2], 3, "its owner dies: the three that wait have it, one after the other");
    ok(word == 0, "and it is free (%#x)", (unsigned)word);
}

/* ---- robust ---- */

struct node {
    struct node *next;
    volatile int word;
    int pad;
};

struct head {
    struct node *next;
    long offset;
    struct node *pending;
};

static struct head head;
static struct node node[4];
#define WORD_OFFSET ((long)__builtin_offsetof(struct node, word))

static void link_nodes(int n) {
    head = (struct head){n ? &node[0] : (struct node *)&head, WORD_OFFSET, NULL};
    for (int i = 0; i < n; i++) node[i].next = i + 1 < n ? &node[i + 1] : (struct node *)&head;
}

static void die_robustly(void *arg) {
    raw(SYS_set_robust_list, &head, sizeof head);
    unsigned tid = (unsigned)me();
    node[0].word = (int)tid;
    node[1].word = (int)(tid | FUTEX_WAITERS);
    node[2].word = 12345;
    node[3].word = (int)tid;
    (void)arg;
}

static volatile int robust_woken;

static void wait_robustly(void *arg) {
    volatile int *w = arg;
    robust_woken = 1;
    while (!((unsigned)*w & FUTEX_OWNER_DIED)) raw_futex(w, FUTEX_WAIT, *w, NULL);
    robust_woken = 2;
}

static void robust(void) {
    struct raw_thread t, waiter;
    struct head *got_head = NULL;
    size_t size = 0;
    is_int(raw(SYS_set_robust_list, &head, 23), -EINVAL, "set_robust_list with another size");
    raw_begin(&waiter, wait_robustly, (void *)&node[1].word);
    while (!robust_woken) sched_yield();
    await_state(waiter.born, "S");
    link_nodes(3);
    head.pending = &node[3];
    raw_begin(&t, die_robustly, NULL);
    raw_join(&t);
    raw_join(&waiter);
    is_int((unsigned)node[0].word, FUTEX_OWNER_DIED, "a futex on the list is marked when its owner dies");
    is_int((unsigned)node[1].word, FUTEX_OWNER_DIED | FUTEX_WAITERS, "with the sign that somebody waits");
    is_int(robust_woken, 2, "who is woken");
    is_int(node[2].word, 12345, "another's is left alone");
    is_int((unsigned)node[3].word, FUTEX_OWNER_DIED, "the pending one is marked as well");
    is_int(raw(SYS_get_robust_list, 0, &got_head, &size), 0, "get_robust_list");
    is_int(raw(SYS_get_robust_list, 4000000, &got_head, &size), -ESRCH, "of nobody");
    is_int(raw(SYS_get_robust_list, 0, 8, 8), -EFAULT, "to nowhere");
}

/* Lists that nobody should make: the thread ends all the same. */
static void die_with_head(void *arg) {
    raw(SYS_set_robust_list, arg, sizeof head);
}

static void bad_lists(void) {
    struct raw_thread t;
    static struct head h;
    struct node *loop = &node[0];
    char *edge = anon(2);
    cut(edge, 1, 1);
    struct head bad[] = {
        {loop, WORD_OFFSET, NULL},                           /* runs in a circle */
        {(struct node *)KERNEL, WORD_OFFSET, NULL},          /* leads into the kernel */
        {(struct node *)8, WORD_OFFSET, (struct node *)8},   /* to nowhere */
        {loop, (long)(KERNEL - (unsigned long)loop), loop},  /* its words are the kernel's */
        {loop, 1, loop},                                     /* not aligned */
        {(struct node *)(edge + PG - 4), 0, NULL},           /* ends in a hole */
        {(struct node *)~0ul, -1, (struct node *)~0ul},      /* the end of the world */
    };
    node[0].next = loop;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        h = bad[i];
        raw_begin(&t, die_with_head, &h);
        raw_join(&t);
    }
    raw_begin(&t, die_with_head, (void *)KERNEL);
    raw_join(&t);
    raw_begin(&t, die_with_head, edge + PG - 8);
    raw_join(&t);
    pass("no robust list is too bad to die with");
}

int main(void) {
    plan(12 + 2 + 4 + 2 + 9 + 1 + 1);
    alone();
    contended();
    timeouts();
    owner_dies();
    robust();
    bad_lists();
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
