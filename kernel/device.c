/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /dev: the console, and the files that hold nothing: null, zero, full, random, urandom.
 *
 * The nodes are made whatever the initrd says about /dev, with Linux's device numbers and modes.
 *
 * LOCKING  none: nothing here has state.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "kernel/assert.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "libc/core/string.h"
#include "mm/mm.h"

#define PIECE (1ul << 20)

static void device_stat(struct file *f, struct stat *st) {
    tree_stat(f->node, st);
}

static long read_nothing(struct file *f, struct io *io, uint64_t *pos) {
    (void)f, (void)io, (void)pos;
    return 0;
}

/* Between two pieces of a read that has no end of its own: whoever is being killed need not finish it. */
static int next_piece(void) {
    yield_point();
    return thread_should_stop() ? -EINTR : 0;
}

static long read_zeroes(struct file *f, struct io *io, uint64_t *pos) {
    int err = 0;
    (void)f, (void)pos;
    while (!err && io->left) {
        err = io_put_zeroes(io, io->left < PIECE ? io->left : PIECE);
        if (!err && io->left) err = next_piece();
    }
    return io_result(io, err);
}

static long read_random(struct file *f, struct io *io, uint64_t *pos) {
    uint8_t bytes[256];
    int err = 0;
    (void)f, (void)pos;
    while (!err && io->left) {
        size_t n = io->left < sizeof bytes ? io->left : sizeof bytes;
        random_bytes(bytes, n);
        err = io_put(io, bytes, n);
        if (!err && io->left) err = next_piece();
    }
    return io_result(io, err);
}

/* Taken without a look, so that even a bad buffer is (as on Linux). */
static long write_away(struct file *f, struct io *io, uint64_t *pos) {
    (void)f, (void)pos;
    io->left = 0;
    return (long)io->all;
}

static long write_full(struct file *f, struct io *io, uint64_t *pos) {
    (void)f, (void)io, (void)pos;
    return -ENOSPC;
}

/* Mapping /dev/zero is another way to ask for anonymous memory. */
static int map_zero(struct file *f, struct map_request *m) {
    (void)f;
    m->object = NULL;
    m->offset = 0;
    m->flags |= MAP_ANONYMOUS;
    return 0;
}

static const struct file_ops null_ops = {
    .name = "null", .read = read_nothing, .write = write_away, .stat = device_stat,
};
static const struct file_ops zero_ops = {
    .name = "zero", .read = read_zeroes, .write = write_away, .map = map_zero, .stat = device_stat,
};
static const struct file_ops full_ops = {
    .name = "full", .read = read_zeroes, .write = write_full, .stat = device_stat,
};
static const struct file_ops random_ops = {
    .name = "random", .read = read_random, .write = write_away, .stat = device_stat,
};

static const struct device {
    const char *name;
    uint32_t major, minor, mode;
    const struct file_ops *ops;
} devices[] = {
    {"console", 5, 1, 0600, &console_ops}, {"tty", 5, 0, 0666, &console_ops},    {"null", 1, 3, 0666, &null_ops},
    {"zero", 1, 5, 0666, &zero_ops},       {"full", 1, 7, 0666, &full_ops},      {"random", 1, 8, 0666, &random_ops},
    {"urandom", 1, 9, 0666, &random_ops},
};

#define NDEVICES (sizeof devices / sizeof devices[0])

static int device_open(const struct place *p, struct file *f) {
    for (size_t i = 0; i < NDEVICES; i++)
        if (p->node->rdev == (devices[i].major << 8 | devices[i].minor)) f->ops = devices[i].ops;
    return 0;
}

static const struct node_ops device_node_ops = {.open = device_open};

void devices_init(void) {
    struct node *dev = tree_add_dir(&tree_root, "dev", 0755);
    if (!dev) panic("no memory for /dev");
    for (size_t i = 0; i < NDEVICES; i++) {
        const struct device *d = &devices[i];
        struct node *n = tree_child(dev, d->name, strlen(d->name));
        if (!n) n = tree_add(dev, d->name, strlen(d->name), 0);
        if (!n || S_ISDIR(n->mode)) panic("/dev/%s cannot be made", d->name);
        n->mode = S_IFCHR | d->mode;
        n->rdev = d->major << 8 | d->minor;
        n->ops = &device_node_ops;
    }
}

void files_open_console(struct files *t) {
    struct file *f;
    int err = file_open((struct place){&tree_root, 0}, "/dev/console", &(struct rights){0, 0}, O_RDWR, &f);
    if (err) panic("/dev/console cannot be opened: error %d", -err);
    for (int fd = 0; fd < 3; fd++) {
        file_hold(f);
        if (files_add(t, f, 0, false, 3) != fd) panic("descriptor %d of the first process is not free", fd);
    }
    file_drop(f);
}
