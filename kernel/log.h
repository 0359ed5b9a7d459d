/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What log_line (kernel/assert.h) needs to be told, and the panic that has a trap frame to show.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct trapframe;

/* Quiet: log_line says nothing from here on (the option `quiet`). A panic is never quiet. */
void log_quiet(bool quiet);

/* As panic(), with the registers and the backtrace of what was interrupted. */
_Noreturn void panic_trap(const struct trapframe *tf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The function that a kernel address lies in, and how far in; NULL when it is not in the kernel's text. */
const char *ksym_name(unsigned long address, unsigned long *offset);
