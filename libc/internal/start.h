/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What libc's parts ask of each other around the start and the end of a program.
 */
#pragma once

#include <stddef.h>

/* Pairs of type and value, ended by AT_NULL; set before anything else runs. */
extern const unsigned long *__auxv;

/* One entry, or `otherwise`. */
unsigned long __aux(unsigned long type, unsigned long otherwise);

/* Give the first thread its block and its thread-local variables. */
void __thread_start(void);

/* Flush the streams; there only when the program uses streams. */
void __stdio_exit(void) __attribute__((weak));
