/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Putting signals where they wait, and taking them from there. The picture is in kernel/sigqueue.h.
 *
 * LOCKING     process_lock. Entries come from a cache of their own, whose lock is a leaf.
 * INVARIANTS  a bit of `set` is on exactly when its bit of `plain` is on or an entry of that signal waits;
 *             signals.queued of a process is the number of entries that it pays for.
 */
#include "kernel/sigqueue.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/process.h"

/* What a thread does to itself: taken before anything else, lest another handler's frame hide the place. */
#define FAULTS (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS))

static struct cache entries;

void sigqueue_init(void) {
    cache_init(&entries, "sigentry", sizeof(struct sigentry));
}

void sigpending_init(struct sigpending *q) {
    q->set = q->plain = 0;
    TAILQ_INIT(&q->queue);
}

int sigentry_alloc_locked(struct process *p, struct sigentry **e) {
    if (p->signals.queued >= p->limits.of[RLIMIT_SIGPENDING].soft) return -EAGAIN;
    *e = cache_alloc(&entries);
    if (!*e) return -EAGAIN;
    (*e)->on = NULL;
    (*e)->charged = p;
    p->signals.queued++;
    return 0;
}

void sigentry_free_locked(struct sigentry *e) {
    ASSERT(!e->on && e->charged->signals.queued > 0);
    e->charged->signals.queued--;
    cache_free(&entries, e);
}

bool sigpending_add_locked(struct sigpending *q, const struct sigdata *d) {
    uint64_t bit = SIGBIT(d->signo);
    if (q->set & bit) return false;
    if (d->signo <= STANDARD) q->first[d->signo - 1] = *d;
    q->set |= bit;
    q->plain |= bit;
    return true;
}

void sigpending_queue_locked(struct sigpending *q, struct sigentry *e) {
    ASSERT(!e->on);
    TAILQ_INSERT_TAIL(&q->queue, e, link);
    e->on = q;
    q->set |= SIGBIT(e->data.signo);
}

static struct sigentry *find(const struct sigpending *q, int sig) {
    struct sigentry *e;
    TAILQ_FOREACH(e, &q->queue, link) if (e->data.signo == sig) return e;
    return NULL;
}

static void settle_bit(struct sigpending *q, int sig) {
    if (!(q->plain & SIGBIT(sig)) && !find(q, sig)) q->set &= ~SIGBIT(sig);
}

void sigentry_withdraw_locked(struct sigentry *e) {
    struct sigpending *q = e->on;
    if (!q) return;
    TAILQ_REMOVE(&q->queue, e, link);
    e->on = NULL;
    settle_bit(q, e->data.signo);
}

/* Sent plainly: a standard one's data is there; a real-time one for which there was no memory says only that it came. */
static void take_plain(struct sigpending *q, int sig, struct sigdata *d) {
    if (sig <= STANDARD) *d = q->first[sig - 1];
    else *d = (struct sigdata){.signo = sig};
    q->plain &= ~SIGBIT(sig);
}

static void take_entry(struct sigpending *q, int sig, struct sigdata *d) REQUIRES(&process_lock) {
    struct sigentry *e = find(q, sig);
    ASSERT(e);
    *d = e->data;
    TAILQ_REMOVE(&q->queue, e, link);
    e->on = NULL;
    if (e->charged) sigentry_free_locked(e);
}

bool sigpending_take_locked(struct sigpending *q, uint64_t wanted, struct sigdata *d) {
    uint64_t due = q->set & wanted;
    if (!due) return false;
    if (due & FAULTS) due &= FAULTS;
    int sig = __builtin_ctzl(due) + 1;
    if (q->plain & SIGBIT(sig)) take_plain(q, sig, d);
    else take_entry(q, sig, d);
    settle_bit(q, sig);
    return true;
}

void sigpending_flush_locked(struct sigpending *q, uint64_t set) {
    struct sigentry *e, *next;
    for (e = TAILQ_FIRST(&q->queue); e; e = next) {
        next = TAILQ_NEXT(e, link);
        if (!(set & SIGBIT(e->data.signo))) continue;
        TAILQ_REMOVE(&q->queue, e, link);
        e->on = NULL;
        if (e->charged) sigentry_free_locked(e);
    }
    q->plain &= ~set;
    q->set &= ~set;
}
