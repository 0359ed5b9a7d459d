/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The queue of asynchronous requests without a machine, for tests that include it.
 *
 * The files under test are included here and linked to stand-ins: memory from malloc, so that the address
 * sanitizer sees a request used after it was freed (pitfall A3), and a lock_job that only counts, over
 * spaces that only know which ranges are held. The test itself is the worker: work() is one slice.
 */
#pragma once

#include "tests/host/support.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#define _ASM_X86_SIGNAL_H /* libc's own, above, say the same and cannot stand beside these */
#define _LINUX_RESOURCE_H
#include "kernel/process.h"
#include "kernel/thread.h"
#include "kernel/waitq.h"

#define UNUSED __attribute__((unused))

/* ---- stand-ins ---- */

#define RANGES 64

struct space {
    int refs;
    uint64_t charged;
    struct range {
        uint64_t start, end;
    } held[RANGES];
    void (*hook)(void *);
    void *arg;
    uint64_t limit; /* pages that may be charged */
};

static long blocks; /* what malloc stands in for */
static bool no_memory;

UNUSED static void *fake_alloc(size_t size) {
    if (no_memory) return NULL;
    blocks++;
    return memset(malloc(size), 0x5a, size); /* nothing may count on zeroes */
}

UNUSED static void *fake_alloc_zero(size_t size) {
    void *p = fake_alloc(size);
    return p ? memset(p, 0, size) : NULL;
}

UNUSED static void fake_free(void *p) {
    if (p) blocks--;
    free(p);
}

UNUSED static struct range *overlapping(struct space *s, uint64_t start, uint64_t end) {
    for (int i = 0; i < RANGES; i++)
        if (s->held[i].start < end && start < s->held[i].end) return &s->held[i];
    return NULL;
}

UNUSED static void range_take(struct space *s, uint64_t start, uint64_t end) {
    for (int i = 0; i < RANGES; i++) {
        if (s->held[i].end) continue;
        s->held[i] = (struct range){start, end};
        return;
    }
    bail_out("more than %d ranges held", RANGES);
}

UNUSED static void range_give(struct space *s, uint64_t start, uint64_t end) {
    for (int i = 0; i < RANGES; i++) {
        if (s->held[i].start == start && s->held[i].end == end) s->held[i] = (struct range){0, 0};
    }
    if (s->hook) s->hook(s->arg);
}

static char order[256]; /* the first letter of what each slice worked on: addr / 1000 */
static int step_fails;  /* an errno for the next step */
static struct aio_request *cancel_in_step;

UNUSED static int fake_begin(struct lock_job *j) {
    vaddr_t addr = j->addr;
    uint64_t len = j->len;
    uint64_t pages = len / PAGE_SIZE;
    if (addr == 0) return -ENOMEM;
    if (overlapping(j->space, addr, addr + len)) return -EINPROGRESS;
    if (j->space->charged + pages > j->space->limit) return -ENOMEM;
    if (j->begun) bail_out("a job begins twice");
    j->start = j->next = addr;
    j->end = addr + len;
    j->charged = pages;
    j->space->charged += pages;
    j->begun = true;
    range_take(j->space, j->start, j->end);
    return 0;
}

static void cancel_now(struct aio_request *rq);
UNUSED static int fake_step(struct lock_job *j, uint64_t budget) {
    size_t n = strlen(order);
    if (!j->begun) bail_out("a job that has not begun is stepped");
    if (n + 1 < sizeof order) order[n] = (char)('A' + (int)(j->start >> 24) - 1);
    if (cancel_in_step) cancel_now(cancel_in_step);
    if (step_fails) {
        int err = step_fails;
        step_fails = 0;
        return -err;
    }
    j->next += budget * PAGE_SIZE;
    return j->next < j->end;
}

static long committed, undone;

UNUSED static void fake_finish(struct lock_job *j, bool commit) {
    if (!j->begun) bail_out("a job is finished twice");
    j->begun = false;
    if (commit) committed++;
    else {
        undone++;
        j->space->charged -= j->charged;
    }
    range_give(j->space, j->start, j->end);
}

UNUSED static void fake_init(struct lock_job *j, struct space *s, vaddr_t addr, uint64_t len, bool on_fault, bool privileged) {
    (void)on_fault;
    *j = (struct lock_job){.space = s, .addr = addr, .len = len, .privileged = privileged};
}

UNUSED static void fake_hook(struct space *s, void (*hook)(void *), void *arg) {
    s->hook = hook;
    s->arg = arg;
}

UNUSED static void fake_hold(struct space *s) {
    s->refs++;
}

UNUSED static void fake_drop(struct space *s) {
    s->refs--;
}

#define heap_alloc_zero         fake_alloc_zero
#define inject(site)            ((site) == INJECT_HEAP && no_memory)
#define heap_free               fake_free
#define cache_init(c, n, s)     ((void)(c))
#define cache_alloc(c)          fake_alloc(((void)(c), sizeof(struct aio_request)))
#define cache_free(c, p)        fake_free(((void)(c), (p)))
#define lock_job_init           fake_init
#define lock_job_begin          fake_begin
#define lock_job_step           fake_step
#define lock_job_finish         fake_finish
#define space_on_release        fake_hook
#define space_hold              fake_hold
#define space_drop              fake_drop
#define waitq_init(q, name)     ((void)(q))
#define waitq_lock(q)           ((void)(q), 0ul)
#define waitq_unlock(q, saved)  ((void)(q), (void)(saved))
#define waitq_wake_all(q)       ((void)(q))
#define waitq_sleep(q, until, interruptible) bail_out("a thread that no test has started")
#define stall_on_event(hook)    ((void)(hook))
#define thread_create_kernel(name, fn, arg) ((void)(fn), (struct thread *)NULL)
#define signal_receiver_locked(p, tid, t) (*(t) = NULL, false) /* requests here notify nobody */
#define signal_post_locked(p, t, what, e) ((void)(t))
#define sigentry_withdraw_locked(e)       ((void)(e))
struct spinlock process_lock;

#include "kernel/aio_process.c"
#include "kernel/aio_queue.c"
#include "kernel/aio_ring.c"
#include "kernel/aio_worker.c"
#include "kernel/aio_cancel.c"
#include "kernel/aio_stall.c"

/* ---- what the tests say ---- */

static struct space spaces[3];
static struct process procs[3];

UNUSED static void fresh(void) {
    for (int i = 0; i < 3; i++) {
        spaces[i] = (struct space){.refs = 1, .limit = 1ul << 40};
        procs[i] = (struct process){.pid = i + 1, .space = &spaces[i]};
    }
    aio_limits = (struct aio_limits){.max_queue = 1024, .max_queue_per_proc = 256, .max_per_proc = 32, .slice = 1};
    memset(order, 0, sizeof order);
    committed = undone = 0;
}

/* Letter c's range: its own 16 MiB, so that ranges of different letters never meet. */
static uint64_t place(char c) {
    return (uint64_t)(c - 'A' + 1) << 24;
}

UNUSED static int ask_at(struct process *p, uint64_t name, uint64_t addr, uint64_t pages) {
    struct aio_process *ap = aio_process_get(p);
    struct aio_ask ask = {.user = name, .addr = addr, .len = pages * PAGE_SIZE};
    return ap ? aio_enqueue(ap, &ask) : -EAGAIN;
}

UNUSED static int ask(struct process *p, char c, uint64_t pages) {
    return ask_at(p, (uint64_t)c, place(c), pages);
}

UNUSED static struct aio_request *rq_of(struct process *p, uint64_t name) {
    mutex_lock(&p->aio->lock);
    struct aio_request *rq = aio_find_locked(p->aio, name);
    mutex_unlock(&p->aio->lock);
    return rq;
}

UNUSED static void cancel_now(struct aio_request *rq) {
    cancel_in_step = NULL;
    rq->cancel = true;
}

static struct aio_process *visited;

UNUSED static bool work(void) {
    visited = aio_ring_next(visited, false);
    if (visited) aio_serve(visited);
    return visited != NULL;
}

/* Slices until nothing is left to do: how many. */
UNUSED static int work_all(void) {
    int n = 0;
    while (work()) n++;
    return n;
}

/* The result, reaping; -1: not finished; -2: unknown. */
UNUSED static int result_of(struct process *p, uint64_t name) {
    int result = -1;
    mutex_lock(&p->aio->lock);
    struct aio_request *rq = aio_find_locked(p->aio, name);
    if (!rq) result = -2;
    else if (rq->state == AIO_FINISHED) {
        result = rq->error;
        aio_reap_locked(p->aio, rq);
    }
    mutex_unlock(&p->aio->lock);
    return result;
}

UNUSED static enum aio_state state_of(struct process *p, char c) {
    struct aio_request *rq = rq_of(p, (uint64_t)c);
    return rq ? rq->state : AIO_STATES;
}

/* All processes end; then nothing may be left. */
UNUSED static void all_gone(const char *when) {
    struct aio_stats s;
    work_all();
    for (int i = 0; i < 3; i++) aio_process_exit(&procs[i]);
    aio_get_stats(&s);
    bool none = blocks == 0 && s.requests == 0 && s.processes == 0;
    for (int i = 0; i < 3; i++) none &= spaces[i].refs == 1 && !spaces[i].hook && !overlapping(&spaces[i], 0, UINT64_MAX);
    ok(none, "I5, P1: nothing is left %s", when);
    sync_check_idle();
}

UNUSED static void audit_is_clean(const char *when) {
    const char *wrong = aio_audit();
    is_str(wrong ? wrong : "ok", "ok", "I5: the audit %s", when);
}

UNUSED static void aio_start(void) {
    aio_process_init();
    aio_queue_init();
    aio_ring_init();
}
