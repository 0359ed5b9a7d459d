/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * aio_mlock(2), aio_error(2), aio_return(2), aio_cancel(2): asking, taking the answer, thinking better of it.
 *
 * Submission copies the block once (Q3), checks what can be checked without looking at memory, in the
 * contract's order (Q4), and queues; the range, its protection and every limit are judged when the
 * request runs, by mlock's own code (Q5). So it costs the same whatever aio_nbytes says (Q1).
 *
 * State lives in the kernel alone: aio_error and aio_return look the request up by its address and never
 * read the block, so forged or stale contents of it mean nothing (R1; FreeBSD trusts them).
 *
 * LOCKING  aio_impl.h; the block is copied with no lock held.
 */
#include <asm/errno.h>
#include <asm-generic/siginfo.h>
#include <stdint.h>

#include "abi/aio.h"
#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/aio_impl.h"
#include "kernel/file.h"
#include "kernel/process.h"
#include "kernel/race.h"

/* Silence, a signal to the process, or one to a thread of it (W6). SIGEV_THREAD is libc's, by way of the last. */
static bool decode_event(const struct hf_sigevent *ev, struct aio_ask *ask) {
    const struct process *me = current_process();
    ask->notify = ev->sigev_notify != SIGEV_NONE;
    if (!ask->notify) return true;
    __builtin_memcpy(&ask->tid, ev->pad, sizeof ask->tid);
    ask->event = (struct sigdata){
        .signo = ev->sigev_signo,
        .code = SI_ASYNCIO,
        .rt = {.pid = me->pid, .uid = me->cred.uid, .value = ev->sigev_value},
    };
    return signal_event_ok(ev->sigev_notify, ev->sigev_signo, &ask->tid);
}

static int decode(uint64_t iocb, struct aio_ask *ask) {
    struct hf_aiocb cb;
    if (copyin(&cb, iocb, sizeof cb)) return -EFAULT;
    if (cb.aio_nbytes > INT64_MAX) return -EINVAL; /* SSIZE_MAX */
    *ask = (struct aio_ask){
        .user = iocb,
        .addr = cb.aio_buf,
        .len = cb.aio_nbytes,
        .privileged = process_privileged(current_process()),
    };
    return decode_event(&cb.aio_sigevent, ask) ? 0 : -EINVAL;
}

long sys_aio_mlock(uint64_t iocb) {
    struct aio_ask ask;
    int err = decode(iocb, &ask);
    if (err) return err;
    struct aio_process *ap = aio_process_get(current_process());
    if (!ap) return -EAGAIN;
    race_point(RACE_AIO_SUBMIT);
    err = aio_enqueue(ap, &ask);
    race_point(RACE_AIO_SUBMITTED);
    return err;
}

long sys_aio_error(uint64_t iocb) {
    struct aio_process *ap = aio_process_peek(current_process());
    if (!ap) return -EINVAL;
    mutex_lock(&ap->lock);
    const struct aio_request *rq = aio_find_locked(ap, iocb);
    long answer = !rq ? -EINVAL : rq->state != AIO_FINISHED ? EINPROGRESS : rq->error;
    mutex_unlock(&ap->lock);
    return answer;
}

long sys_aio_return(uint64_t iocb) {
    struct aio_process *ap = aio_process_peek(current_process());
    long result = -EINVAL;
    if (!ap) return result;
    mutex_lock(&ap->lock);
    struct aio_request *rq = aio_find_locked(ap, iocb);
    if (rq && rq->state == AIO_FINISHED) {
        result = -rq->error;
        aio_reap_locked(ap, rq);
    }
    mutex_unlock(&ap->lock);
    return result;
}

/* All requests of a descriptor. Only lock requests exist so far, and they belong to none (C5). */
static long cancel_descriptor(int fd) {
    struct file *f = files_get(current_process()->files, fd);
    if (!f) return -EBADF;
    file_drop(f);
    return HF_AIO_ALLDONE;
}

long sys_aio_cancel(uint64_t fd, uint64_t iocb) {
    struct aio_process *ap = aio_process_peek(current_process());
    if (!iocb) return cancel_descriptor((int)fd);
    return ap ? aio_cancel_one(ap, iocb) : HF_AIO_ALLDONE;
}
