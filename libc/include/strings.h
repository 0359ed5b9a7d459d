/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <strings.h>: strings without case, first bits, and BSD's old names (POSIX).
 */
#pragma once

#include <stddef.h>

int strcasecmp(const char *, const char *);
int strncasecmp(const char *, const char *, size_t);
int ffs(int);
int ffsl(long);
int ffsll(long long);
int bcmp(const void *, const void *, size_t);
void bcopy(const void *from, void *to, size_t);
void bzero(void *, size_t);
char *index(const char *, int);
char *rindex(const char *, int);
