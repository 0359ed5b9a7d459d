/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Strings beyond libc/core: copies, searches, tokens (C17 7.24, POSIX, GNU, BSD).
 */
#include <string.h>

#include <stdint.h>
#include <stdlib.h>

/* C's searches take const and give it away again; this is the one place where that is done. */
static void *unconst(const void *p) {
    return (void *)(uintptr_t)p;
}

void *mempcpy(void *restrict to, const void *restrict from, size_t n) {
    return (char *)memcpy(to, from, n) + n;
}

void *memccpy(void *restrict to, const void *restrict from, int stop, size_t n) {
    const void *found = memchr(from, stop, n);

    if (!found) {
        memcpy(to, from, n);
        return NULL;
    }
    return mempcpy(to, from, (size_t)((const char *)found - (const char *)from) + 1);
}

/* The compiler may not leave this out, although nobody reads what it writes. */
void explicit_bzero(void *s, size_t n) {
    memset(s, 0, n);
    __asm__ volatile("" ::"r"(s) : "memory");
}

void *memrchr(const void *s, int c, size_t n) {
    const unsigned char *p = s;

    while (n--)
        if (p[n] == (unsigned char)c) return unconst(p + n);
    return NULL;
}

void *memmem(const void *hay, size_t hay_length, const void *needle, size_t n) {
    const char *h = hay;

    if (n == 0) return unconst(hay);
    for (; hay_length >= n; hay_length--, h++)
        if (*h == *(const char *)needle && memcmp(h, needle, n) == 0) return unconst(h);
    return NULL;
}

/* --- Copies ---------------------------------------------------------------------------------- */

char *stpcpy(char *restrict to, const char *restrict from) {
    size_t n = strlen(from);

    memcpy(to, from, n + 1);
    return to + n;
}

char *strcpy(char *restrict to, const char *restrict from) {
    stpcpy(to, from);
    return to;
}

char *stpncpy(char *restrict to, const char *restrict from, size_t size) {
    size_t n = strnlen(from, size);

    memcpy(to, from, n);
    memset(to + n, 0, size - n);
    return to + n;
}

char *strncpy(char *restrict to, const char *restrict from, size_t size) {
    stpncpy(to, from, size);
    return to;
}

char *strcat(char *restrict to, const char *restrict from) {
    strcpy(to + strlen(to), from);
    return to;
}

char *strncat(char *restrict to, const char *restrict from, size_t max) {
    char *end = to + strlen(to);
    size_t n = strnlen(from, max);

    memcpy(end, from, n);
    end[n] = '\0';
    return to;
}

size_t strlcat(char *restrict to, const char *restrict from, size_t size) {
    size_t n = strnlen(to, size);

    return n + (n == size ? strlen(from) : strlcpy(to + n, from, size - n));
}

char *strndup(const char *s, size_t max) {
    size_t n = strnlen(s, max);
    char *copy = malloc(n + 1);

    if (copy) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

char *strdup(const char *s) {
    return strndup(s, strlen(s));
}

/* --- The C locale orders by bytes ------------------------------------------------------------ */

int strcoll(const char *a, const char *b) {
    return strcmp(a, b);
}

size_t strxfrm(char *restrict to, const char *restrict from, size_t size) {
    return strlcpy(to, from, size);
}

/* --- Searches -------------------------------------------------------------------------------- */

char *strchrnul(const char *s, int c) {
    while (*s && *s != (char)c) s++;
    return unconst(s);
}

size_t strcspn(const char *s, const char *stop) {
    const char *p = s;

    while (*p && !strchr(stop, *p)) p++;
    return (size_t)(p - s);
}

size_t strspn(const char *s, const char *accept) {
    const char *p = s;

    while (*p && strchr(accept, *p)) p++;
    return (size_t)(p - s);
}

char *strpbrk(const char *s, const char *any) {
    s += strcspn(s, any);
    return *s ? unconst(s) : NULL;
}

char *strcasestr(const char *hay, const char *needle) {
    size_t n = strlen(needle);

    for (;; hay++) {
        if (strncasecmp(hay, needle, n) == 0) return unconst(hay);
        if (!*hay) return NULL;
    }
}

/* --- Tokens ---------------------------------------------------------------------------------- */

char *strsep(char **restrict rest, const char *restrict separators) {
    char *token = *rest;

    if (!token) return NULL;
    char *end = token + strcspn(token, separators);
    *rest = *end ? end + 1 : NULL;
    *end = '\0';
    return token;
}

char *strtok_r(char *restrict s, const char *restrict separators, char **restrict rest) {
    if (!s) s = *rest;
    if (!s) return NULL;
    s += strspn(s, separators);
    *rest = *s ? s : NULL;
    return strsep(rest, separators);
}

char *strtok(char *restrict s, const char *restrict separators) {
    static char *rest;

    return strtok_r(s, separators, &rest);
}
