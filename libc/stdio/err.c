/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Complaints (BSD err, C17 assert): the program's name, the message, perhaps errno's.
 */
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(const char *fmt, va_list ap, const char *why) {
    fflush(stdout);
    flockfile(stderr);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    if (fmt) vfprintf(stderr, fmt, ap);
    fprintf(stderr, "%s%s\n", fmt && why ? ": " : "", why ? why : "");
    funlockfile(stderr);
}

void vwarn(const char *fmt, va_list ap) {
    complain(fmt, ap, strerror(errno));
}

void vwarnx(const char *fmt, va_list ap) {
    complain(fmt, ap, NULL);
}

_Noreturn void verr(int status, const char *fmt, va_list ap) {
    vwarn(fmt, ap);
    exit(status);
}

_Noreturn void verrx(int status, const char *fmt, va_list ap) {
    vwarnx(fmt, ap);
    exit(status);
}

void warn(const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    vwarn(fmt, ap);
    va_end(ap);
}

void warnx(const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    vwarnx(fmt, ap);
    va_end(ap);
}

_Noreturn void err(int status, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    verr(status, fmt, ap);
}

_Noreturn void errx(int status, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    verrx(status, fmt, ap);
}

_Noreturn void __assert_fail(const char *expression, const char *file, unsigned line,
                             const char *function) {
    fflush(stdout);
    fprintf(stderr, "%s: %s:%u: %s: assertion failed: %s\n", program_invocation_short_name, file,
            line, function, expression);
    abort();
}
