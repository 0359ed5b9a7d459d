/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Reading a cpio archive of the "new ASCII" format, which is what an initrd is.
 *
 * A pure reader: it allocates nothing, changes nothing, believes nothing, and runs in host tests under
 * sanitizers as it runs in the kernel. Names and data stay where they are in the archive.
 * Source: cpio(5), "New ASCII Format" and "New CRC Format".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cpio {
    const uint8_t *start;
    size_t size, at;     /* at <= size: the next header */
};

struct cpio_entry {
    const char *name;    /* not empty, NUL-terminated, without a NUL inside; any path whatever */
    size_t name_len;
    const uint8_t *data; /* size bytes, all inside the archive */
    uint32_t size;
    uint32_t ino, mode, uid, gid, nlink, mtime;
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
};

static inline void cpio_begin(struct cpio *c, const void *start, size_t size) {
    *c = (struct cpio){.start = start, .size = size};
}

/* 1: an entry. 0: the end, as the archive says itself. -1: it is corrupt; *why says how, c->at where. */
int cpio_next(struct cpio *c, struct cpio_entry *e, const char **why);
