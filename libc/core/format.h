/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Formatted text (C17 7.21.6.1), for the kernel, libc and the host's tests.
 *
 * Known here: d i u o x X c s p %, the flags - + space # 0, width and precision (also *), the
 * lengths hh h l ll j z t L. What needs more than the kernel has (floating point, errno) goes to
 * core_format_more, of which each program has one of two: libc/core/nofloat.c knows nothing,
 * libc/stdio/format_more.c knows e f g a and m. Known nowhere, on purpose: n, which writes to
 * memory; wide characters. An unknown conversion appears in the output as it was written, and takes
 * no argument.
 *
 * Nothing here sleeps, takes a lock or allocates.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* One conversion, as parsed. */
struct format_spec {
    bool left, plus, space, alt, zero; /* - + space # 0 */
    int width;
    int precision;                     /* -1: none given */
    char length;                       /* 'H' hh, 'h', 'l', 'q' ll, 'j', 'z', 't', 'L'; 0: none */
    char conversion;
};

/* Where the text goes. */
struct format_out {
    void (*put)(void *arg, const char *text, size_t n);
    void *arg;
    size_t total;                      /* given to put so far */
};

struct format_args {
    va_list ap;
};

/* For those who write further conversions: text as it is; n times one character (n <= 0: nothing);
 * and text set into spec's width, `zeros` zeroes between its prefix and its body. */
void format_put(struct format_out *, const char *, size_t n);
void format_fill(struct format_out *, char c, long n);
void format_field(struct format_out *, const struct format_spec *, const char *prefix, long zeros,
                  const char *body, size_t n);

/* Performs the conversion and takes its argument, or returns false and leaves both alone. */
bool core_format_more(struct format_out *, const struct format_spec *, struct format_args *);

/* Gives the text to `put` piece by piece; returns its length, or -1 when no int holds it. */
int core_vformat(void (*put)(void *arg, const char *text, size_t n), void *arg, const char *fmt,
                 va_list ap);

/* Writes at most size bytes, the final zero among them; returns the whole text's length. */
int vsnprintf(char *restrict to, size_t size, const char *restrict fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
int snprintf(char *restrict to, size_t size, const char *restrict fmt, ...)
    __attribute__((format(printf, 3, 4)));
