/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pipes: 64 KiB of bytes between those who write and those who read.
 *
 *      page[0]   page[1]  ...  page[15]        out and in count bytes since the pipe was last empty;
 *      [   ######][########]    NULL           byte n is in page[n / 4096 % 16]. Pages come when a write
 *          ^out        ^in                     needs them and go when they have been read.
 *
 * A full ring may end in the page that it begins in. An empty pipe starts again at byte 0, so a pipe that
 * is drained as fast as it is filled uses one page, which it keeps. A write of at most PIPE_BUF bytes goes
 * in whole or waits (POSIX write).
 *
 * LOCKING  pipe.lock, a mutex, over all fields: the copies to and from ring 3 happen under it, and may
 * fault. It comes before a space's locks.
 * INVARIANTS  0 <= in - out <= PIPE_SIZE; a page is there for every byte between out and in.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/stat.h>
#include <linux/limits.h>
#include <linux/stat.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/assert.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "mm/mm.h"

#define PAGES     16
#define PIPE_SIZE (PAGES * PAGE_SIZE)

struct pipe {
    struct mutex lock;
    struct cond can_read, can_write;
    uint32_t waiting_read, waiting_write;
    uint64_t in, out;
    bool reader, writer;        /* that end is open */
    uint64_t id;                /* st_ino */
    char *page[PAGES];
};

static char **page_of(struct pipe *p, uint64_t byte) {
    return &p->page[byte / PAGE_SIZE % PAGES];
}

static size_t used(const struct pipe *p) {
    return p->in - p->out;
}

/* Sleep until the other side has done something: 0, -EAGAIN or -EINTR. */
static int wait(const struct file *f, struct pipe *p, struct cond *c, uint32_t *waiting) REQUIRES(&p->lock) {
    if (f->flags & O_NONBLOCK) return -EAGAIN;
    (*waiting)++;
    int err = cond_wait_until(c, &p->lock, NO_DEADLINE, true);
    (*waiting)--;
    return err;
}

/*
 * Bytes up to `to` have been read. An empty pipe starts again, and keeps its page. Else a page that has
 * been read to its end goes, unless the writer has come round and is in it already.
 */
static void release_pages(struct pipe *p, uint64_t from, uint64_t to) {
    char **page = page_of(p, from);
    if (p->in == p->out) {
        if (page != &p->page[0]) {
            heap_free(p->page[0]);
            p->page[0] = *page;
            *page = NULL;
        }
        p->in = p->out = 0;
    } else if (to % PAGE_SIZE == 0 && p->in <= to - PAGE_SIZE + PIPE_SIZE) {
        heap_free(*page);
        *page = NULL;
    }
}

/* Copies what there is, a page at a time. Whoever waits to write may go on. */
static int take_out(struct pipe *p, struct io *io) {
    int err = 0;
    while (!err && io->left && used(p)) {
        uint64_t at = p->out;
        size_t n = PAGE_SIZE - at % PAGE_SIZE;
        if (n > used(p)) n = used(p);
        if (n > io->left) n = io->left;
        size_t before = io_done(io);
        err = io_put(io, *page_of(p, at) + at % PAGE_SIZE, n);
        p->out += io_done(io) - before;
        if (p->out != at) release_pages(p, at, p->out);
    }
    return err;
}

static long pipe_read(struct file *f, struct io *io, uint64_t *pos) {
    struct pipe *p = f->pipe;
    int err = 0;
    (void)pos;
    mutex_lock(&p->lock);
    while (!err && !used(p) && p->writer) err = wait(f, p, &p->can_read, &p->waiting_read);
    if (!err) err = take_out(p, io);
    if (p->waiting_write && io_done(io)) cond_broadcast(&p->can_write);
    mutex_unlock(&p->lock);
    if (io_done(io)) poll_notify();
    return io_result(io, err);
}

/* One piece into the page that the next byte falls into. */
static int put_in(struct pipe *p, struct io *io) {
    char **page = page_of(p, p->in);
    if (!*page) *page = heap_alloc(PAGE_SIZE);
    if (!*page) return -ENOMEM;
    size_t n = PAGE_SIZE - p->in % PAGE_SIZE, space = PIPE_SIZE - used(p);
    if (n > space) n = space;
    if (n > io->left) n = io->left;
    size_t before = io_done(io);
    int err = io_take(io, *page + p->in % PAGE_SIZE, n);
    p->in += io_done(io) - before;
    return err;
}

/* How many bytes must be free before a write goes on. */
static size_t needed(const struct io *io) {
    return io->all <= PIPE_BUF ? io->left : 1;
}

static int write_locked(const struct file *f, struct pipe *p, struct io *io) REQUIRES(&p->lock) {
    int err = 0;
    while (!err && io->left) {
        if (!p->reader) return -EPIPE;
        if (PIPE_SIZE - used(p) < needed(io)) {
            if (p->waiting_read) cond_broadcast(&p->can_read);
            poll_notify();
            err = wait(f, p, &p->can_write, &p->waiting_write);
            continue;
        }
        do err = put_in(p, io);
        while (!err && io->left && used(p) < PIPE_SIZE);
    }
    return err;
}

static long pipe_write(struct file *f, struct io *io, uint64_t *pos) {
    struct pipe *p = f->pipe;
    (void)pos;
    mutex_lock(&p->lock);
    int err = write_locked(f, p, io);
    if (p->waiting_read && io_done(io)) cond_broadcast(&p->can_read);
    mutex_unlock(&p->lock);
    if (io_done(io)) poll_notify();
    if (err == -EPIPE) signal_self(SIGPIPE);
    return io_result(io, err);
}

static int pipe_poll(struct file *f) {
    struct pipe *p = f->pipe;
    int events = 0;
    mutex_lock(&p->lock);
    if (file_readable(f)) events = (used(p) ? POLLIN | POLLRDNORM : 0) | (p->writer ? 0 : POLLHUP);
    else events = (PIPE_SIZE - used(p) >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0) | (p->reader ? 0 : POLLERR);
    mutex_unlock(&p->lock);
    return events;
}

static long pipe_ioctl(struct file *f, unsigned cmd, uint64_t arg) {
    if (cmd != FIONREAD) return -ENOTTY;
    mutex_lock(&f->pipe->lock);
    int n = (int)used(f->pipe);
    mutex_unlock(&f->pipe->lock);
    return copyout(arg, &n, sizeof n);
}

static void pipe_stat(struct file *f, struct stat *st) {
    stat_simple(st, S_IFIFO | 0600, f->pipe->id);
}

static void pipe_free(struct pipe *p) {
    for (int i = 0; i < PAGES; i++) heap_free(p->page[i]);
    heap_free(p);
}

/* The second end to close takes the pipe with it. */
static void pipe_close(struct file *f) {
    struct pipe *p = f->pipe;
    mutex_lock(&p->lock);
    if (file_readable(f)) p->reader = false;
    else p->writer = false;
    bool last = !p->reader && !p->writer;
    cond_broadcast(&p->can_read);
    cond_broadcast(&p->can_write);
    mutex_unlock(&p->lock);
    poll_notify();
    if (last) pipe_free(p);
}

static const struct file_ops pipe_ops = {
    .name = "pipe", .stream = true, .read = pipe_read, .write = pipe_write, .ioctl = pipe_ioctl, .poll = pipe_poll,
    .stat = pipe_stat, .close = pipe_close,
};

static struct pipe *pipe_alloc(void) {
    static uint64_t last_id;
    struct pipe *p = heap_alloc_zero(sizeof *p);
    if (!p) return NULL;
    mutex_init(&p->lock, "pipe");
    cond_init(&p->can_read, "pipe read");
    cond_init(&p->can_write, "pipe write");
    p->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    return p;
}

/* end[0] reads, end[1] writes: 0 or -ENOMEM. */
static int pipe_files(unsigned flags, struct file *end[2]) {
    struct pipe *p = pipe_alloc();
    if (!p) return -ENOMEM;
    end[0] = file_create(&pipe_ops, O_RDONLY | (flags & O_NONBLOCK));
    if (!end[0]) {
        pipe_free(p);
        return -ENOMEM;
    }
    end[0]->pipe = p;
    p->reader = true;
    end[1] = file_create(&pipe_ops, O_WRONLY | (flags & O_NONBLOCK));
    if (!end[1]) {
        file_drop(end[0]);
        return -ENOMEM;
    }
    end[1]->pipe = p;
    p->writer = true;
    return 0;
}

/* All that can fail comes before the program sees a descriptor; a bad pointer takes both back. */
long sys_pipe2(uint64_t user, uint64_t flags) {
    struct file *end[2];
    struct files *own = current_process()->files;
    int fd[2];
    if (flags & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    int err = pipe_files((unsigned)flags, end);
    if (err) return err;
    fd[0] = fd_install(end[0], (unsigned)flags);
    if (fd[0] < 0) {
        file_drop(end[1]);
        return fd[0];
    }
    fd[1] = fd_install(end[1], (unsigned)flags);
    if (fd[1] < 0) {
        files_remove(own, fd[0]);
        return fd[1];
    }
    if (copyout(user, fd, sizeof fd) == 0) return 0;
    files_remove(own, fd[0]);
    files_remove(own, fd[1]);
    return -EFAULT;
}

long sys_pipe(uint64_t user) {
    return sys_pipe2(user, 0);
}
