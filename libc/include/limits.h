/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <limits.h>: how large things are (C17 5.2.4.2.1, POSIX). Limits that depend on the running system
 * are not here: ask sysconf().
 */
#pragma once

#define CHAR_BIT   __CHAR_BIT__
#define SCHAR_MAX  __SCHAR_MAX__
#define SCHAR_MIN  (-SCHAR_MAX - 1)
#define UCHAR_MAX  (SCHAR_MAX * 2 + 1)
#ifdef __CHAR_UNSIGNED__
#define CHAR_MIN   0
#define CHAR_MAX   UCHAR_MAX
#else
#define CHAR_MIN   SCHAR_MIN
#define CHAR_MAX   SCHAR_MAX
#endif
#define SHRT_MAX   __SHRT_MAX__
#define SHRT_MIN   (-SHRT_MAX - 1)
#define USHRT_MAX  (SHRT_MAX * 2 + 1)
#define INT_MAX    __INT_MAX__
#define INT_MIN    (-INT_MAX - 1)
#define UINT_MAX   (INT_MAX * 2U + 1U)
#define LONG_MAX   __LONG_MAX__
#define LONG_MIN   (-LONG_MAX - 1L)
#define ULONG_MAX  (LONG_MAX * 2UL + 1UL)
#define LLONG_MAX  __LONG_LONG_MAX__
#define LLONG_MIN  (-LLONG_MAX - 1LL)
#define ULLONG_MAX (LLONG_MAX * 2ULL + 1ULL)
#define WORD_BIT   32
#define LONG_BIT   64
#define MB_LEN_MAX 4
#define SSIZE_MAX  LONG_MAX

#define PAGESIZE   4096
#define PAGE_SIZE  PAGESIZE
#define PATH_MAX   4096
#define NAME_MAX   255
#define PIPE_BUF   4096
#define IOV_MAX    1024
#define NZERO      20

#define PTHREAD_KEYS_MAX              128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#define PTHREAD_STACK_MIN             16384
#define SEM_VALUE_MAX                 0x7fffffff
#define RTSIG_MAX                     31
#define DELAYTIMER_MAX                0x7fffffff

#define _POSIX_AIO_LISTIO_MAX  2
#define _POSIX_AIO_MAX         1
#define _POSIX_ARG_MAX         4096
#define _POSIX_CHILD_MAX       25
#define _POSIX_HOST_NAME_MAX   255
#define _POSIX_NAME_MAX        14
#define _POSIX_OPEN_MAX        20
#define _POSIX_PATH_MAX        256
#define _POSIX_PIPE_BUF        512
#define _POSIX_SSIZE_MAX       32767
#define HOST_NAME_MAX          64
