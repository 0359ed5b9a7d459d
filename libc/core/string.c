/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Bytes and strings, for the kernel and for libc.
 *
 * Moving and filling use the string instructions: under an emulator, and on processors with fast
 * strings, one `rep` costs a handful of instructions where a loop costs one round a word. The
 * direction flag is clear everywhere by the ABI; memmove sets it for the one case that runs
 * backwards, and clears it again.
 *
 * A compiler that recognises strlen in a loop replaces the loop by a call, here of itself. The
 * pragma tells gcc not to; clang needs -fno-builtin or -ffreestanding, which libc and the kernel
 * are compiled with.
 */
#include "libc/core/string.h"

#include <stdint.h>

#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    void *d = to;
    size_t words = n / 8;
    size_t rest = n % 8;

    __asm__ volatile("rep movsq" : "+D"(d), "+S"(from), "+c"(words)::"memory");
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(rest)::"memory");
    return to;
}

/* Highest byte first, for a destination that overlaps the source from above. */
static void move_down(unsigned char *to, const unsigned char *from, size_t n) {
    size_t rest = n % 8;
    size_t words = n / 8;
    const unsigned char *s = from + n - 1;
    unsigned char *d = to + n - 1;

    __asm__ volatile("std; rep movsb" : "+D"(d), "+S"(s), "+c"(rest)::"memory");
    d -= 7;
    s -= 7;
    __asm__ volatile("rep movsq; cld" : "+D"(d), "+S"(s), "+c"(words)::"memory");
}

void *memmove(void *to, const void *from, size_t n) {
    if ((uintptr_t)to - (uintptr_t)from >= n) return memcpy(to, from, n);
    move_down(to, from, n);
    return to;
}

void *memset(void *s, int c, size_t n) {
    void *d = s;
    uint64_t pattern = 0x0101010101010101ULL * (unsigned char)c;
    size_t words = n / 8;
    size_t rest = n % 8;

    __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(pattern) : "memory");
    return s;
}

static uint64_t load(const unsigned char *p) {
    uint64_t word;

    __builtin_memcpy(&word, p, sizeof word);
    return word;
}

int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *p = a;
    const unsigned char *q = b;

    for (; n >= 8 && load(p) == load(q); n -= 8) {
        p += 8;
        q += 8;
    }
    for (; n && *p == *q; n--) {
        p++;
        q++;
    }
    return n ? *p - *q : 0;
}

void *memchr(const void *s, int c, size_t n) {
    const unsigned char *p = s;

    for (; n; n--, p++)
        if (*p == (unsigned char)c) return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *s) {
    const char *end = s;

    while (*end) end++;
    return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max) {
    size_t n = 0;

    while (n < max && s[n]) n++;
    return n;
}

int strcmp(const char *a, const char *b) {
    for (; *a && *a == *b; a++) b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n) {
    for (; n && *a && *a == *b; a++, b++) n--;
    return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *s, int c) {
    for (; *s != (char)c; s++)
        if (!*s) return NULL;
    return (char *)(uintptr_t)s;
}

char *strrchr(const char *s, int c) {
    const char *last = NULL;

    do {
        if (*s == (char)c) last = s;
    } while (*s++);
    return (char *)(uintptr_t)last;
}

char *strstr(const char *hay, const char *needle) {
    size_t n = strlen(needle);

    for (; (hay = n ? strchr(hay, *needle) : hay) != NULL; hay++)
        if (strncmp(hay, needle, n) == 0) return (char *)(uintptr_t)hay;
    return NULL;
}

size_t strlcpy(char *restrict to, const char *restrict from, size_t size) {
    size_t length = strlen(from);
    size_t copied = length < size ? length : size ? size - 1 : 0;

    memcpy(to, from, copied);
    if (size) to[copied] = '\0';
    return length;
}
