/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * aio_suspend(2) and aio_waitcomplete(2): sleeping until a request ends.
 *
 * Both decide under aio_process.lock and sleep on aio_process.changed, which is signalled when a request
 * finishes and when one is reaped: no end can fall between the look and the sleep, and nobody sleeps for
 * a request that is gone.
 *
 * LOCKING  aio_impl.h. aio_waitcomplete writes the program's pointer under the lock, before it reaps: if
 *          that fails, the request is still there. Its place may be in swap, and nobody waits for a disk with the lock
 *          held: what is not there is touched without it, and then all is looked at again.
 */
#include <asm/errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/aio_impl.h"
#include "kernel/preempt.h"
#include "kernel/process.h"
#include "kernel/time.h"

/* A relative timeout at a user address (0: none) as a deadline of the monotonic clock, and whether it is 0 s. */
static int decode_timeout(uint64_t user, uint64_t *deadline, bool *poll) {
    uint64_t ns;
    *deadline = NO_DEADLINE;
    *poll = false;
    if (!user) return 0;
    int err = timespec_copyin(user, &ns);
    if (err) return err;
    *poll = ns == 0;
    *deadline = deadline_after(ns);
    return 0;
}

/* ---- aio_suspend ---- */

enum outlook { NOTHING, PENDING, READY };

/* Of n names: has one finished, is one under way, or is none a request? */
static enum outlook look_locked(struct aio_process *ap, const uint64_t *names, uint64_t n) REQUIRES(&ap->lock) {
    enum outlook best = NOTHING;
    for (uint64_t i = 0; i < n; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): copyin filled it */
        const struct aio_request *rq = names[i] ? aio_find_locked(ap, names[i]) : NULL;
        if (rq && rq->state == AIO_FINISHED) return READY;
        if (rq) best = PENDING;
    }
    return best;
}

static long suspend(struct aio_process *ap, const uint64_t *names, uint64_t n, uint64_t deadline, bool poll) {
    int err = 0;
    mutex_lock(&ap->lock);
    while (look_locked(ap, names, n) == PENDING && !err) err = poll ? -ETIMEDOUT : aio_wait_locked(ap, deadline, true);
    if (err && look_locked(ap, names, n) != PENDING) err = 0; /* it came at the last moment */
    mutex_unlock(&ap->lock);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

static long suspend_list(const uint64_t *names, uint64_t n, uint64_t timeout) {
    uint64_t deadline;
    bool poll;
    int err = decode_timeout(timeout, &deadline, &poll);
    if (err) return err;
    struct aio_process *ap = aio_process_peek(current_process());
    return ap ? suspend(ap, names, n, deadline, poll) : 0;
}

long sys_aio_suspend(uint64_t list, uint64_t count, uint64_t timeout) {
    uint64_t few[16], *names = few;
    int n = (int)count;
    if (n < 0 || (uint64_t)n > __atomic_load_n(&aio_limits.max_queue_per_proc, __ATOMIC_RELAXED)) return -EINVAL;
    size_t bytes = (size_t)n * sizeof *names;
    if (bytes > sizeof few && !(names = heap_alloc(bytes))) return -EAGAIN;
    long result = bytes && copyin(names, list, bytes) ? -EFAULT : suspend_list(names, (uint64_t)n, timeout);
    if (names != few) heap_free(names);
    return result;
}

/* ---- aio_waitcomplete ---- */

/* Only if the place is in memory: 0 or -EFAULT. */
static int put_name(uint64_t where, uint64_t name) {
    preempt_disable();
    int err = copyout(where, &name, sizeof name);
    preempt_enable();
    return err;
}

/* The oldest finished request is taken: its result. -EFAULT: it is not, yet. */
static long collect_locked(struct aio_process *ap, uint64_t where) REQUIRES(&ap->lock) {
    struct aio_request *rq = TAILQ_FIRST(&ap->list[AIO_FINISHED]);
    if (put_name(where, rq->ask.user)) return -EFAULT;
    long result = -rq->error;
    aio_reap_locked(ap, rq);
    return result;
}

static long wait_any(struct aio_process *ap, uint64_t where, uint64_t deadline, bool poll) {
    int err = 0;
    mutex_lock(&ap->lock);
    while (!ap->count[AIO_FINISHED] && ap->total && !err) err = poll ? -ETIMEDOUT : aio_wait_locked(ap, deadline, true);
    long result = ap->count[AIO_FINISHED] ? collect_locked(ap, where) : !ap->total || err == -ETIMEDOUT ? -EAGAIN : err;
    mutex_unlock(&ap->lock);
    return result;
}

/* wait_any once more whenever its place had to be brought in. */
static long wait_complete(struct aio_process *ap, uint64_t where, uint64_t deadline, bool poll) {
    uint64_t nobody = 0;
    long result;
    do {
        result = wait_any(ap, where, deadline, poll);
    } while (result == -EFAULT && !copyout(where, &nobody, sizeof nobody));
    return result;
}

long sys_aio_waitcomplete(uint64_t where, uint64_t timeout) {
    uint64_t deadline, nobody = 0;
    bool poll;
    if (copyout(where, &nobody, sizeof nobody)) return -EFAULT;
    int err = decode_timeout(timeout, &deadline, &poll);
    if (err) return err;
    struct aio_process *ap = aio_process_peek(current_process());
    return ap ? wait_complete(ap, where, deadline, poll) : -EAGAIN;
}
