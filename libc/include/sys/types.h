/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/types.h>: POSIX's types, as wide as Linux's x86-64 ABI has them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;
typedef long off_t;
typedef off_t off64_t;
typedef int pid_t;
typedef unsigned uid_t;
typedef unsigned gid_t;
typedef unsigned id_t;
typedef unsigned mode_t;
typedef unsigned long dev_t;
typedef unsigned long ino_t;
typedef unsigned long nlink_t;
typedef long blksize_t;
typedef long blkcnt_t;
typedef unsigned long fsblkcnt_t;
typedef unsigned long fsfilcnt_t;
typedef int key_t;
typedef long time_t;
typedef long suseconds_t;
typedef unsigned useconds_t;
typedef long clock_t;
typedef int clockid_t;
typedef void *timer_t;

/* Threads (POSIX wants their types here); what is inside is libc's own. */
typedef unsigned long pthread_t;
typedef unsigned pthread_key_t;
typedef int pthread_once_t;
typedef int pthread_spinlock_t;
typedef struct {
    int __flags, __priority;
    size_t __stack_size, __guard_size;
    void *__stack;
    int __policy, __reserved;
} pthread_attr_t;
typedef struct {
    int __word, __kind, __count, __health;
    void *__node[2];
} pthread_mutex_t;
typedef struct {
    int __kind;
} pthread_mutexattr_t;
typedef struct {
    int __sequence, __waiters, __how, __reserved;
} pthread_cond_t;
typedef struct {
    int __how;
} pthread_condattr_t;
typedef struct {
    int __word, __writer, __how, __reserved;
} pthread_rwlock_t;
typedef struct {
    int __how;
} pthread_rwlockattr_t;
typedef struct {
    int __lock, __round, __arrived, __inside;
    unsigned __total;
    int __how;
} pthread_barrier_t;
typedef struct {
    int __how;
} pthread_barrierattr_t;

typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned u_int;
typedef unsigned long u_long;
typedef char *caddr_t;
