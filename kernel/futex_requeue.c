/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * futex operations on two words: FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP.
 *
 * Requeueing lets a condition's waiters go over to its mutex without waking: each takes the new word's key (and
 * a reference to its object) in exchange for the old one's.
 *
 * LOCKING  both buckets, the one at the lower address first.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "arch/uaccess.h"
#include "kernel/futex.h"
#include "mm/mm.h"

struct pair {
    struct futex_key a, b;
};

static int get_pair(struct pair *p, uint64_t a, uint64_t b, bool private) {
    int error = futex_get_key(a, private, &p->a);
    if (error) return error;
    error = futex_get_key(b, private, &p->b);
    if (error) futex_put_key(&p->a);
    return error;
}

static void put_pair(struct pair *p) {
    futex_put_key(&p->a);
    futex_put_key(&p->b);
}

static void lock_pair(const struct pair *p) NOT_ANALYSED {
    struct futex_bucket *a = futex_bucket(&p->a), *b = futex_bucket(&p->b);
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b) spin_lock_nested(a < b ? &b->lock : &a->lock);
}

static void unlock_pair(const struct pair *p) NOT_ANALYSED {
    struct futex_bucket *a = futex_bucket(&p->a), *b = futex_bucket(&p->b);
    if (a != b) spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

/* ---- requeueing ---- */

static void move_locked(const struct pair *p, struct futex_waiter *w) {
    struct futex_bucket *from = futex_bucket(&p->a), *to = futex_bucket(&p->b);
    TAILQ_REMOVE(&from->queue, w, link);
    w->key = p->b;
    if (p->b.object) object_hold(p->b.object);
    TAILQ_INSERT_TAIL(&to->queue, w, link);
    __atomic_store_n(&w->bucket, to, __ATOMIC_RELEASE);
}

/* Wakes and moves up to those many: how many. -EINVAL: who waits for a PI futex cannot be moved. *moved: references of the
 * first key to drop. */
static long requeue_locked(const struct pair *p, long wake, long move, long *moved) {
    struct futex_bucket *from = futex_bucket(&p->a);
    struct futex_waiter *w, *next;
    long woken = 0;
    spin_assert(&from->lock);
    bool same = futex_same(&p->a, &p->b);
    *moved = 0;
    for (w = TAILQ_FIRST(&from->queue); w && woken + *moved < wake + move; w = next) {
        next = TAILQ_NEXT(w, link);
        if (!futex_same(&w->key, &p->a)) continue;
        if (w->pi) return -EINVAL;
        if (woken < wake) {
            futex_wake_locked(from, w);
            woken++;
        } else {
            if (!same) move_locked(p, w);
            ++*moved;
        }
    }
    return woken + *moved;
}

static long requeue_pair(struct pair *p, uint64_t from, int wake, int move, const uint32_t *expected) {
    uint32_t value;
    long moved;
    for (;;) {
        lock_pair(p);
        int error = expected ? copyin(&value, from, sizeof value) : 0;
        if (error) {
            unlock_pair(p);
            error = futex_touch(from, false);
            if (error) return error;
            continue;
        }
        long result = expected && value != *expected ? -EAGAIN : requeue_locked(p, wake, move, &moved);
        if (result == -EAGAIN) moved = 0;
        unlock_pair(p);
        if (p->a.object && !futex_same(&p->a, &p->b))
            while (moved-- > 0) object_drop(p->a.object);
        return result;
    }
}

long futex_requeue(uint64_t from, uint64_t to, bool private, int wake, int move, const uint32_t *expected) {
    struct pair p;
    if (wake < 0 || move < 0) return -EINVAL;
    int error = get_pair(&p, from, to, private);
    if (error) return error;
    long result = requeue_pair(&p, from, wake, move, expected);
    put_pair(&p);
    return result;
}

/* ---- FUTEX_WAKE_OP: change the second word, wake on the first, and on the second if its old value was so ---- */

struct change {
    unsigned op, cmp;
    int32_t arg, cmp_arg;
};

static int32_t signed12(uint32_t n) {
    return (int32_t)(n << 20) >> 20;
}

/* 0 or -ENOSYS. A shift is by the lower five bits, as on Linux. */
static int decode(uint32_t op, struct change *c) {
    c->op = op >> 28 & 7;
    c->cmp = op >> 24 & 15;
    c->arg = signed12(op >> 12 & 0xfff);
    c->cmp_arg = signed12(op & 0xfff);
    if (op >> 28 & FUTEX_OP_OPARG_SHIFT) c->arg = (int32_t)(1u << (c->arg & 31));
    return c->op > FUTEX_OP_XOR || c->cmp > FUTEX_OP_CMP_GE ? -ENOSYS : 0;
}

static uint32_t changed(const struct change *c, uint32_t old) {
    uint32_t arg = (uint32_t)c->arg;
    switch (c->op) {
    case FUTEX_OP_SET: return arg;
    case FUTEX_OP_ADD: return old + arg;
    case FUTEX_OP_OR: return old | arg;
    case FUTEX_OP_ANDN: return old & ~arg;
    default: return old ^ arg;
    }
}

static bool holds(const struct change *c, uint32_t value) {
    int32_t old = (int32_t)value;
    switch (c->cmp) {
    case FUTEX_OP_CMP_EQ: return old == c->cmp_arg;
    case FUTEX_OP_CMP_NE: return old != c->cmp_arg;
    case FUTEX_OP_CMP_LT: return old < c->cmp_arg;
    case FUTEX_OP_CMP_LE: return old <= c->cmp_arg;
    case FUTEX_OP_CMP_GT: return old > c->cmp_arg;
    default: return old >= c->cmp_arg;
    }
}

/* Both buckets locked: 0 and the word's old value, or -EFAULT. */
static int apply(uint64_t address, const struct change *c, uint32_t *old) {
    int differs = 1;
    if (copyin(old, address, sizeof *old)) return -EFAULT;
    while (differs > 0) differs = user_swap(address, old, changed(c, *old));
    return differs;
}

static long wake_some_locked(const struct futex_key *k, uint32_t most) {
    struct futex_bucket *b = futex_bucket(k);
    struct futex_waiter *w, *next;
    long woken = 0;
    spin_assert(&b->lock);
    for (w = TAILQ_FIRST(&b->queue); w && woken < most; w = next) {
        next = TAILQ_NEXT(w, link);
        if (!futex_same(&w->key, k) || w->pi) continue;
        futex_wake_locked(b, w);
        woken++;
    }
    return woken;
}

static long wake_op_pair(const struct pair *p, uint64_t other, const struct change *c, uint32_t wake, uint32_t wake_other) {
    uint32_t old;
    for (;;) {
        lock_pair(p);
        int error = apply(other, c, &old);
        if (!error) {
            long woken = wake_some_locked(&p->a, wake);
            if (holds(c, old)) woken += wake_some_locked(&p->b, wake_other);
            unlock_pair(p);
            return woken;
        }
        unlock_pair(p);
        error = futex_touch(other, true);
        if (error) return error;
    }
}

long futex_wake_op(uint64_t address, uint64_t other, bool private, uint32_t wake, uint32_t wake_other, uint32_t op) {
    struct change c;
    struct pair p;
    int error = decode(op, &c);
    if (!error) error = get_pair(&p, address, other, private);
    if (error) return error;
    long woken = wake_op_pair(&p, other, &c, wake, wake_other);
    put_pair(&p);
    return woken;
}
