/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * panic() and the assertions that lead to it.
 *
 * A broken kernel invariant ends the machine at once, with its reason, registers and a symbolised
 * backtrace: memory management that limps on corrupts what it was trusted with. ASSERT stays in every
 * build; DEBUG_ASSERT costs too much for the hot path and exists under DEBUG alone.
 */
#pragma once

#include <stdarg.h>

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line to the console (kernel log); never sleeps; callable with any lock held. */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define ASSERT(cond) \
    do { \
        if (__builtin_expect(!(cond), 0)) panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
    } while (0)

#ifdef DEBUG
#define DEBUG_ASSERT(cond) ASSERT(cond)
#else
#define DEBUG_ASSERT(cond) ((void)sizeof(cond))
#endif
