/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The kernel's own lines on the console: formatted on the stack, queued whole, so that lines of two
 * writers do not mix. What does not fit a line is cut.
 */
#include "kernel/log.h"

#include "arch/serial.h"
#include "kernel/assert.h"
#include "libc/core/format.h"

#define LINE 256

static bool quiet;

void log_quiet(bool on) {
    quiet = on;
}

void log_line(const char *fmt, ...) {
    if (quiet) return;
    char text[LINE];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    if (n > LINE - 2) n = LINE - 2;
    text[n++] = '\n';
    serial_write_all(text, (size_t)n);
}
