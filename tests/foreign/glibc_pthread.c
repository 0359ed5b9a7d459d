/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The threaded program once more, from glibc (gcc -static -pthread): that library asks for clone3, rseq and more
 * first, and goes on without. It takes 8 MiB for each thread's stack (RLIMIT_STACK), which have to be there.
 *
 * mem: 256M
 */
#include "tests/foreign/musl_pthread.c"
