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
 * from ring 3 by a page's own frame, held, with no lock: a truncation meanwhile takes the page out of the
 * object, and the copy then goes to or comes from a frame that nobody sees any more.
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

/* Moves bytes page by page. -ENXIO: the end came nearer meanwhile. */
static int move(struct memfd *m, struct io *io, uint64_t *pos, uint64_t end, bool in) {
    int err = 0;
    while (!err && io->left && *pos < end) {
        size_t n = PAGE_SIZE - *pos % PAGE_SIZE, before = io_done(io);
        pfn_t pfn;
        if (n > io->left) n = io->left;
        if (n > end - *pos) n = end - *pos;
        err = object_page(m->object, *pos / PAGE_SIZE, &pfn);
        if (err) break;
        char *at = (char *)frame_addr(pfn) + *pos % PAGE_SIZE;
        err = in ? io_take(io, at, n) : io_put(io, at, n);
        frame_drop(pfn);
        *pos += io_done(io) - before;
    }
    return err;
}

static long memfd_read(struct file *f, struct io *io, uint64_t *pos) {
    int err = move(f->memfd, io, pos, size_of(f->memfd), false);
    return io_result(io, err == -ENXIO ? 0 : err);
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
    if (!err) err = move(f->memfd, io, pos, end, true);
    return io_result(io, err == -ENXIO ? -EIO : err);
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
