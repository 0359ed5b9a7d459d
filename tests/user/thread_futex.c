/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * futex's operations between threads: bitsets, requeueing, WAKE_OP, timeouts, clocks; and what is wrong with an address
 * or a number. PI and robust futexes are in thread_pi.c.
 */
#include "tests/user/threads.h"

#define WAKE_BITSET (FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG)
#define CMP_REQUEUE (FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG)
#define WAKE_OP     (FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG)
#define WAIT_WALL   (FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME)

static long futex6(volatile int *a, int op, long v, long t, volatile int *b, long v3) {
    return raw(SYS_futex, a, op, v, t, b, v3);
}

/* ---- waiters that say how they woke ---- */

struct sleeper {
    struct raw_thread thread;
    volatile int *word;
    unsigned bits;
    volatile int state; /* 1 about to sleep, 2 woken, negative: an errno */
};

static void sleep_on(void *arg) {
    struct sleeper *s = arg;
    s->state = 1;
    long r = raw(SYS_futex, s->word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, *s->word, 0, 0, s->bits);
    s->state = r < 0 ? (int)r : 2;
}

/* Requeued to where they are, nothing happens to them but being counted. */
static long asleep(volatile int *word) {
    return futex6(word, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 0, 1000, word, 0);
}

static void lie_down(struct sleeper *s, int n, volatile int *word) {
    for (int i = 0; i < n; i++) {
        s[i].word = word;
        s[i].bits = 1u << i;
        s[i].state = 0;
        raw_begin(&s[i].thread, sleep_on, &s[i]);
        while (asleep(word) != i + 1) sched_yield();
    }
}

/* Until so many are awake: who has been woken may not have run yet. That nobody else is, those show who still wait. */
static bool awake(const struct sleeper *s, int n, int want) {
    for (int woken = 0; woken < want;) {
        sched_yield();
        woken = 0;
        for (int i = 0; i < n; i++) woken += s[i].state == 2;
    }
    return true;
}

/* Until so many have been woken: who was not asleep yet is met next time. */
static long wake_all(volatile int *word, long want, const struct sleeper *s, int n) {
    long woken = 0;
    while (woken < want) {
        woken += futex6(word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1000, 0, NULL, 0);
        sched_yield();
    }
    for (int i = 0; i < n; i++) raw_join((struct raw_thread *)&s[i].thread);
    return woken;
}

#define N 6

static void bitset(void) {
    static struct sleeper s[N];
    volatile int word = 1;
    lie_down(s, N, &word);
    is_int(futex6(&word, WAKE_BITSET, 100, 0, NULL, 1 << 3), 1, "FUTEX_WAKE_BITSET wakes whose bit it is");
    ok(awake(s, N, 1) && s[3].state == 2 && asleep(&word) == N - 1, "and nobody else");
    is_int(futex6(&word, WAKE_BITSET, 100, 0, NULL, 0), -EINVAL, "no bits at all");
    is_int(wake_all(&word, N - 1, s, N), N - 1, "FUTEX_WAKE wakes the rest");
}

static void requeue(void) {
    static struct sleeper s[N];
    volatile int words[2] = {1, 5};
    lie_down(s, N, &words[0]);
    is_int(futex6(&words[0], CMP_REQUEUE, 1, 100, &words[1], 2), -EAGAIN, "FUTEX_CMP_REQUEUE: another value");
    is_int(futex6(&words[0], CMP_REQUEUE, 1, 3, &words[1], 1), 4, "one woken, three moved");
    ok(awake(s, N, 1) && asleep(&words[0]) == 2 && asleep(&words[1]) == 3, "one is awake, the others wait at two words");
    is_int(futex6(&words[1], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, NULL, 0), 1, "the moved ones are woken at the new word");
    ok(awake(s, N, 2) && asleep(&words[0]) == 2 && asleep(&words[1]) == 2, "two are awake");
    is_int(futex6(&words[0], FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 0, 1, &words[1], 0), 1, "FUTEX_REQUEUE moves without comparing");
    is_int(futex6(&words[0], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 100, 0, NULL, 0), 1, "one was left at the old word");
    is_int(wake_all(&words[1], 3, s, N), 3, "three at the new one");
    is_int(futex6(&words[0], CMP_REQUEUE, -1, 1, &words[1], 1), -EINVAL, "a negative count");
}

#define OP(op, oparg, cmp, cmparg) ((long)(unsigned)((op) << 28 | ((oparg) & 0xfff) << 12 | (cmp) << 24 | ((cmparg) & 0xfff)))

static void wake_op(void) {
    static struct sleeper s[2], t[2];
    volatile int words[2] = {1, 10};
    lie_down(s, 2, &words[0]);
    is_int(futex6(&words[0], WAKE_OP, 1, 1, &words[1], OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_GT, 20)), 1,
           "FUTEX_WAKE_OP wakes at the first word");
    is_int(words[1], 15, "and adds to the second");
    lie_down(t, 2, &words[1]);
    is_int(futex6(&words[0], WAKE_OP, 1, 2, &words[1], OP(FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_EQ, 15)), 3,
           "and wakes at the second when its old value was so");
    is_int(words[1], 12, "clearing bits");
    futex6(&words[0], WAKE_OP, 1, 1, &words[1], OP(FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 6, FUTEX_OP_CMP_NE, 0));
    is_int(words[1], 64, "or setting a shifted one");
    futex6(&words[0], WAKE_OP, 1, 1, &words[1], OP(FUTEX_OP_SET, -2, FUTEX_OP_CMP_LT, 0));
    is_int(words[1], -2, "or a negative one");
    is_int(futex6(&words[0], WAKE_OP, 1, 1, &words[1], OP(7, 0, 0, 0)), -ENOSYS, "no such operation");
    is_int(futex6(&words[0], WAKE_OP, 1, 1, &words[1], OP(0, 0, 9, 0)), -ENOSYS, "no such comparison");
    for (int i = 0; i < 2; i++) raw_join(&s[i].thread), raw_join(&t[i].thread);
}

/* ---- bad addresses: each operation, each address ---- */

static void addresses(void) {
    static const int ops[] = {FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI};
    char *hole = anon(2);
    volatile int good = 0;
    int misaligned = 0, outside = 0, holes = 0, second = 0;
    cut(hole, 1, 1);
    for (int flag = 0; flag <= FUTEX_PRIVATE_FLAG; flag += FUTEX_PRIVATE_FLAG)
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
            /* Linux looks for the owner first, where it unlocks. */
            if (ops[i] != FUTEX_UNLOCK_PI) misaligned += futex6((int *)(hole + 2), ops[i] | flag, 0, 0, NULL, ~0l) == -EINVAL;
            outside += futex6((int *)KERNEL, ops[i] | flag, 0, 0, NULL, ~0l) == -EFAULT;
            outside += futex6((int *)(1ul << 63), ops[i] | flag, 0, 0, NULL, ~0l) == -EFAULT;
            holes += futex6((int *)(hole + PG), ops[i] | flag, 0, 0, NULL, ~0l) == -EFAULT;
        }
    is_int(misaligned, 8, "a word that is not aligned: EINVAL");
    is_int(outside, 20, "one of the kernel's, or not canonical: EFAULT");
    is_int(holes, 10, "one in a hole: EFAULT");
    for (int flag = 0; flag <= FUTEX_PRIVATE_FLAG; flag += FUTEX_PRIVATE_FLAG) {
        second += futex6(&good, FUTEX_WAKE_OP | flag, 1, 1, (int *)(hole + PG), 0) == -EFAULT;
        second += futex6(&good, FUTEX_WAKE_OP | flag, 1, 1, (int *)KERNEL, 0) == -EFAULT;
        second += futex6(&good, FUTEX_CMP_REQUEUE | flag, 1, 1, (int *)KERNEL, 0) == -EFAULT;
        second += futex6(&good, FUTEX_CMP_REQUEUE | flag, 1, 1, (int *)(hole + 1), 0) == -EINVAL;
    }
    is_int(second, 8, "the same of the second word");
    mprotect(hole, PG, PROT_READ);
    long r = futex6((int *)hole, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0, NULL, 0);
    is_int(r, -EFAULT, "a word that cannot be written: EFAULT");
    is_int(futex6(&good, WAKE_OP, 1, 1, (int *)hole, 0), -EFAULT, "by FUTEX_WAKE_OP as well");
    is_int(futex6(&good, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, NULL, 0), -ENOSYS, "a clock for what has no timeout");
}

static void clocks(void) {
    volatile int word = 0;
    struct timespec now, past = {1, 0}, bad = {0, 1000000000};
    clock_gettime(CLOCK_REALTIME, &now);
    long r = futex6(&word, WAIT_WALL, 0, (long)&now, NULL, ~0l);
    is_int(r, -ETIMEDOUT, "a wall-clock time that is past");
    now.tv_nsec += 2000000;
    if (now.tv_nsec >= 1000000000) now.tv_nsec -= 1000000000, now.tv_sec++;
    is_int(futex6(&word, WAIT_WALL, 0, (long)&now, NULL, ~0l), -ETIMEDOUT, "one that comes");
    is_int(futex6(&word, FUTEX_WAIT_BITSET, 0, (long)&past, NULL, ~0l), -ETIMEDOUT, "and the monotonic clock's");
    is_int(futex6(&word, FUTEX_LOCK_PI, 0, (long)&bad, NULL, 0), -EINVAL, "no such time");
}

/* ---- a shared word: found through whichever mapping ---- */

struct elsewhere {
    struct raw_thread thread;
    volatile int *word, state;
};

static void wait_elsewhere(void *arg) {
    struct elsewhere *e = arg;
    e->state = 1;
    while (*e->word == 0) raw_futex(e->word, FUTEX_WAIT, 0, NULL);
    e->state = 2;
}

static void two_mappings(void) {
    static struct elsewhere e;
    int fd = memfd(4);
    volatile int *a = (int *)map_fd(fd, 4, PROT_READ | PROT_WRITE, MAP_SHARED);
    volatile int *b = (int *)map_fd(fd, 4, PROT_READ | PROT_WRITE, MAP_SHARED);
    e.word = a + 1024 + 3;
    raw_begin(&e.thread, wait_elsewhere, &e);
    while (!e.state) sched_yield();
    await_state(e.thread.born, "S");
    b[1024 + 3] = 1;
    madvise((void *)b, 4 * PG, MADV_DONTNEED); /* its page tables know nothing of the page any more */
    raw_futex(b + 1024 + 3, FUTEX_WAKE, 1, NULL);
    raw_join(&e.thread);
    is_int(e.state, 2, "a shared futex is one, through two mappings");
    munmap((void *)a, 4 * PG);
    munmap((void *)b, 4 * PG);
    close(fd);
}

/* The memory goes while a thread waits on it: a signal still ends its wait. */
static void wait_and_lose(void *arg) {
    struct elsewhere *e = arg;
    e->state = 1;
    long r = raw_futex(e->word, FUTEX_WAIT, 0, NULL);
    e->state = r == -EINTR ? 2 : 3;
}

static void nothing(int sig) {
    (void)sig;
}

static void unmapped_meanwhile(void) {
    static struct elsewhere e;
    uint64_t files = knob("kern.files");
    int fd = memfd(1);
    e.word = (int *)map_fd(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = nothing}, NULL);
    raw_begin(&e.thread, wait_and_lose, &e);
    while (!e.state) sched_yield();
    await_state(e.thread.born, "S");
    munmap((void *)e.word, PG);
    close(fd);
    raw(SYS_tgkill, getpid(), e.thread.born, SIGUSR1);
    raw_join(&e.thread);
    is_int(e.state, 2, "a word that is unmapped under its sleeper");
    is_int(knob_change("kern.files", files), 0, "I8: nothing of it is left");
}

int main(void) {
    plan(4 + 9 + 8 + 7 + 4 + 1 + 2 + 1);
    bitset();
    requeue();
    wake_op();
    addresses();
    clocks();
    two_mappings();
    unmapped_meanwhile();
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
