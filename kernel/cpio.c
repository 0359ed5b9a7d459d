/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The reader of cpio archives. See cpio.h.
 *
 *      at                 +110            rounded to 4          rounded to 4
 *      | magic, 13 x %08x | name ... NUL | file's bytes ...    | next header
 *
 * Offsets are rounded from the archive's start. The archive ends with an entry called TRAILER!!!; what
 * follows it is not looked at (loaders pad). An archive that stops without it was cut short.
 *
 * MISSING  the older formats (odc, binary), which the Linux kernel does not read either; compression.
 */
#include "kernel/cpio.h"

#include <stdbool.h>

#include "libc/core/string.h"

enum { INO, MODE, UID, GID, NLINK, MTIME, SIZE, DEV_MAJOR, DEV_MINOR, RDEV_MAJOR, RDEV_MINOR, NAME_SIZE, SUM, FIELDS };

#define HEADER   (6 + 8 * FIELDS)
#define NAME_MAX 4096

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool hex_field(const uint8_t *p, uint32_t *value) {
    *value = 0;
    for (int i = 0; i < 8; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return false;
        *value = *value << 4 | (uint32_t)digit;
    }
    return true;
}

/* What is it, if not what we can read? People hand over a compressed archive, or no archive at all. */
static const char *what_else(const uint8_t *p, size_t left) {
    if (left >= 2 && p[0] == 0x1f && p[1] == 0x8b) return "it is compressed by gzip: give it uncompressed";
    if (left >= 6 && memcmp(p, "\xfd" "7zXZ", 6) == 0) return "it is compressed by xz: give it uncompressed";
    if (left >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0) return "it is compressed by zstd: give it uncompressed";
    if (left >= 6 && memcmp(p, "070707", 6) == 0) return "it is of the old cpio format: make it with cpio -H newc";
    if (left >= 4 && memcmp(p, "\x7f" "ELF", 4) == 0) return "it is an ELF file, not an archive";
    return "no cpio header (070701) where one must be";
}

static uint32_t byte_sum(const uint8_t *p, uint32_t n) {
    uint32_t sum = 0;
    while (n--) sum += *p++;
    return sum;
}

static int fail(const char **why, const char *text) {
    *why = text;
    return -1;
}

static size_t round4(size_t x) {
    return (x + 3) & ~(size_t)3;
}

/* Reads the header at c->at into the fields: 0, or -1. */
static int read_header(const struct cpio *c, uint32_t *field, const char **why) {
    const uint8_t *p = c->start + c->at;
    size_t left = c->size - c->at;
    if (!left) return fail(why, "it ends without its trailer: it was cut short");
    if (left < 6 || memcmp(p, "07070", 5) || (p[5] != '1' && p[5] != '2')) return fail(why, what_else(p, left));
    if (left < HEADER) return fail(why, "it ends inside a header: it was cut short");
    for (int i = 0; i < FIELDS; i++)
        if (!hex_field(p + 6 + 8 * i, &field[i])) return fail(why, "a header has a field that is not a hexadecimal number");
    return 0;
}

static int read_name(const struct cpio *c, uint32_t size, struct cpio_entry *e, const char **why) {
    size_t left = c->size - c->at - HEADER;
    const char *name = (const char *)c->start + c->at + HEADER;
    if (size < 2 || size > NAME_MAX) return fail(why, "an entry's name is empty or too long");
    if (size > left) return fail(why, "it ends inside a name: it was cut short");
    if (memchr(name, 0, size) != name + size - 1) return fail(why, "an entry's name does not end where its length says");
    e->name = name;
    e->name_len = size - 1;
    return 0;
}

int cpio_next(struct cpio *c, struct cpio_entry *e, const char **why) {
    uint32_t f[FIELDS];
    if (read_header(c, f, why) < 0 || read_name(c, f[NAME_SIZE], e, why) < 0) return -1;
    if (e->name_len == 10 && memcmp(e->name, "TRAILER!!!", 10) == 0) return 0;

    size_t data = round4(c->at + HEADER + f[NAME_SIZE]);
    if (data > c->size || f[SIZE] > c->size - data) return fail(why, "it ends inside a file: it was cut short");
    e->data = c->start + data;
    e->size = f[SIZE];
    if (c->start[c->at + 5] == '2' && (f[MODE] & 0170000) == 0100000 && byte_sum(e->data, e->size) != f[SUM])
        return fail(why, "a file's checksum is wrong");
    e->ino = f[INO], e->mode = f[MODE], e->uid = f[UID], e->gid = f[GID], e->nlink = f[NLINK], e->mtime = f[MTIME];
    e->dev_major = f[DEV_MAJOR], e->dev_minor = f[DEV_MINOR];
    e->rdev_major = f[RDEV_MAJOR], e->rdev_minor = f[RDEV_MINOR];

    size_t next = round4(data + f[SIZE]);
    c->at = next < c->size ? next : c->size; /* the last entry's padding may be missing */
    return 1;
}
