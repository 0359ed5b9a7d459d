/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Moving bytes between a file and the buffers of a program. See io.h.
 *
 * LOCKING  none of its own. Copies may fault and sleep: no spinlock, no space lock held.
 */
#include "kernel/io.h"

#include <linux/uio.h>

#include "mm/heap.h"

/* All lengths are checked before any byte moves: their sum fits ssize_t (POSIX readv: EINVAL). */
static int check_vector(const struct iovec *v, uint64_t count, size_t *all) {
    *all = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (v[i].iov_len > (size_t)INT64_MAX - *all) return -EINVAL;
        *all += v[i].iov_len;
    }
    for (uint64_t i = 0; i < count; i++)
        if (!user_range_ok((uint64_t)v[i].iov_base, v[i].iov_len)) return -EFAULT;
    return 0;
}

int io_vector(struct io *io, uint64_t user, uint64_t count, struct iovec **copy) {
    size_t all;
    *copy = NULL;
    *io = (struct io){0};
    if (count > IO_SEGMENTS) return -EINVAL;
    if (count == 0) return 0;
    struct iovec *v = heap_alloc(count * sizeof *v);
    if (!v) return -ENOMEM;
    int err = copyin(v, user, count * sizeof *v);
    if (!err) err = check_vector(v, count, &all);
    if (err) {
        heap_free(v);
        return err;
    }
    if (all > IO_MAX) all = IO_MAX;
    *io = (struct io){.at = (uint64_t)v->iov_base, .len = v->iov_len, .next = v + 1, .left = all, .all = all};
    *copy = v;
    return 0;
}

/* How many of n bytes the buffer in use takes; moves on to the next that is not empty. n > 0. */
size_t io_room(struct io *io, size_t n) {
    while (io->len == 0) {
        io->at = (uint64_t)io->next->iov_base;
        io->len = io->next->iov_len;
        io->next++;
    }
    return n < io->len ? n : io->len;
}

void io_moved(struct io *io, size_t n) {
    io->at += n;
    io->len -= n;
    io->left -= n;
}

int io_put(struct io *io, const void *from, size_t n) {
    while (n) {
        size_t now = io_room(io, n);
        if (copyout(io->at, from, now) < 0) return -EFAULT;
        io_moved(io, now);
        from = (const char *)from + now;
        n -= now;
    }
    return 0;
}

int io_take(struct io *io, void *to, size_t n) {
    while (n) {
        size_t now = io_room(io, n);
        if (copyin(to, io->at, now) < 0) return -EFAULT;
        io_moved(io, now);
        to = (char *)to + now;
        n -= now;
    }
    return 0;
}

int io_put_zeroes(struct io *io, size_t n) {
    while (n) {
        size_t now = io_room(io, n);
        if (clear_user(io->at, now) < 0) return -EFAULT;
        io_moved(io, now);
        n -= now;
    }
    return 0;
}
