/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /dev/vdX: reading and writing a served block device as a file.
 *
 *      |<-ragged->|<------------- whole sectors ------------->|<-ragged->|
 *       by a frame   straight from or into the caller's frames   by a frame
 *       in between,  which are pinned meanwhile (contract W4),
 *       read first   several requests at once
 *
 * The whole sectors go straight when the memory is aligned as they are; else all goes by the frame in between.
 * The end of the device is an end of file to a read, and ENOSPC to a write. A transfer waits for its device, whatever
 * happens to the process: the frames stay pinned until nobody writes into them any more (P1).
 *
 * Two writes never work on one sector at a time: what a ragged one reads is still there when it writes.
 *
 * LOCKING  port.io over the list of writes and over `left` of every transfer; ports_lock over who has it open.
 * MISSING  a cache: a write has reached the server, and a read comes from it, when the call returns.
 */
#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "arch/uaccess.h"
#include "kernel/file_impl.h"
#include "kernel/port.h"
#include "kernel/process.h"

#define REQUESTS    4u /* in flight for one call */
#define SECTOR_MASK (BACKING_SECTOR - 1ul)

struct transfer {
    struct port *port;
    uint64_t start, end;                 /* bytes; whole sectors */
    unsigned left;                       /* T: requests that have not ended */
    LIST_ENTRY(transfer) link;           /* T: a write */
    struct backing_request request[REQUESTS];
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ---- transfers ---- */

/* No other write touches the sectors until end_write. */
static void begin_write(struct transfer *t) {
    struct port *p = t->port;
    struct transfer *o;
    uint64_t saved = waitq_lock(&p->io);
    do {
        LIST_FOREACH(o, &p->writes, link)
            if (o->start < t->end && t->start < o->end) break;
        if (o) waitq_sleep(&p->io, NO_DEADLINE, false);
    } while (o);
    LIST_INSERT_HEAD(&p->writes, t, link);
    waitq_unlock(&p->io, saved);
}

static void end_write(struct transfer *t) {
    uint64_t saved = waitq_lock(&t->port->io);
    LIST_REMOVE(t, link);
    waitq_wake_all(&t->port->io);
    waitq_unlock(&t->port->io, saved);
}

static void request_done(struct backing_request *rq) {
    struct transfer *t = rq->arg;
    struct port *p = t->port; /* the transfer is gone once left is 0 and the lock is free */
    uint64_t saved = waitq_lock(&p->io);
    if (--t->left == 0) waitq_wake_all(&p->io);
    waitq_unlock(&p->io, saved);
}

/* All n requests at once: how many bytes went before the first that failed, and its error. */
static size_t transfer(struct transfer *t, unsigned n, bool write, int *error) {
    struct port *p = t->port;
    uint64_t at = t->start;
    size_t good = 0;
    *error = 0;
    t->left = n;
    for (unsigned i = 0; i < n; i++) {
        struct backing_request *rq = &t->request[i];
        rq->write = write, rq->offset = at, rq->done = request_done, rq->arg = t;
        for (unsigned k = 0; k < rq->segments; k++) at += rq->segment[k].len;
        p->backing.submit(&p->backing, rq);
    }
    struct pi pi = {0};
    pi_wait_pagers(&pi);
    uint64_t saved = waitq_lock(&p->io);
    while (t->left) waitq_sleep(&p->io, NO_DEADLINE, false);
    waitq_unlock(&p->io, saved);
    pi_leave_pagers(&pi);
    for (unsigned i = 0; i < n && !*error; i++) {
        *error = t->request[i].error;
        for (unsigned k = 0; !*error && k < t->request[i].segments; k++) good += t->request[i].segment[k].len;
    }
    return good;
}

/* ---- whole sectors: the caller's own frames ---- */

/* Len bytes from `offset` in the first of the frames on: how many requests it takes. */
static unsigned fill_requests(struct transfer *t, const struct pinned *pins, size_t offset, size_t len) {
    unsigned n = 0;
    for (uint64_t i = 0; len; i++, offset = 0) {
        struct backing_request *rq = &t->request[i / BACKING_SEGMENTS];
        unsigned k = i % BACKING_SEGMENTS;
        size_t now = least(len, PAGE_SIZE - offset);
        rq->segment[k] = (struct backing_segment){((paddr_t)pins->frames[i] << PAGE_SHIFT) + offset, (uint32_t)now};
        rq->segments = k + 1;
        n = (unsigned)(i / BACKING_SEGMENTS) + 1;
        len -= now;
    }
    return n;
}

/* Moves *len bytes or fewer: how many comes back there. At a bad page, what lies before it goes alone. */
static int straight(struct port *p, struct io *io, uint64_t pos, bool write, size_t *len) {
    struct space *space = current_process()->space;
    struct transfer t = {.port = p, .start = pos};
    struct pinned pins;
    size_t offset = io->at & PAGE_MASK, most = REQUESTS * BACKING_SEGMENTS * PAGE_SIZE - offset, n = least(*len, most);
    *len = 0;
    int err = space_pin(space, io->at, n, !write, &pins);
    if (err == -EFAULT && n > PAGE_SIZE - offset) err = space_pin(space, io->at, n = PAGE_SIZE - offset, !write, &pins);
    if (err) return err == -EAGAIN ? -ENOMEM : err;
    t.end = pos + n;
    unsigned requests = fill_requests(&t, &pins, offset, n);
    if (write) begin_write(&t);
    *len = transfer(&t, requests, write, &err);
    if (write) end_write(&t);
    pinned_release(&pins);
    if (*len) io_moved(io, *len);
    return err;
}

/* ---- anything else: by a frame in between ---- */

static int whole(struct transfer *t, pfn_t frame, uint64_t start, uint64_t end, bool write) {
    int err;
    uint64_t begin = t->start;
    t->request[0].segments = 1;
    t->request[0].segment[0] = (struct backing_segment){(paddr_t)frame << PAGE_SHIFT, (uint32_t)(end - start)};
    t->start = start;
    transfer(t, 1, write, &err);
    t->start = begin;
    return err;
}

/* Bytes of a piece from the caller into the frame, or none: a piece is written whole or not at all. */
static int take(struct io *io, char *to, size_t n) {
    size_t before = io_done(io);
    int err = io_take(io, to, n);
    if (err) io->left += io_done(io) - before;
    return err;
}

static int by_frame(struct port *p, struct io *io, uint64_t pos, bool write, pfn_t frame, size_t n) {
    struct transfer t = {.port = p, .start = pos & ~SECTOR_MASK, .end = (pos + n + SECTOR_MASK) & ~SECTOR_MASK};
    char *at = (char *)frame_addr(frame) + (pos - t.start);
    bool ragged = pos != t.start || pos + n != t.end;
    int err = 0;
    if (!write) {
        err = whole(&t, frame, t.start, t.end, false);
        return err ? err : io_put(io, at, n);
    }
    begin_write(&t);
    if (ragged) err = whole(&t, frame, t.start, t.end, false);
    if (!err) err = take(io, at, n);
    if (!err) err = whole(&t, frame, t.start, t.end, true);
    end_write(&t);
    return err;
}

/* ---- read and write ---- */

/* One piece, from pos to `end` at most. */
static int piece(struct port *p, struct io *io, uint64_t pos, uint64_t end, bool write, pfn_t frame) {
    size_t all = least(io->left, end - pos), here = io_room(io, all), ragged = pos & SECTOR_MASK;
    bool alike = ((io->at ^ pos) & SECTOR_MASK) == 0;
    if (alike && !ragged && here > SECTOR_MASK) {
        here &= ~SECTOR_MASK;
        return straight(p, io, pos, write, &here);
    }
    size_t n = least(all, alike && ragged ? BACKING_SECTOR - ragged : PAGE_SIZE - ragged);
    return by_frame(p, io, pos, write, frame, n);
}

static long move(struct file *f, struct io *io, uint64_t *pos, bool write) {
    struct port *p = port_of_node((struct node *)f->node);
    uint64_t end = p->backing.size;
    int err = 0;
    if (*pos >= end) return write ? -ENOSPC : 0;
    pfn_t frame = frame_alloc(FRAME_KERNEL);
    if (frame == NO_PFN) return -ENOMEM;
    while (!err && io->left && *pos < end) {
        size_t before = io_done(io);
        err = piece(p, io, *pos, end, write, frame);
        *pos += io_done(io) - before;
        if (!err && thread_should_stop()) err = -EINTR;
    }
    frame_drop(frame);
    return io_result(io, err);
}

static long block_read(struct file *f, struct io *io, uint64_t *pos) {
    return move(f, io, pos, false);
}

static long block_write(struct file *f, struct io *io, uint64_t *pos) {
    return move(f, io, pos, true);
}

static uint64_t block_size(struct file *f) {
    return f->node->size;
}

static long block_ioctl(struct file *f, unsigned cmd, uint64_t arg) {
    uint64_t size = f->node->size;
    int sector = (int)BACKING_SECTOR;
    if (cmd == BLKGETSIZE64) return copyout(arg, &size, sizeof size);
    if (cmd == BLKSSZGET) return copyout(arg, &sector, sizeof sector);
    return -ENOTTY;
}

static void block_stat(struct file *f, struct stat *st) {
    tree_stat(f->node, st);
}

static void block_close(struct file *f) {
    struct port *p = port_of_node((struct node *)f->node);
    mutex_lock(&ports_lock);
    p->users--;
    p->writers -= file_writable(f);
    mutex_unlock(&ports_lock);
}

static const struct file_ops block_ops = {
    .name = "block device", .read = block_read, .write = block_write, .size = block_size, .ioctl = block_ioctl,
    .stat = block_stat, .close = block_close,
};

/* Swap is nobody's to write. A device that is gone, or has not come yet: ENXIO, as on Linux. */
static int block_open(const struct place *at, struct file *f) {
    struct port *p = port_of_node(at->node);
    bool write = file_writable(f);
    mutex_lock(&ports_lock);
    int err = p->gone || !p->backing.size ? -ENXIO : write && p->swap ? -EBUSY : 0;
    if (!err) {
        p->users++;
        p->writers += write;
        f->ops = &block_ops;
    }
    mutex_unlock(&ports_lock);
    return err;
}

const struct node_ops block_node_ops = {.open = block_open};
