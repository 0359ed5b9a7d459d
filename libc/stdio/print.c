/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The printf family (C17 7.21.6): libc/core's engine with different places to put the text.
 */
#include "libc/core/format.h"
#include "libc/internal/file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_file(void *f, const char *text, size_t n) {
    __write_bytes(f, (const unsigned char *)text, n);
}

static int print(FILE *f, const char *fmt, va_list ap) {
    bool failed_before = f->failed;

    f->failed = false;
    int length = core_vformat(put_file, f, fmt, ap);
    if (length < 0) errno = EOVERFLOW;
    if (f->failed) length = -1;
    f->failed |= failed_before;
    return length;
}

/* An unbuffered stream borrows a buffer for the call, so that a message is one write. */
static int print_unbuffered(FILE *f, const char *fmt, va_list ap) {
    unsigned char borrowed[UNGET + 512];
    unsigned char *buffer = f->buffer;
    size_t size = f->size;

    fflush(f);
    f->buffer = borrowed;
    f->size = sizeof borrowed;
    f->mode = _IOFBF;
    int length = print(f, fmt, ap);
    if (fflush(f)) length = -1;
    f->buffer = buffer;
    f->size = size;
    f->mode = _IONBF;
    return length;
}

int vfprintf(FILE *restrict f, const char *restrict fmt, va_list ap) {
    hold(f);
    return f->mode == _IONBF ? print_unbuffered(f, fmt, ap) : print(f, fmt, ap);
}

int vprintf(const char *restrict fmt, va_list ap) {
    return vfprintf(stdout, fmt, ap);
}

int vdprintf(int fd, const char *restrict fmt, va_list ap) {
    FILE f = {.fd = fd, .mode = _IONBF, .writable = true};

    return vfprintf(&f, fmt, ap);
}

int vsprintf(char *restrict to, const char *restrict fmt, va_list ap) {
    return vsnprintf(to, INT_MAX, fmt, ap);
}

int vasprintf(char **restrict to, const char *restrict fmt, va_list ap) {
    va_list again;

    va_copy(again, ap);
    int length = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    *to = length < 0 ? NULL : malloc((size_t)length + 1);
    return *to ? vsnprintf(*to, (size_t)length + 1, fmt, ap) : -1;
}

#define PASS_ON(last, call)   \
    va_list ap;               \
    va_start(ap, last);       \
    int length = call;        \
    va_end(ap);               \
    return length

int printf(const char *restrict fmt, ...) {
    PASS_ON(fmt, vfprintf(stdout, fmt, ap));
}

int fprintf(FILE *restrict f, const char *restrict fmt, ...) {
    PASS_ON(fmt, vfprintf(f, fmt, ap));
}

int dprintf(int fd, const char *restrict fmt, ...) {
    PASS_ON(fmt, vdprintf(fd, fmt, ap));
}

int sprintf(char *restrict to, const char *restrict fmt, ...) {
    PASS_ON(fmt, vsprintf(to, fmt, ap));
}

int asprintf(char **restrict to, const char *restrict fmt, ...) {
    PASS_ON(fmt, vasprintf(to, fmt, ap));
}
