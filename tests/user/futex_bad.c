/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * futex with words that are none: every operation, private and shared, first word and second, at every bad place; times
 * that cannot be read; and threads that end with robust lists, and tids to clear, in such places. Each answer is the
 * documented one, nothing else happens, and the thread ends all the same.
 *
 *                       not aligned   kernel, not canonical   hole, PROT_NONE             read-only
 *     word is read      EINVAL        EFAULT                  EFAULT                      as ever
 *     word is written   EINVAL        EFAULT                  EFAULT                      EFAULT
 *     address alone     EINVAL        EFAULT                  shared EFAULT; private 0    as ever
 */
#include "tests/user/threads.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

enum use { UNUSED_WORD, ADDRESS, READ, WRITTEN };

static const struct op {
    const char *name;
    int number;
    enum use first, second;
    bool timeout;
    long good; /* with both words good */
} ops[] = {
    {"FUTEX_WAIT", FUTEX_WAIT, READ, UNUSED_WORD, true, -EAGAIN},
    {"FUTEX_WAIT_BITSET", FUTEX_WAIT_BITSET, READ, UNUSED_WORD, true, -EAGAIN},
    {"FUTEX_WAKE", FUTEX_WAKE, ADDRESS, UNUSED_WORD, false, 0},
    {"FUTEX_WAKE_BITSET", FUTEX_WAKE_BITSET, ADDRESS, UNUSED_WORD, false, 0},
    {"FUTEX_REQUEUE", FUTEX_REQUEUE, ADDRESS, ADDRESS, false, 0},
    {"FUTEX_CMP_REQUEUE", FUTEX_CMP_REQUEUE, READ, ADDRESS, false, -EAGAIN},
    {"FUTEX_WAKE_OP", FUTEX_WAKE_OP, ADDRESS, WRITTEN, false, 0},
    {"FUTEX_LOCK_PI", FUTEX_LOCK_PI, WRITTEN, UNUSED_WORD, true, 0},
    {"FUTEX_LOCK_PI2", FUTEX_LOCK_PI2, WRITTEN, UNUSED_WORD, true, 0},
    {"FUTEX_TRYLOCK_PI", FUTEX_TRYLOCK_PI, WRITTEN, UNUSED_WORD, false, 0},
    {"FUTEX_UNLOCK_PI", FUTEX_UNLOCK_PI, WRITTEN, UNUSED_WORD, false, 0},
};
#define OPS (sizeof ops / sizeof *ops)

enum kind { GOOD, MISALIGNED, OUTSIDE, MISSING, READ_ONLY };

static struct place {
    const char *name;
    enum kind kind;
    char *at; /* of eight words; in the last there is the caller's tid, and it is FUTEX_UNLOCK_PI's */
} places[] = {
    {"good", GOOD, NULL},           {"one byte off", MISALIGNED, NULL}, {"two bytes off", MISALIGNED, NULL},
    {"hole", MISSING, NULL},        {"PROT_NONE", MISSING, NULL},       {"page 0", MISSING, (char *)64},
    {"read-only", READ_ONLY, NULL}, {"kernel", OUTSIDE, (char *)KERNEL}, {"not canonical", OUTSIDE, (char *)(1ul << 63)},
    {"the last word", OUTSIDE, (char *)-32l},
};
#define PLACES (sizeof places / sizeof *places)

static char *good, *hole, *none, *readonly;

static void lay_out(void) {
    char *p = anon(7); /* holes between, so that no place is next to another */
    int tid = (int)raw(SYS_gettid);
    good = p, hole = p + PG, none = p + 2 * PG, readonly = p + 4 * PG;
    memcpy(good + 28, &tid, 4);
    memcpy(readonly + 28, &tid, 4);
    if (mprotect(none, PG, PROT_NONE) || mprotect(readonly, PG, PROT_READ)) bail_out("mprotect");
    cut(p, 1, 1);
    cut(p, 3, 1);
    cut(p, 5, 2);
    char *const at[] = {good, good + 1, good + 2, hole, none, NULL, readonly};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        if (at[i]) places[i].at = at[i];
}

/* What a word at a place must be answered with; 1: no objection. */
static long verdict(enum use use, enum kind kind, bool private) {
    if (use == UNUSED_WORD || kind == GOOD) return 1;
    if (kind == MISALIGNED) return -EINVAL;
    if (kind == OUTSIDE) return -EFAULT;
    if (kind == MISSING) return use == ADDRESS && private ? 1 : -EFAULT;
    return use == WRITTEN ? -EFAULT : 1;
}

static char *word_of(const struct op *o, const struct place *p) {
    return p->at + (o->number == FUTEX_UNLOCK_PI ? 28 : 0);
}

/* Linux wants the word to be in a file or writable if it is shared, looks for UNLOCK_PI's owner first, and an old one
 * knows no LOCK_PI2. */
static bool linux_says(const struct op *o, const struct place *a, const struct place *b, bool private, long r) {
    if (on_holdfast()) return false;
    if (o->number == FUTEX_LOCK_PI2 && r == -ENOSYS) return true;
    if (o->number == FUTEX_UNLOCK_PI && a->kind == MISALIGNED && r == -EPERM) return true;
    return !private && (a->kind == READ_ONLY || b->kind == READ_ONLY) && r == -EFAULT;
}

static bool may_be(const struct op *o, const struct place *a, const struct place *b, bool private, long r) {
    long first = verdict(o->first, a->kind, private), second = verdict(o->second, b->kind, private);
    if (linux_says(o, a, b, private, r)) return true;
    if (first == 1 && second == 1) return r == o->good;
    return (first != 1 && r == first) || (second != 1 && r == second) ||
           (o->good < 0 && first == 1 && r == o->good && second != -EINVAL && private); /* compared first */
}

static void put_right(void) {
    const int zero = 0, tid = (int)raw(SYS_gettid);
    memcpy(good, &zero, 4);
    memcpy(good + 28, &tid, 4);
}

static int try(const struct op *o, const struct place *a, const struct place *b, int flag) {
    put_right();
    long r = raw(SYS_futex, word_of(o, a), o->number | flag, 1, o->timeout ? 0 : 1, b->at, o->number == FUTEX_WAKE_OP ? 0 : 2);
    if (may_be(o, a, b, flag != 0, r)) return 0;
    diag("%s%s, %s, %s: %ld", o->name, flag ? " private" : "", a->name, b->name, r);
    return 1;
}

static void words(void) {
    for (size_t i = 0; i < OPS; i++) {
        int wrong = 0, tried = 0;
        for (int flag = 0; flag <= FUTEX_PRIVATE_FLAG; flag += FUTEX_PRIVATE_FLAG)
            for (size_t a = 0; a < PLACES; a++)
                for (size_t b = 0; b < (ops[i].second ? PLACES : 1); b++, tried++)
                    wrong += try(&ops[i], &places[a], &places[b], flag);
        is_int(wrong, 0, "%s: words at %d places", ops[i].name, tried);
    }
}

static void times(void) {
    for (size_t i = 0; i < OPS; i++) {
        int wrong = 0;
        if (!ops[i].timeout) continue;
        for (size_t p = 0; p < PLACES; p++) {
            if (places[p].kind != MISSING && places[p].kind != OUTSIDE) continue;
            put_right();
            long r = raw(SYS_futex, good, ops[i].number, 0, places[p].at, 0, ~0);
            if (r != -EFAULT && (on_holdfast() || r != -ENOSYS)) wrong++, diag("%s: %ld", places[p].name, r);
        }
        is_int(wrong, 0, "%s: times that cannot be read: EFAULT", ops[i].name);
    }
}

static void left_out(void) {
    if (!on_holdfast()) return skip(2, "Linux has these");
    is_int(raw(SYS_futex, good, FUTEX_WAIT_REQUEUE_PI, 0, 0, good + 4, ~0), -ENOSYS, "FUTEX_WAIT_REQUEUE_PI is not there");
    is_int(raw(SYS_futex, good, FUTEX_CMP_REQUEUE_PI, 1, 1, good + 4, 0), -ENOSYS, "nor FUTEX_CMP_REQUEUE_PI");
}

/* ---- ends ---- */

struct node {
    struct node *next;
    int word, pad;
};

struct head {
    struct node *next;
    long offset;
    struct node *pending;
};

static struct head *head;

static void dies(void *arg) {
    (void)arg;
    raw(SYS_set_robust_list, head, sizeof *head);
}

static void end_with(struct head *h) {
    struct raw_thread t;
    head = h;
    raw_begin(&t, dies, NULL);
    raw_join(&t);
}

/* Its words where they cannot be changed: `entry` is real, word = entry + offset is the place. */
static void robust_words(void) {
    static struct node entry;
    static struct head h;
    for (size_t i = 1; i < PLACES; i++) {
        entry.next = (struct node *)&h;
        h = (struct head){&entry, (long)(places[i].at - (char *)&entry), &entry};
        end_with(&h);
        h = (struct head){(struct node *)places[i].at, 8, (struct node *)places[i].at};
        end_with(&h);
        end_with((struct head *)places[i].at);
    }
    pass("robust words, entries and heads at each place: the threads end");
}

#define MANY 4096

static volatile int stopped;

static void dies_with_many(void *arg) {
    struct node *n = arg;
    int tid = (int)raw(SYS_gettid);
    for (int i = 0; i < MANY; i++) n[i].word = tid;
    raw(SYS_set_robust_list, head, sizeof *head);
    stopped = tid;
}

/* A list longer than any may be: its beginning is served, its end is not, and there is an end. */
static void robust_many(void) {
    struct node *n = (struct node *)anon(MANY * sizeof *n / PG);
    static struct head h;
    struct raw_thread t;
    int marked = 0;
    for (int i = 0; i < MANY; i++) n[i].next = &n[i + 1];
    n[MANY - 1].next = &n[0]; /* and round again */
    h = (struct head){n, (long)__builtin_offsetof(struct node, word), NULL};
    head = &h;
    raw_begin(&t, dies_with_many, n);
    raw_join(&t);
    for (int i = 0; i < MANY; i++) marked += n[i].word == (int)FUTEX_OWNER_DIED;
    is_int(marked, 2048, "a list without end: 2048 of it are marked");
    ok(n[0].word != stopped && n[MANY - 1].word == stopped, "from its beginning");
}

/* The tid is to be cleared, and somebody woken, where neither can be. */
static void clears(void *arg) {
    raw(SYS_set_tid_address, arg);
}

static void tids_to_clear(void) {
    struct raw_thread t;
    for (size_t i = 1; i < PLACES; i++) {
        raw_begin(&t, clears, places[i].at);
        while (threads_here() > 1) sched_yield();
        munmap(t.stack, RAW_STACK);
    }
    pass("tids to clear at each place: the threads end");
}

/* The same of a process's only thread. */
static void process_ends(void *arg) {
    const struct place *p = arg;
    head = (struct head *)p->at;
    dies(NULL);
    clears(p->at);
}

static void processes(void) {
    int bad = 0;
    for (size_t i = 1; i < PLACES; i++) bad += as_root(process_ends, &places[i]) != 0;
    is_int(bad, 0, "and processes");
}

int main(void) {
    lay_out();
    words();
    times();
    left_out();
    robust_words();
    robust_many();
    tids_to_clear();
    processes();
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
