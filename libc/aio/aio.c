/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Asynchronous requests: the kernel's calls (docs/CONTRACT.md, Q, X, C, R, W). A request's state
 * lives in the kernel alone; libc adds SIGEV_THREAD (W6), by which a function is called in a thread
 * of its own. The kernel knows a request by its address, so what it is to read instead of the
 * caller's event stands in the caller's block for the time of the call.
 */
#include "abi/aio.h"
#include "libc/internal/notify.h"
#include "libc/internal/syscall.h"

#include <aio.h>
#include <errno.h>

#define SAME(field) offsetof(struct aiocb, field) == offsetof(struct hf_aiocb, field)
_Static_assert(sizeof(struct aiocb) == sizeof(struct hf_aiocb) && SAME(aio_fildes) &&
                   SAME(aio_lio_opcode) && SAME(aio_reqprio) && SAME(aio_buf) && SAME(aio_nbytes) &&
                   SAME(aio_offset) && SAME(aio_sigevent),
               "struct aiocb is the kernel's");
_Static_assert(AIO_CANCELED == HF_AIO_CANCELED && AIO_NOTCANCELED == HF_AIO_NOTCANCELED &&
                   AIO_ALLDONE == HF_AIO_ALLDONE,
               "aio_cancel's answers are the kernel's");

static int lock_with_thread(struct aiocb *request) {
    struct sigevent asked = request->aio_sigevent;
    unsigned long serial;
    int error = __notify_begin(&request->aio_sigevent, true, &serial);

    if (error) {
        errno = error == EAGAIN || error == ENOMEM ? EAGAIN : EINVAL; /* EINVAL: no threads at all */
        return -1;
    }
    __notify_name(serial, request);
    int result = (int)sys(aio_mlock, request);
    request->aio_sigevent = asked;
    if (result) __notify_forget(serial);
    return result;
}

/* The kernel refuses SIGEV_THREAD, which is not its business (EINVAL), but before that a block that
 * cannot be read (EFAULT): so it is asked first. */
int aio_mlock(struct aiocb *request) {
    long result = raw(aio_mlock, request);

    if (result == -EINVAL && request->aio_sigevent.sigev_notify == SIGEV_THREAD)
        return lock_with_thread(request);
    return (int)__syscall_result(result);
}

int aio_error(const struct aiocb *request) {
    return (int)sys(aio_error, request);
}

ssize_t aio_return(struct aiocb *request) {
    long state = raw(aio_error, request);
    long result = raw(aio_return, request);

    if (state >= 0 && state != EINPROGRESS) __notify_forget_named(request);
    return __syscall_result(result);
}

int aio_cancel(int fd, struct aiocb *request) {
    return (int)sys(aio_cancel, fd, request);
}

int aio_suspend(const struct aiocb *const list[], int count, const struct timespec *timeout) {
    return (int)point(aio_suspend, list, count, timeout);
}

ssize_t aio_waitcomplete(struct aiocb **request, struct timespec *timeout) {
    ssize_t result = point(aio_waitcomplete, request, timeout);

    /* EFAULT is never a request's own error: then the pointer may be no pointer. */
    if ((result >= 0 || errno != EFAULT) && *request) __notify_forget_named(*request);
    return result;
}
