/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The Test Anything Protocol, for programs in ring 3: the same file runs on Holdfast and on Linux.
 *
 *     #include "tests/tap.h"
 *
 *     int main(void) {
 *         plan(3);
 *         ok(ptr != NULL, "L1: a page can be had");
 *         is_int(mlock(ptr, 4096), 0, "L1: it can be locked");
 *         fails(mlock(ptr, SIZE_MAX), EINVAL, "L6: a wrap is refused");
 *         return done_testing();
 *     }
 *
 * Names are printf formats; begin them with the clause that they prove. Every check returns whether
 * it passed. Each line is flushed at once, so that fork() never copies a line that waits in the
 * buffer and a crash hides nothing. A child process must not print TAP: let it answer by its exit
 * status. Nor may a second thread make checks: let it leave what it found to who joins it. A count
 * that differs from the plan is a failure, so a test that stops half-way cannot pass.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    int planned, done, failed;
} tap_;

__attribute__((unused)) static void plan(int tests) {
    tap_.planned = tests;
    if (tests == 0) return; /* not known beforehand: done_testing() says it */
    printf("1..%d\n", tests);
    fflush(stdout);
}

/* A whole file that does not apply here: not a failure. */
__attribute__((unused, noreturn)) static void plan_skip_all(const char *why) {
    printf("1..0 # SKIP %s\n", why);
    fflush(stdout);
    exit(0);
}

__attribute__((unused, format(printf, 1, 2))) static void diag(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    printf("# ");
    vprintf(fmt, ap);
    printf("\n");
    fflush(stdout);
    va_end(ap);
}

/* Ends the whole run: there is no sense in going on. */
__attribute__((unused, noreturn, format(printf, 1, 2))) static void bail_out(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    printf("Bail out! ");
    vprintf(fmt, ap);
    printf("\n");
    fflush(stdout);
    va_end(ap);
    exit(255);
}

__attribute__((unused, format(printf, 4, 5))) static bool tap_report_(
    bool pass, const char *file, int line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    printf("%sok %d - ", pass ? "" : "not ", ++tap_.done);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    if (!pass) {
        tap_.failed++;
        printf("#   at %s:%d\n", file, line);
    }
    fflush(stdout);
    return pass;
}

static inline bool tap_say_int_(bool pass, long got, long want) {
    if (!pass) diag("  got %ld, wanted %ld", got, want);
    return pass;
}

static inline bool tap_same_str_(const char *got, const char *want) {
    return got == want || (got && want && strcmp(got, want) == 0);
}

static inline bool tap_say_str_(bool pass, const char *got, const char *want) {
    if (!pass) diag("  got \"%s\", wanted \"%s\"", got ? got : "(null)", want ? want : "(null)");
    return pass;
}

static inline bool tap_say_errno_(bool pass, long got, int err, int want) {
    if (!pass)
        diag("  got %ld with errno %d (%s), wanted -1 with errno %d (%s)", got, err, strerror(err),
             want, strerror(want));
    return pass;
}

#define ok(cond, ...) tap_report_((cond), __FILE__, __LINE__, __VA_ARGS__)
#define pass(...)     tap_report_(true, __FILE__, __LINE__, __VA_ARGS__)
#define fail(...)     tap_report_(false, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, want, ...)                                                          \
    ({                                                                                  \
        long got_ = (long)(got), want_ = (long)(want);                                  \
        tap_say_int_(tap_report_(got_ == want_, __FILE__, __LINE__, __VA_ARGS__), got_, want_); \
    })

#define is_str(got, want, ...)                                                                 \
    ({                                                                                         \
        const char *got_ = (got), *want_ = (want);                                             \
        tap_say_str_(tap_report_(tap_same_str_(got_, want_), __FILE__, __LINE__, __VA_ARGS__), \
                     got_, want_);                                                             \
    })

/* The call answers -1 (or MAP_FAILED) and sets errno to `want`. */
#define fails(call, want, ...)                                                                    \
    ({                                                                                            \
        errno = 0;                                                                                \
        long got_ = (long)(call);                                                                 \
        int err_ = errno, want_ = (want);                                                         \
        tap_say_errno_(tap_report_(got_ == -1 && err_ == want_, __FILE__, __LINE__, __VA_ARGS__), \
                       got_, err_, want_);                                                        \
    })

/* In place of `count` checks that do not apply here (not on Linux, not as this uid). */
__attribute__((unused)) static void skip(int count, const char *why) {
    while (count-- > 0) printf("ok %d # SKIP %s\n", ++tap_.done, why);
    fflush(stdout);
}

/* main's result: 0 when everything that was planned was done and passed. */
__attribute__((unused)) static int done_testing(void) {
    if (!tap_.planned) plan(tap_.done);
    if (tap_.done != tap_.planned) diag("planned %d tests but ran %d", tap_.planned, tap_.done);
    if (tap_.failed) diag("%d of %d failed", tap_.failed, tap_.done);
    return tap_.failed || tap_.done != tap_.planned ? 1 : 0;
}
