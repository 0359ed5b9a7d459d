/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * poll(2): sleeping until one of several files can be read or written.
 *
 * All pollers sleep in one queue, and whatever changes anywhere wakes them all to look again (the scheme
 * of the early Unix kernels' select). Few programs here poll at once, and those that do not poll pay two
 * instructions and a fence.
 *
 *      poller                                    file
 *      sleepers++; seen = generation             changes
 *      looks at its files: nothing               poll_notify: sleepers? generation++, wake all
 *      sleeps while generation == seen
 *
 * The poller counts itself before it looks, and the file changes before it looks at the count, with a
 * full fence on both sides: one of the two sees the other.
 *
 * LOCKING  pollers.lock over generation.
 */
#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/resource.h>

#include "arch/clock.h"
#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "kernel/time.h"
#include "kernel/waitq.h"
#include "mm/heap.h"

#define MAX_FILES 65536
#define FEW       4

static struct waitq pollers;
static uint64_t generation;
static uint32_t sleepers; /* atomic */

void poll_init(void) {
    waitq_init(&pollers, "poll");
}

void poll_notify(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&sleepers, __ATOMIC_RELAXED)) return;
    uint64_t saved = waitq_lock(&pollers);
    generation++;
    waitq_wake_all(&pollers);
    waitq_unlock(&pollers, saved);
}

static int events_of(const struct pollfd *p) {
    struct file *f = files_get(current_process()->files, p->fd);
    if (!f) return POLLNVAL;
    int now = f->ops->poll ? f->ops->poll(f) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
    file_drop(f);
    return now & (p->events | POLLERR | POLLHUP);
}

/* How many have something to tell. */
static long look(struct pollfd *p, uint32_t n) {
    long found = 0;
    for (; n--; p++) {
        p->revents = p->fd < 0 ? 0 : (short)events_of(p);
        found += p->revents != 0;
    }
    return found;
}

static uint64_t current_generation(void) {
    uint64_t saved = waitq_lock(&pollers);
    uint64_t g = generation;
    waitq_unlock(&pollers, saved);
    return g;
}

/* 0: something changed since `seen`. -ETIMEDOUT, -EINTR. */
static int sleep_since(uint64_t seen, uint64_t deadline) {
    int err = 0;
    uint64_t saved = waitq_lock(&pollers);
    while (!err && generation == seen) err = waitq_sleep(&pollers, deadline, true);
    waitq_unlock(&pollers, saved);
    return err;
}

static long wait_for(struct pollfd *p, uint32_t n, int timeout_ms) {
    uint64_t deadline = timeout_ms < 0 ? NO_DEADLINE : deadline_after((uint64_t)timeout_ms * 1000000);
    long found = look(p, n);
    if (found || timeout_ms == 0) return found;
    __atomic_add_fetch(&sleepers, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint64_t seen = current_generation();
        found = look(p, n);
        if (found) break;
        int err = sleep_since(seen, deadline);
        if (err == -ETIMEDOUT) break;
        if (err) {
            found = err;
            break;
        }
    }
    __atomic_sub_fetch(&sleepers, 1, __ATOMIC_RELAXED);
    return found;
}

long sys_poll(uint64_t user, uint64_t count, uint64_t timeout) {
    uint32_t n = (uint32_t)count;
    struct pollfd few[FEW], *p = few; /* a server of page-out polls a few, and must not fail for want of memory */
    if (n > limit_soft(RLIMIT_NOFILE) || n > MAX_FILES) return -EINVAL;
    size_t size = n * sizeof *p;
    if (n > FEW && !(p = heap_alloc(size))) return -ENOMEM;
    long found = copyin(p, user, size);
    if (!found) found = wait_for(p, n, (int)timeout);
    if (found >= 0 && copyout(user, p, size) < 0) found = -EFAULT;
    if (p != few) heap_free(p);
    return found;
}
