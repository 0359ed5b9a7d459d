/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <fcntl.h>: opening files and controlling descriptors (POSIX).
 */
#pragma once

#include <linux/fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif
#define O_RSYNC  O_SYNC
#define O_SEARCH O_PATH

int open(const char *, int flags, ...); /* a third argument, mode_t, with O_CREAT or O_TMPFILE */
int openat(int folder, const char *, int flags, ...);
int creat(const char *, mode_t);
int fcntl(int, int command, ...);
