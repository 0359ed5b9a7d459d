/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A mark that bench/count.c sees, and the processor does not: n, a constant from 0 to 255.
 */
#pragma once

#define MARK(n)       __asm__ volatile("nopl 0x484f4c00+%c0(%%rax)" : : "i"(n) : "memory")
