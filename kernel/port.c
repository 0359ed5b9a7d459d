/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Ports: requests on their way to a server in ring 3, and its answers. See abi/port.h and kernel/port.h; the open
 * port as a file is kernel/port_file.c.
 *
 * The ring is shared memory whose frames the kernel pins and writes through the direct map; it never reads them.
 * What it knows of a request it has in `sent`, so a server can answer what is out, once, with an error or none, and
 * that is all that it can say.
 *
 * A server's thread sleeps on the port's queue, which its device's interrupts wake as well: one call gives answers
 * and waits for whatever is to be done next.
 *
 * LOCKING     see kernel/port.h. done is called with no lock held, by the thread that answers; requests of a device that is
 *             gone are ended by a thread of their own, since submit's caller may hold mutexes that done wants.
 * INVARIANTS  out is the length of sent, at most PORT_SLOTS; head of a ring is what was put into it, and what is in
 *             sent is among the last PORT_SLOTS of that unless nobody serves. gone: both lists are empty.
 * MISSING     more than one server for a device; a limit on what waits (askers have their own).
 */
#include "kernel/port_impl.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/file.h"
#include "kernel/pci.h"
#include "kernel/race.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "libc/core/string.h"

#define UNANSWERED 1 /* a request's error while it is out */

struct mutex ports_lock;
struct port ports[PORTS];
static uint32_t hold, steps;      /* atomic: nothing goes to a server; but so many requests */

/* Requests of devices that are gone, and the thread that ends them. */
static struct waitq lost_q;
static struct backing_queue lost;

/* ---- giving requests to a server ---- */

static void ring_write(const struct server *s, size_t at, const void *from, size_t len) {
    while (len) {
        size_t n = PAGE_SIZE - at % PAGE_SIZE;
        if (n > len) n = len;
        memcpy((char *)frame_addr(s->frame[at / PAGE_SIZE]) + at % PAGE_SIZE, from, n);
        at += n, len -= n, from = (const char *)from + n;
    }
}

static void put_locked(struct port *p, const struct backing_request *rq) REQUIRES(&p->q.lock) {
    struct port_request r; /* as far as there are segments: the rest of the slot is left as it is */
    size_t unused = (PORT_SEGMENTS - rq->segments) * sizeof r.segment[0];
    r.id = rq->id, r.write = rq->write, r.sector = rq->offset / BACKING_SECTOR, r.segments = rq->segments, r.pad = 0;
    for (unsigned i = 0; i < rq->segments; i++)
        r.segment[i] = (struct port_segment){.addr = rq->segment[i].addr, .len = rq->segment[i].len};
    ring_write(p->server, offsetof(struct port_ring, slot) + p->head % PORT_SLOTS * sizeof r, &r, sizeof r - unused);
    p->head++;
    __atomic_store_n((uint32_t *)frame_addr(p->server->frame[0]), p->head, __ATOMIC_RELEASE);
}

static bool may_go(void) {
    uint32_t left = steps;
    if (!hold) return true;
    while (left && !__atomic_compare_exchange_n(&steps, &left, left - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return left;
}

/* As many as fit, if somebody serves; it is told. */
static void fill_locked(struct port *p) REQUIRES(&p->q.lock) {
    uint32_t before = p->head;
    while (p->server && p->out < PORT_SLOTS && !STAILQ_EMPTY(&p->waiting) && may_go()) {
        struct backing_request *rq = STAILQ_FIRST(&p->waiting);
        STAILQ_REMOVE_HEAD(&p->waiting, link);
        STAILQ_INSERT_TAIL(&p->sent, rq, link);
        rq->id = p->next_id++;
        p->out++;
        put_locked(p, rq);
    }
    if (p->head == before) return;
    waitq_wake_all(&p->q);
    poll_notify();
}

static void refill(struct port *p) {
    uint64_t saved = waitq_lock(&p->q);
    fill_locked(p);
    waitq_unlock(&p->q, saved);
}

/* ---- giving up ---- */

static void lose(struct backing_queue *q) {
    if (STAILQ_EMPTY(q)) return;
    uint64_t saved = waitq_lock(&lost_q);
    STAILQ_CONCAT(&lost, q);
    waitq_wake_all(&lost_q);
    waitq_unlock(&lost_q, saved);
}

/* Others wait for it: it comes before what is time-shared, as servers do, and inherits besides. */
static void be_pager(void) {
    pi_set_base(current(), 1);
    pi_join_pagers(current());
}

static _Noreturn void end_lost(void *arg) {
    (void)arg;
    be_pager();
    for (;;) {
        uint64_t saved = waitq_lock(&lost_q);
        while (STAILQ_EMPTY(&lost)) waitq_sleep(&lost_q, NO_DEADLINE, false);
        struct backing_request *rq = STAILQ_FIRST(&lost);
        STAILQ_REMOVE_HEAD(&lost, link);
        waitq_unlock(&lost_q, saved);
        rq->error = -ENODEV;
        rq->done(rq);
    }
}

/* Gone for good: whoever sleeps or polls is to hear of it. Its requests move to `late`, for whoever has let go of the lock. */
static void give_up_locked(struct port *p, struct backing_queue *late) REQUIRES(&p->q.lock) {
    p->gone = true;
    p->out = 0;
    STAILQ_CONCAT(late, &p->sent);
    STAILQ_CONCAT(late, &p->waiting);
    waitq_wake_all(&p->q);
    poll_notify();
}

static void submit(struct backing *b, struct backing_request *rq) {
    struct port *p = (struct port *)b;
    struct backing_queue late = STAILQ_HEAD_INITIALIZER(late);
    ASSERT(rq->segments >= 1 && rq->segments <= BACKING_SEGMENTS);
    rq->error = UNANSWERED;
    uint64_t saved = waitq_lock(&p->q);
    if (p->gone) STAILQ_INSERT_TAIL(&late, rq, link);
    else STAILQ_INSERT_TAIL(&p->waiting, rq, link);
    fill_locked(p);
    waitq_unlock(&p->q, saved);
    lose(&late);
}

/* ---- answers ---- */

/* Marks what is answered with its error: false, and nothing is marked, if one answers what is not out. */
static bool mark_locked(struct port *p, const struct port_answer *a, size_t n) REQUIRES(&p->q.lock) {
    struct backing_request *rq;
    for (size_t i = 0; i < n; i++) {
        STAILQ_FOREACH(rq, &p->sent, link)
            if (rq->id == a[i].id && rq->error == UNANSWERED) break;
        if (!rq) {
            STAILQ_FOREACH(rq, &p->sent, link) rq->error = UNANSWERED;
            return false;
        }
        rq->error = a[i].error ? -EIO : 0;
    }
    return true;
}

static void take_marked_locked(struct port *p, struct backing_queue *ended) REQUIRES(&p->q.lock) {
    struct backing_queue all = STAILQ_HEAD_INITIALIZER(all);
    struct backing_request *rq;
    STAILQ_CONCAT(&all, &p->sent);
    while ((rq = STAILQ_FIRST(&all))) {
        STAILQ_REMOVE_HEAD(&all, link);
        bool out = rq->error == UNANSWERED;
        STAILQ_INSERT_TAIL(out ? &p->sent : ended, rq, link);
        p->out -= !out;
    }
}

int port_answer(const struct server *s, const struct port_answer *a, size_t n) {
    struct backing_queue ended = STAILQ_HEAD_INITIALIZER(ended), late = STAILQ_HEAD_INITIALIZER(late);
    struct port *p = s->port;
    struct backing_request *rq;
    bool vanished = false;
    for (size_t i = 0; i < n; i++) vanished |= a[i].error == ENODEV || a[i].error == -ENODEV;
    uint64_t saved = waitq_lock(&p->q);
    bool good = p->server == s && mark_locked(p, a, n);
    if (good && vanished) give_up_locked(p, &late);
    else if (good) take_marked_locked(p, &ended);
    fill_locked(p);
    waitq_unlock(&p->q, saved);
    if (good && vanished && s->device) pci_still(s->device); /* out of order, it may be alive, and has their frames */
    lose(&late);
    while ((rq = STAILQ_FIRST(&ended))) {
        STAILQ_REMOVE_HEAD(&ended, link);
        rq->done(rq);
    }
    if (good && vanished) race_point(RACE_PORT_GONE);
    return good ? 0 : -EINVAL;
}

/* ---- the server ---- */

/* Has something come that its server has not been told of? */
static bool news_locked(const struct server *s) {
    const struct port *p = s->port;
    return p->head != p->seen || p->gone || (s->device && pci_interrupts(s->device) != s->heard);
}

long port_wait(struct server *s, int timeout_ms) {
    struct port *p = s->port;
    uint64_t deadline = timeout_ms < 0 ? NO_DEADLINE : deadline_after((uint64_t)timeout_ms * 1000000);
    int cut_short = timeout_ms == 0;
    uint64_t saved = waitq_lock(&p->q);
    while (!news_locked(s) && !cut_short) cut_short = waitq_sleep(&p->q, deadline, true);
    p->seen = p->head;
    if (s->device) s->heard = pci_interrupts(s->device);
    long result = p->gone ? -ENODEV : (long)p->head;
    waitq_unlock(&p->q, saved);
    return result;
}

bool port_news(const struct server *s) {
    struct port *p = s->port;
    uint64_t saved = waitq_lock(&p->q);
    bool news = s->object ? news_locked(s) : p->server != NULL;
    waitq_unlock(&p->q, saved);
    return news;
}

void port_enter(struct port *p, struct server *s) {
    struct backing_request *rq;
    uint64_t saved = waitq_lock(&p->q);
    p->gone = false;
    if (s->object) {
        p->server = s;
        p->head = p->seen = 0;
        STAILQ_FOREACH(rq, &p->sent, link) put_locked(p, rq);
        fill_locked(p);
    } else {
        p->keepers++;
    }
    waitq_unlock(&p->q, saved);
    poll_notify();
}

bool port_leave(struct port *p, const struct server *s) {
    struct backing_queue late = STAILQ_HEAD_INITIALIZER(late);
    uint64_t saved = waitq_lock(&p->q);
    if (s->object) p->server = NULL;
    else p->keepers--;
    bool last = !p->server && !p->keepers;
    if (last) give_up_locked(p, &late);
    waitq_unlock(&p->q, saved);
    poll_notify();
    lose(&late);
    return last;
}

/* ---- at boot, and for tests ---- */

static _Noreturn void page_out(void *arg) {
    (void)arg;
    be_pager();
    pageout_run();
}

void ports_init(void) {
    mutex_init(&ports_lock, "ports");
    for (struct port *p = ports; p < ports + PORTS; p++) {
        waitq_init(&p->q, "port");
        waitq_init(&p->io, "block transfers");
        STAILQ_INIT(&p->sent);
        STAILQ_INIT(&p->waiting);
        p->backing.submit = submit;
    }
    waitq_init(&lost_q, "lost requests");
    STAILQ_INIT(&lost);
    if (!thread_create_kernel("ports", end_lost, NULL) || !thread_create_kernel("page-out", page_out, NULL))
        panic("no memory for the threads of ports and page-out");
}

uint64_t ports_unfinished(void) {
    struct backing_request *rq;
    uint64_t n = 0;
    for (struct port *p = ports; p < ports + PORTS; p++) {
        uint64_t saved = waitq_lock(&p->q);
        STAILQ_FOREACH(rq, &p->waiting, link) n++;
        n += p->out;
        waitq_unlock(&p->q, saved);
    }
    return n;
}

uint64_t ports_get_hold(void) {
    return hold;
}

uint64_t ports_get_steps(void) {
    return steps;
}

static void set(uint32_t *what, uint32_t n) {
    __atomic_store_n(what, n, __ATOMIC_RELAXED);
    for (struct port *p = ports; p < ports + PORTS; p++) refill(p);
}

int ports_set_hold(uint64_t on) {
    if (on > 1) return -EINVAL;
    set(&hold, (uint32_t)on);
    return 0;
}

int ports_set_steps(uint64_t n) {
    if (n > UINT32_MAX) return -EINVAL;
    set(&steps, (uint32_t)n);
    return 0;
}
