/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <aio.h>: asynchronous requests: locking memory without waiting (FreeBSD's aio_mlock; the rest
 * POSIX).
 *
 * A request is known by the address of its struct aiocb, which must stay put until aio_return has
 * taken the result. aio_buf and aio_nbytes name the range to lock, aio_sigevent how the end is
 * told: SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD_ID or SIGEV_THREAD. docs/CONTRACT.md, sections Q, X,
 * C, R and W, says all the rest. The calls that read and write files are not here yet.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#define AIO_CANCELED    0
#define AIO_NOTCANCELED 1
#define AIO_ALLDONE     2

struct aiocb {
    int aio_fildes;
    int aio_lio_opcode;
    int aio_reqprio;
    int __pad;
    volatile void *aio_buf;
    size_t aio_nbytes;
    off_t aio_offset;
    struct sigevent aio_sigevent;
    unsigned long __reserved[4];
};

int aio_mlock(struct aiocb *);
int aio_error(const struct aiocb *);
ssize_t aio_return(struct aiocb *);
int aio_cancel(int fd, struct aiocb *);
int aio_suspend(const struct aiocb *const list[], int count, const struct timespec *timeout);
ssize_t aio_waitcomplete(struct aiocb **, struct timespec *timeout);
