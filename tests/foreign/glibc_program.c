/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The plain program once more, from glibc (gcc -static).
 *
 * clauses: L1 L13 A7
 */
#include "tests/foreign/musl_program.c"
