/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Formatted text into a buffer of limited size (C17 7.21.6.5).
 */
#include "libc/core/format.h"
#include "libc/core/string.h"

struct buffer {
    char *to;
    size_t room; /* without the final zero */
};

static void put_buffer(void *arg, const char *text, size_t n) {
    struct buffer *b = arg;

    if (n > b->room) n = b->room;
    memcpy(b->to, text, n);
    b->to += n;
    b->room -= n;
}

int vsnprintf(char *restrict to, size_t size, const char *restrict fmt, va_list ap) {
    char nowhere;
    struct buffer b = {.to = size ? to : &nowhere, .room = size ? size - 1 : 0};
    int length = core_vformat(put_buffer, &b, fmt, ap);

    *b.to = '\0';
    return length;
}

int snprintf(char *restrict to, size_t size, const char *restrict fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    int length = vsnprintf(to, size, fmt, ap);
    va_end(ap);
    return length;
}
