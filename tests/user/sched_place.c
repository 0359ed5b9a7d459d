/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Who runs where, on four CPUs: spinning threads use all of them, nobody waits beside an idle CPU, the n most urgent
 * real-time threads run on n CPUs, whatever changes meanwhile, and a thread is moved in whichever state it is. The one that looks
 * has CPU 3 to itself; the others are on CPUs 0 to 2.
 *
 * That a thread runs is seen by its count; that it does not, by the counts of those that do.
 *
 * needs: holdfast
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/threads.h"

#define CPUS     4
#define ON(cpu)  (1ul << (cpu))
#define ON_THREE (ON(0) | ON(1) | ON(2))
#define OTHER    0

struct spinner {
    struct raw_thread thread;
    int priority;        /* OTHER, or SCHED_FIFO's */
    uint64_t mask;
    volatile int stop;
    volatile unsigned cpu;
    volatile unsigned long count;
};

static void set_priority(int tid, int priority) {
    const struct sched_param p = {priority};
    if (raw(SYS_sched_setscheduler, tid, priority ? SCHED_FIFO : 0, &p) != 0) abort();
}

static void set_mask(int tid, uint64_t mask) {
    if (raw(SYS_sched_setaffinity, tid, sizeof mask, &mask) != 0) abort();
}

static unsigned cpu_here(void) {
    unsigned cpu = 0;
    raw(SYS_getcpu, &cpu, 0, 0);
    return cpu;
}

static void spin(void *arg) {
    struct spinner *s = arg;
    set_priority(0, s->priority); /* before it goes where more urgent ones are */
    set_mask(0, s->mask);
    while (!s->stop) {
        s->cpu = cpu_here();
        s->count++;
    }
}

static void await_advance(const struct spinner *s) {
    unsigned long before = s->count;
    while (s->count < before + 10) __builtin_ia32_pause();
}

static void begin(struct spinner *s, int priority, uint64_t mask) {
    *s = (struct spinner){.priority = priority, .mask = mask};
    raw_begin(&s->thread, spin, s);
}

static void end(struct spinner *s) {
    s->stop = 1;
    raw_join(&s->thread);
}

/* ---- as many spinning threads as CPUs ---- */

static volatile int where[CPUS]; /* CPU + 1 */

static bool all_apart(void) {
    uint64_t seen = 0;
    for (int i = 0; i < CPUS; i++) seen |= ON(where[i]);
    return __builtin_popcountl(seen & ~1ul) == CPUS;
}

static void spin_until_apart(void *arg) {
    do where[(long)arg] = (int)cpu_here() + 1;
    while (!all_apart());
}

static void spread(void) {
    struct raw_thread t[CPUS];
    for (int round = 0; round < 12; round++) {
        memset((void *)where, 0, sizeof where);
        for (long i = 0; i < CPUS; i++) raw_begin(&t[i], spin_until_apart, (void *)i);
        for (int i = 0; i < CPUS; i++) raw_join(&t[i]);
    }
    pass("four threads that are made at once run on four CPUs, each time");
}

/* ---- nobody waits beside an idle CPU, or for ever beside one that is shared ---- */

static void beside(void) {
    static struct spinner a, hog, b;
    begin(&a, OTHER, ON(0));
    await_advance(&a);
    set_mask(a.thread.born, ON(0) | ON(1));
    begin(&hog, 10, ON(0));
    await_advance(&hog);
    await_advance(&a);
    is_int(a.cpu, 1, "a thread whose CPU is taken goes on on an idle one");

    begin(&b, 5, ON(1));
    await_advance(&b);
    await_advance(&hog);
    end(&b);
    await_advance(&a);
    pass("a CPU that falls idle takes who waits elsewhere");

    begin(&b, OTHER, ON(1));
    set_mask(a.thread.born, ON(0));
    await_advance(&b);
    set_mask(a.thread.born, ON(0) | ON(1));
    await_advance(&a);
    await_advance(&b);
    is_int(a.cpu, 1, "one that waits behind a real-time thread shares another's CPU");
    end(&a);
    end(&b);
    end(&hog);
}

/* ---- the n most urgent ---- */

/* All of `running` (a set of indices) get on, and meanwhile none of the others does. */
static void expect(struct spinner *s, int n, unsigned running, const char *what) {
    unsigned long before[8];
    unsigned moved = 0;
    for (int i = 0; i < n; i++)
        if (running & 1u << i) await_advance(&s[i]);
    for (int i = 0; i < n; i++) before[i] = s[i].count;
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < n; i++)
            if (running & 1u << i) await_advance(&s[i]);
    for (int i = 0; i < n; i++)
        if (s[i].count != before[i]) moved |= 1u << i;
    is_int(moved, running, "%s", what);
}

static void urgent(void) {
    static struct spinner s[5]; /* priorities 10 to 14 */
    for (int i = 0; i < 5; i++) {
        begin(&s[i], 10 + i, ON_THREE);
        if (i < 3) await_advance(&s[i]);
    }
    expect(s, 5, 0x1c, "of five real-time threads the three most urgent run on three CPUs");
    set_priority(s[0].thread.born, 20);
    expect(s, 5, 0x19, "one that waits is raised: it runs instead of the least urgent");
    set_priority(s[4].thread.born, 1);
    expect(s, 5, 0x0d, "one that runs is lowered: the most urgent that waits runs instead");
    end(&s[3]);
    expect(s, 5, 0x07, "one ends: so does the next");
    set_mask(s[0].thread.born, ON(s[1].cpu));
    expect(s, 5, 0x07, "one has to go where another runs: they change places");
    end(&s[0]);
    end(&s[1]);
    end(&s[2]);
    expect(s + 4, 1, 1, "the last one");
    end(&s[4]);
}

/* ---- a thread is preempted, and before its equals when it goes on ---- */

static volatile int order[8], noted, word, stage;

static void note(int who) {
    order[noted] = who;
    noted++;
}

static void interrupts(void *arg) {
    (void)arg;
    set_mask(0, ON(0));
    set_priority(0, 20);
    stage = 1;
    raw_wait_while(&word, 0);
    note(20);
}

static void wakes_it(void *arg) {
    (void)arg;
    note(1);
    raw_post(&word, 1);
    note(1);
}

static void equal(void *arg) {
    (void)arg;
    note(2);
}

static void starts_both(void *arg) {
    static struct raw_thread t[2];
    (void)arg;
    set_mask(0, ON(0));
    set_priority(0, 30);
    raw_begin(&t[0], wakes_it, NULL);
    raw_begin(&t[1], equal, NULL);
    set_priority(t[0].born, 10); /* in this order they are in line */
    set_priority(t[1].born, 10);
    raw_join(&t[0]);
    raw_join(&t[1]);
}

static void head_of_level(void) {
    struct raw_thread h, both;
    raw_begin(&h, interrupts, NULL);
    while (!stage) __builtin_ia32_pause();
    await_state(h.born, "S");
    raw_begin(&both, starts_both, NULL);
    raw_join(&both);
    raw_join(&h);
    ok(order[0] == 1 && order[1] == 20 && order[2] == 1 && order[3] == 2,
       "SCHED_FIFO: who was preempted goes on before its equals (%d %d %d %d)", order[0], order[1], order[2], order[3]);
}

/* ---- other CPUs for another thread, in each state ---- */

static volatile unsigned woke_on;

static void sleep_on_word(void *arg) {
    (void)arg;
    set_mask(0, ON(0));
    stage = 1;
    raw_wait_while(&word, 0);
    woke_on = cpu_here();
}

static void moved(void) {
    static struct spinner a, hog;
    struct raw_thread t;
    begin(&a, OTHER, ON(0));
    await_advance(&a);
    set_mask(a.thread.born, ON(1));
    while (a.cpu != 1) __builtin_ia32_pause();
    pass("setaffinity of one that runs");

    set_mask(a.thread.born, ON(0));
    begin(&hog, 10, ON(0));
    await_advance(&hog);
    set_mask(a.thread.born, ON(2));
    await_advance(&a);
    is_int(a.cpu, 2, "of one that is ready, behind another");
    end(&a);
    end(&hog);

    word = stage = 0;
    raw_begin(&t, sleep_on_word, NULL);
    while (!stage) __builtin_ia32_pause();
    await_state(t.born, "S");
    set_mask(t.born, ON(2));
    raw_post(&word, 1);
    raw_join(&t);
    is_int(woke_on, 2, "of one that is asleep");
}

/* ---- sleepers whose time comes ---- */

static volatile long sleep_ns;
static volatile int sleeper_priority;

static void sleep_for_a_time(void *arg) {
    const struct timespec t = {sleep_ns / 1000000000, sleep_ns % 1000000000};
    (void)arg;
    set_mask(0, ON(0));
    set_priority(0, sleeper_priority);
    stage = 1;
    raw(SYS_nanosleep, &t, NULL);
    if (stage == 1) stage = 3; /* nothing has happened meanwhile: it was too short */
    woke_on = cpu_here();
}

/* It sleeps on CPU 0, and wakes up when `change` has been made: with a longer sleep each time, until that was in time. */
static void timed(int priority, void (*change)(int tid, void *), void (*undo)(void *), void *arg) {
    struct raw_thread t;
    sleeper_priority = priority;
    for (sleep_ns = 5000000; sleep_ns < 40000000000; sleep_ns *= 2) {
        stage = 0;
        raw_begin(&t, sleep_for_a_time, NULL);
        while (!stage) __builtin_ia32_pause();
        change(t.born, arg);
        int one = 1;
        bool in_time = __atomic_compare_exchange_n(&stage, &one, 2, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        raw_join(&t);
        undo(arg);
        if (in_time) return;
    }
    bail_out("the machine is too slow for a sleep of half a minute");
}

/* The sleeper may have ended by now. */
static void move_sleeper(int tid, uint64_t mask) {
    long err = raw(SYS_sched_setaffinity, tid, sizeof mask, &mask);
    if (err != 0 && err != -ESRCH) abort();
}

static void move_it(int tid, void *arg) {
    (void)arg;
    move_sleeper(tid, ON(1)); /* if it is not asleep yet, it is moved before */
}

static void nothing(void *arg) {
    (void)arg;
}

static void occupy(int tid, void *arg) {
    struct spinner *s = arg;
    move_sleeper(tid, ON(0) | ON(1)); /* where another, lesser one is at work */
    begin(&s[0], 60, ON(0));
    begin(&s[1], OTHER, ON(1));
    await_advance(&s[0]);
    await_advance(&s[1]);
}

static void release(void *arg) {
    struct spinner *s = arg;
    end(&s[0]);
    end(&s[1]);
}

static void times(void) {
    static struct spinner s[2];
    timed(OTHER, move_it, nothing, NULL);
    is_int(woke_on, 1, "of one in a timed sleep");
    timed(50, occupy, release, s);
    is_int(woke_on, 1, "a real-time thread whose time comes does not wait for a more urgent one while another CPU does less");
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        const struct timespec t = {0, 1000000};
        set_mask(0, ON(cpu));
        raw(SYS_nanosleep, &t, NULL);
    }
    pass("a timed sleep ends on each CPU");
    set_mask(0, ON(3));
}

int main(void) {
    needs_holdfast();
    plan(1 + 3 + 6 + 1 + 3 + 3 + 1);
    spread();
    set_mask(0, ON(3));
    beside();
    urgent();
    head_of_level();
    moved();
    times();
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
