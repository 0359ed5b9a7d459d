/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The calls that move bytes: read, write and their kin with vectors and positions; lseek, ftruncate,
 * getdents64.
 *
 * POSIX and Linux: a descriptor is checked first, then its access mode, then the buffer, then what the
 * file says. A position lives in the open file; pread and pwrite bring their own and touch none.
 *
 * LOCKING  a file with a position holds file.pos_lock for the whole transfer, so that reads through one
 * open file by many threads do not overlap (POSIX 2.9.7). Streams order themselves.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <linux/fs.h>
#include <linux/resource.h>

#include "gen/syscalls.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "mm/heap.h"

/* Would the transfer end beyond what a position can say? */
static bool too_far(const struct io *io, const uint64_t *pos) {
    return pos && *pos > (uint64_t)INT64_MAX - io->left;
}

static long do_read(struct file *f, struct io *io, uint64_t *pos) {
    if (!f->ops->read) return f->ops == &directory_ops ? -EISDIR : -EINVAL;
    if (too_far(io, pos)) return -EINVAL;
    return io->left ? f->ops->read(f, io, pos) : 0;
}

static long do_write(struct file *f, struct io *io, uint64_t *pos) {
    if (!f->ops->write || too_far(io, pos)) return -EINVAL;
    return io->left ? f->ops->write(f, io, pos) : 0;
}

typedef long transfer(struct file *, struct io *, uint64_t *pos);

/* At the file's own position, which moves; or without one. */
static long at_position(struct file *f, struct io *io, transfer *go) {
    if (f->ops->stream) return go(f, io, NULL);
    mutex_lock(&f->pos_lock);
    if (go == do_write && (f->flags & O_APPEND) && f->ops->size) f->pos = f->ops->size(f);
    long n = go(f, io, &f->pos);
    mutex_unlock(&f->pos_lock);
    return n;
}

static bool allows(const struct file *f, transfer *go) {
    return go == do_read ? file_readable(f) : file_writable(f);
}

static long one(uint64_t fd, uint64_t user, uint64_t len, transfer *go) {
    struct io io;
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    long n = allows(f, go) ? io_one(&io, user, len) : -EBADF;
    if (!n) n = at_position(f, &io, go);
    fd_end(f, held);
    return n;
}

static long many(uint64_t fd, uint64_t user, uint64_t count, transfer *go) {
    struct io io;
    struct iovec *copy;
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    long n = allows(f, go) ? io_vector(&io, user, (uint32_t)count, &copy) : -EBADF;
    if (!n) {
        n = at_position(f, &io, go);
        heap_free(copy);
    }
    fd_end(f, held);
    return n;
}

static long at_offset(uint64_t fd, uint64_t user, uint64_t len, uint64_t offset, transfer *go) {
    struct io io;
    if ((int64_t)offset < 0) return -EINVAL;
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    long n = f->ops->stream && !f->ops->offsets ? -ESPIPE : allows(f, go) ? io_one(&io, user, len) : -EBADF;
    if (!n && go == do_write && (f->flags & O_APPEND) && f->ops->size) offset = f->ops->size(f); /* as Linux; POSIX would not */
    if (!n) n = go(f, &io, &offset);
    fd_end(f, held);
    return n;
}

long sys_read(uint64_t fd, uint64_t user, uint64_t len) {
    return one(fd, user, len, do_read);
}

long sys_write(uint64_t fd, uint64_t user, uint64_t len) {
    return one(fd, user, len, do_write);
}

long sys_readv(uint64_t fd, uint64_t vector, uint64_t count) {
    return many(fd, vector, count, do_read);
}

long sys_writev(uint64_t fd, uint64_t vector, uint64_t count) {
    return many(fd, vector, count, do_write);
}

long sys_pread64(uint64_t fd, uint64_t user, uint64_t len, uint64_t offset) {
    return at_offset(fd, user, len, offset, do_read);
}

long sys_pwrite64(uint64_t fd, uint64_t user, uint64_t len, uint64_t offset) {
    return at_offset(fd, user, len, offset, do_write);
}

/* Where SEEK_* is counted from, or an error. Positions past the end are good; SEEK_DATA and SEEK_HOLE see one full file. */
static int64_t seek_base(struct file *f, int64_t offset, unsigned whence) {
    int64_t size = f->ops->size ? (int64_t)f->ops->size(f) : 0;
    switch (whence) {
    case SEEK_SET: return 0;
    case SEEK_CUR: return (int64_t)f->pos;
    case SEEK_END: return size;
    case SEEK_DATA: return offset < 0 || offset >= size ? -ENXIO : 0;
    case SEEK_HOLE: return offset < 0 || offset >= size ? -ENXIO : size - offset;
    default: return -EINVAL;
    }
}

long sys_lseek(uint64_t fd, uint64_t offset, uint64_t whence) {
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    int64_t to = -ESPIPE;
    if (!f->ops->stream) {
        mutex_lock(&f->pos_lock);
        to = seek_base(f, (int64_t)offset, (unsigned)whence);
        if (to >= 0 && __builtin_add_overflow(to, (int64_t)offset, &to)) to = -EOVERFLOW;
        else if (to < 0 && (unsigned)whence <= SEEK_END) to = -EINVAL;
        if (to >= 0) f->pos = (uint64_t)to;
        mutex_unlock(&f->pos_lock);
    }
    fd_end(f, held);
    return to;
}

long sys_ftruncate(uint64_t fd, uint64_t size) {
    if ((int64_t)size < 0) return -EINVAL;
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    long err = file_writable(f) && f->ops->truncate ? f->ops->truncate(f, size) : -EINVAL;
    fd_end(f, held);
    return err;
}

long sys_getdents64(uint64_t fd, uint64_t user, uint64_t len) {
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    long n = -ENOTDIR;
    if (f->ops->entries) {
        mutex_lock(&f->pos_lock);
        n = f->ops->entries(f, user, (uint32_t)len);
        mutex_unlock(&f->pos_lock);
    }
    fd_end(f, held);
    return n;
}
