/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Bytes and strings: the part of <string.h> that the kernel, libc and the host's tests share.
 *
 * Meanings are C17 7.24's. No function sleeps, takes a lock, allocates or fails; all may be called
 * from anywhere. On the host the C library's own functions stand behind these names.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *s, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *hay, const char *needle);

/* Copies what fits into size bytes and ends it; answers strlen(from), so answer >= size means it
 * was cut. */
size_t strlcpy(char *restrict to, const char *restrict from, size_t size);
