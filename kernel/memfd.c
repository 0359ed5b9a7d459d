/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * memfd_create(2): shared memory that is reached through a descriptor.
 *
 * The file is an object of mm/ and nothing else. Its size is promised when it is set, so a page of it can
 * always be had: growing is where memory runs out (ENOMEM from ftruncate; ENOSPC from write).
 *
 * LOCKING  memfd.grow, a mutex, over changes of size; it comes before object.lock. Bytes are copied to and
 * from ring 3 with no lock and no frame held; a piece of PIECE bytes is read and written under object.lock.
 * MISSING  seals and huge pages: their flags are EINVAL.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/mman.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <linux/memfd.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "mm/mm.h"

#define NAME_SIZE 250 /* Linux's limit, with the NUL */
#define PIECE     1024ul /* bytes on the stack; divides a page */

struct memfd {
    struct mutex grow;
    struct object *object;
    uint64_t id;        /* st_ino */
};

static uint64_t size_of(const struct memfd *m) {
    return __atomic_load_n(&m->object->size, __ATOMIC_RELAXED);
}

static uint64_t memfd_size(struct file *f) {
    return size_of(f->memfd);
}

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/*
 * Bytes go by way of the stack, PIECE at a time, since a copy to or from ring 3 may fault and sleep. It must
 * do neither with the object's lock held, nor with a frame of the object: a truncation meanwhile takes back
 * the promise of every page it cuts off, and a frame still held would be given and promised by nobody.
 */
static long memfd_read(struct file *f, struct io *io, uint64_t *pos) {
    char piece[PIECE];
    long got = 1;
    int err = 0;
    while (!err && got > 0 && io->left) {
        size_t before = io_done(io);
        got = object_read(f->memfd->object, *pos, piece, min_size(io->left, PIECE - *pos % PIECE));
        if (got > 0) err = io_put(io, piece, (size_t)got);
        *pos += io_done(io) - before;
    }
    return io_result(io, got < 0 ? got : err);
}

/* One piece, up to `end`. -EIO: the file's end came nearer meanwhile; what had no place any more has not been moved. */
static int write_piece(struct object *o, struct io *io, uint64_t *pos, uint64_t end) {
    char piece[PIECE];
    size_t before = io_done(io);
    int err = io_take(io, piece, min_size(min_size(io->left, end - *pos), PIECE - *pos % PIECE));
    size_t taken = io_done(io) - before;
    long put = object_write(o, *pos, piece, taken);
    size_t lost = put < 0 ? taken : taken - (size_t)put;
    io->left += lost;
    *pos += taken - lost;
    return put < 0 ? (int)put : lost ? -EIO : err;
}

/* Past RLIMIT_FSIZE: EFBIG and SIGXFSZ (POSIX write, ftruncate). */
static int check_limit(uint64_t size) {
    if (size <= limit_soft(RLIMIT_FSIZE)) return 0;
    signal_self(SIGXFSZ);
    return -EFBIG;
}

/* What is to be written must lie inside: grows the file to `end`, or as far as the limit lets it. A write that starts
 * past the limit is refused even inside the file, as on Linux. */
static int make_room(struct memfd *m, uint64_t pos, uint64_t *end) {
    uint64_t limit = limit_soft(RLIMIT_FSIZE);
    if (pos >= limit) return check_limit(*end);
    if (*end > limit) *end = limit;
    mutex_lock(&m->grow);
    int err = *end > size_of(m) ? object_resize(m->object, *end) : 0;
    mutex_unlock(&m->grow);
    return err == -ENOMEM ? -ENOSPC : err;
}

static long memfd_write(struct file *f, struct io *io, uint64_t *pos) {
    uint64_t end = *pos + io->left; /* does not wrap: checked by the call */
    int err = make_room(f->memfd, *pos, &end);
    while (!err && io->left && *pos < end) err = write_piece(f->memfd->object, io, pos, end);
    return io_result(io, err);
}

static int memfd_truncate(struct file *f, uint64_t size) {
    struct memfd *m = f->memfd;
    mutex_lock(&m->grow);
    int err = size > size_of(m) ? check_limit(size) : 0;
    if (!err) err = object_resize(m->object, size);
    mutex_unlock(&m->grow);
    return err;
}

static int memfd_map(struct file *f, struct map_request *r) {
    r->object = f->memfd->object;
    if ((r->flags & MAP_TYPE) != MAP_PRIVATE && !file_writable(f)) r->max_prot &= ~PROT_WRITE;
    return 0;
}

static void memfd_stat(struct file *f, struct stat *st) {
    stat_simple(st, S_IFREG | 0777, f->memfd->id);
    st->st_size = (long)size_of(f->memfd);
    st->st_blocks = (long)(f->memfd->object->resident * (PAGE_SIZE / 512));
}

static void memfd_close(struct file *f) {
    object_drop(f->memfd->object);
    heap_free(f->memfd);
}

static const struct file_ops memfd_ops = {
    .name = "memfd", .read = memfd_read, .write = memfd_write, .truncate = memfd_truncate, .size = memfd_size,
    .map = memfd_map, .stat = memfd_stat, .close = memfd_close,
};

struct object *memfd_object(const struct file *f) {
    return f->ops == &memfd_ops ? f->memfd->object : NULL;
}

static struct memfd *memfd_alloc(void) {
    static uint64_t last_id;
    struct memfd *m = heap_alloc_zero(sizeof *m);
    if (!m) return NULL;
    mutex_init(&m->grow, "memfd size");
    m->object = object_create_shared(0);
    if (!m->object) {
        heap_free(m);
        return NULL;
    }
    m->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    return m;
}

/* The name is for people who look at a process; nothing keeps it, but it must be one. */
static int check_name(uint64_t user) {
    char name[NAME_SIZE];
    long len = copyin_str(name, user, sizeof name);
    return len == -ENAMETOOLONG ? -EINVAL : len < 0 ? (int)len : 0;
}

long sys_memfd_create(uint64_t name, uint64_t flags) {
    if (flags & ~(uint64_t)MFD_CLOEXEC) return -EINVAL;
    int err = check_name(name);
    if (err) return err;
    struct memfd *m = memfd_alloc();
    if (!m) return -ENOMEM;
    struct file *f = file_create(&memfd_ops, O_RDWR | O_LARGEFILE);
    if (!f) {
        object_drop(m->object);
        heap_free(m);
        return -ENOMEM;
    }
    f->memfd = m;
    return fd_install(f, flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}
