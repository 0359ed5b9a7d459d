/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The asynchronous I/O control block as ring 0 and ring 3 see it, and the answers of aio_cancel.
 *
 * Field names are POSIX's <aio.h>; sigevent is Linux's 64-byte one. The kernel copies the block at
 * submission (contract Q3) and never writes it: a request's state lives in the kernel alone (R1).
 */
#pragma once

struct hf_sigevent {
    unsigned long sigev_value; /* union sigval */
    int sigev_signo;
    int sigev_notify;
    unsigned char pad[48];     /* thread id, or libc's function and attributes */
};

struct hf_aiocb {
    int aio_fildes;
    int aio_lio_opcode;
    int aio_reqprio;
    int pad;
    unsigned long aio_buf;
    unsigned long aio_nbytes;
    long aio_offset;
    struct hf_sigevent aio_sigevent;
    unsigned long reserved[4];
};

_Static_assert(sizeof(struct hf_sigevent) == 64, "Linux's sigevent");
_Static_assert(sizeof(struct hf_aiocb) == 136, "libc's struct aiocb is laid out the same");

#define HF_AIO_CANCELED    0
#define HF_AIO_NOTCANCELED 1
#define HF_AIO_ALLDONE     2
