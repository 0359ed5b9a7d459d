/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Where the bytes of one read or write lie in the program's memory: one buffer, or several in turn.
 *
 * A file moves bytes by io_put (to the program) and io_take (from it) and never sees an address. What has
 * been moved is io_done(), whatever happened after: so a call that met a bad page half-way reports the
 * bytes before it, and a call that met it at once reports the error.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>

#include "arch/uaccess.h"

struct iovec;

#define IO_SEGMENTS 1024           /* Linux's UIO_MAXIOV */
#define IO_MAX      0x7ffff000ul   /* the most that one call moves, as on Linux */

struct io {
    uint64_t at;                   /* what is left of the buffer in use */
    size_t len;
    const struct iovec *next;      /* the buffers after it, in kernel memory; as many as `left` needs */
    size_t left, all;              /* bytes over all buffers */
};

/* One buffer: 0, or -EFAULT when it does not lie in user space. len above IO_MAX is cut. */
static inline int io_one(struct io *io, uint64_t user, size_t len) {
    if (!user_range_ok(user, len)) return -EFAULT;
    if (len > IO_MAX) len = IO_MAX;
    *io = (struct io){.at = user, .len = len, .left = len, .all = len};
    return 0;
}
/* A vector in ring 3: 0 and *copy to be freed by heap_free, or -EINVAL, -EFAULT, -ENOMEM. */
int io_vector(struct io *, uint64_t user, uint64_t count, struct iovec **copy);

/* Both want n <= left, may sleep, and answer 0 or -EFAULT; each byte before the failing buffer (or page) may have been moved. */
int io_put(struct io *, const void *from, size_t n);
int io_take(struct io *, void *to, size_t n);
int io_put_zeroes(struct io *, size_t n);

/* How many of n bytes lie in the buffer in use (io->at from here on); and: so many of them have been moved. 0 < n <= left. */
size_t io_room(struct io *, size_t n);
void io_moved(struct io *, size_t n);

static inline size_t io_done(const struct io *io) {
    return io->all - io->left;
}

/* What a read or write answers: the bytes moved if there are any, else the error (or 0). */
static inline long io_result(const struct io *io, long error) {
    return io_done(io) ? (long)io_done(io) : error;
}
