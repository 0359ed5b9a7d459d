/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * System calls from C.
 *
 *     raw(read, fd, buffer, n)    the kernel's answer: a result, or -errno
 *     sys(read, fd, buffer, n)    POSIX's: a result, or -1 with errno set
 *
 *     point(read, fd, buffer, n)  as sys, and a cancellation point
 *     raw_nr(pause, 0)            as raw, by any SYS_ number: for calls that the table has not yet;
 *                                 at least one argument must be written
 *
 * With raw and sys the compiler checks the number of arguments against abi/syscalls.tbl. Pointers
 * and integers become unsigned long; ints extend their sign, as the kernel expects.
 */
#pragma once

#include <sys/syscall.h>
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

/* libc/start/syscall.asm. The second one answers -CANCELLED (libc/internal/futex.h) without having
 * called when the thread is to be cancelled. */
long __raw_call(long number, unsigned long, unsigned long, unsigned long, unsigned long,
                unsigned long, unsigned long);
long __cancel_call(long number, unsigned long, unsigned long, unsigned long, unsigned long,
                   unsigned long, unsigned long);

/* A cancellation point: ends the thread when it is to be cancelled. The first leaves that to the
 * caller by answering -CANCELLED. */
long __cancel_try(long number, unsigned long, unsigned long, unsigned long, unsigned long,
                  unsigned long, unsigned long);
long __cancel_point(long number, unsigned long, unsigned long, unsigned long, unsigned long,
                    unsigned long, unsigned long);

#define SIX_(f, n, a, b, c, d, e, g, ...) \
    f(n, ARG_(a), ARG_(b), ARG_(c), ARG_(d), ARG_(e), ARG_(g))
#define raw_nr(name, ...) SIX_(__raw_call, SYS_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define sys_nr(name, ...) __syscall_result(raw_nr(name, __VA_ARGS__))
#define point(name, ...) \
    __syscall_result(SIX_(__cancel_point, SYS_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0))
