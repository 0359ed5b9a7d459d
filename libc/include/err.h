/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <err.h>: complaints on stderr that begin with the program's name (BSD). Without x they end with
 * errno's message; err and errx exit with the given status.
 */
#pragma once

#include <stdarg.h>

_Noreturn void err(int status, const char *, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void errx(int status, const char *, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void verr(int status, const char *, va_list) __attribute__((format(printf, 2, 0)));
_Noreturn void verrx(int status, const char *, va_list) __attribute__((format(printf, 2, 0)));
void warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
void vwarn(const char *, va_list) __attribute__((format(printf, 1, 0)));
void vwarnx(const char *, va_list) __attribute__((format(printf, 1, 0)));
