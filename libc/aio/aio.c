/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Asynchronous requests: the kernel's calls (docs/CONTRACT.md, Q, X, C, R, W). libc adds nothing: a
 * request's state lives in the kernel alone.
 */
#include "abi/aio.h"
#include "libc/internal/syscall.h"

#include <aio.h>

#define SAME(field) offsetof(struct aiocb, field) == offsetof(struct hf_aiocb, field)
_Static_assert(sizeof(struct aiocb) == sizeof(struct hf_aiocb) && SAME(aio_fildes) &&
                   SAME(aio_lio_opcode) && SAME(aio_reqprio) && SAME(aio_buf) && SAME(aio_nbytes) &&
                   SAME(aio_offset) && SAME(aio_sigevent),
               "struct aiocb is the kernel's");
_Static_assert(AIO_CANCELED == HF_AIO_CANCELED && AIO_NOTCANCELED == HF_AIO_NOTCANCELED &&
                   AIO_ALLDONE == HF_AIO_ALLDONE,
               "aio_cancel's answers are the kernel's");

int aio_mlock(struct aiocb *request) {
    return (int)sys(aio_mlock, request);
}

int aio_error(const struct aiocb *request) {
    return (int)sys(aio_error, request);
}

ssize_t aio_return(struct aiocb *request) {
    return sys(aio_return, request);
}

int aio_cancel(int fd, struct aiocb *request) {
    return (int)sys(aio_cancel, fd, request);
}

int aio_suspend(const struct aiocb *const list[], int count, const struct timespec *timeout) {
    return (int)sys(aio_suspend, list, count, timeout);
}

ssize_t aio_waitcomplete(struct aiocb **request, struct timespec *timeout) {
    return sys(aio_waitcomplete, request, timeout);
}
