/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <string.h>: bytes and strings (C17 7.24, POSIX, and what GNU and BSD programs expect).
 *
 * The messages of strerror are in English; strerror_r is POSIX's (an int), not GNU's.
 */
#pragma once

#include <stddef.h>
#include <strings.h>

void *memcpy(void *restrict to, const void *restrict from, size_t);
void *memmove(void *to, const void *from, size_t);
void *mempcpy(void *restrict to, const void *restrict from, size_t);
void *memccpy(void *restrict to, const void *restrict from, int stop, size_t);
void *memset(void *, int, size_t);
void explicit_bzero(void *, size_t);
int memcmp(const void *, const void *, size_t);
void *memchr(const void *, int, size_t);
void *memrchr(const void *, int, size_t);
void *memmem(const void *hay, size_t, const void *needle, size_t);

size_t strlen(const char *);
size_t strnlen(const char *, size_t);
char *strcpy(char *restrict, const char *restrict);
char *strncpy(char *restrict, const char *restrict, size_t);
char *stpcpy(char *restrict, const char *restrict);
char *stpncpy(char *restrict, const char *restrict, size_t);
char *strcat(char *restrict, const char *restrict);
char *strncat(char *restrict, const char *restrict, size_t);
size_t strlcpy(char *restrict, const char *restrict, size_t);
size_t strlcat(char *restrict, const char *restrict, size_t);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
int strcoll(const char *, const char *);
size_t strxfrm(char *restrict, const char *restrict, size_t);
char *strchr(const char *, int);
char *strrchr(const char *, int);
char *strchrnul(const char *, int);
char *strstr(const char *, const char *);
char *strcasestr(const char *, const char *);
size_t strspn(const char *, const char *);
size_t strcspn(const char *, const char *);
char *strpbrk(const char *, const char *);
char *strtok(char *restrict, const char *restrict);
char *strtok_r(char *restrict, const char *restrict, char **restrict);
char *strsep(char **restrict, const char *restrict);
char *strdup(const char *) __attribute__((malloc));
char *strndup(const char *, size_t) __attribute__((malloc));

char *strerror(int);
int strerror_r(int, char *, size_t);
char *strsignal(int);
