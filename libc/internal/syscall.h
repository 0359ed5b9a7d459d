/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * System calls from C.
 *
 *     raw(read, fd, buffer, n)    the kernel's answer: a result, or -errno
 *     sys(read, fd, buffer, n)    POSIX's: a result, or -1 with errno set
 *
 * The number of arguments is checked by the compiler against abi/syscalls.tbl. Pointers and
 * integers become unsigned long; ints extend their sign, as the kernel expects.
 */
#pragma once

#include <syscall_stubs.h>

/* Sets errno and answers -1 for -4095..-1, which is what the kernel returns for failure. */
long __syscall_result(long result);

#define ARG_(x)                ((unsigned long)(x))
#define RAW0_(name)            __sys_##name()
#define RAW1_(name, a)         __sys_##name(ARG_(a))
#define RAW2_(name, a, b)      __sys_##name(ARG_(a), ARG_(b))
#define RAW3_(name, a, b, c)   __sys_##name(ARG_(a), ARG_(b), ARG_(c))
#define RAW4_(name, a, b, c, d)       __sys_##name(ARG_(a), ARG_(b), ARG_(c), ARG_(d))
#define RAW5_(name, a, b, c, d, e)    __sys_##name(ARG_(a), ARG_(b), ARG_(c), ARG_(d), ARG_(e))
#define RAW6_(name, a, b, c, d, e, f) \
    __sys_##name(ARG_(a), ARG_(b), ARG_(c), ARG_(d), ARG_(e), ARG_(f))
#define COUNT_(name, a, b, c, d, e, f, chosen, ...) chosen
#define raw(...) \
    COUNT_(__VA_ARGS__, RAW6_, RAW5_, RAW4_, RAW3_, RAW2_, RAW1_, RAW0_, 0)(__VA_ARGS__)
#define sys(...) __syscall_result(raw(__VA_ARGS__))
