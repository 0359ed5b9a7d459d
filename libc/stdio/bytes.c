/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Bytes and lines through a stream (C17 7.21.7, 7.21.8; POSIX getline).
 */
#include "libc/internal/file.h"
#include "libc/internal/syscall.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t fwrite(const void *restrict from, size_t size, size_t count, FILE *restrict f) {
    size_t n;

    if (__builtin_mul_overflow(size, count, &n) || n == 0) return 0;
    hold(f);
    return __write_bytes(f, from, n) ? count : 0;
}

/* Bytes that are in the buffer, at most n of them. */
static size_t take(FILE *f, unsigned char *to, size_t n) {
    size_t there = (size_t)(f->end - f->next);

    if (n > there) n = there;
    memcpy(to, f->next, n);
    f->next += n;
    return n;
}

size_t fread(void *restrict to, size_t size, size_t count, FILE *restrict f) {
    size_t n, have = 0;
    unsigned char *p = to;

    hold(f);
    if (__builtin_mul_overflow(size, count, &n) || n == 0 || !__begin_reading(f)) return 0;
    while ((have += take(f, p + have, n - have)) < n) {
        if (n - have < f->size - UNGET) {
            if (!__fill(f)) break;
            continue;
        }
        /* Past the buffer, which is too small to help. */
        ssize_t got = sys(read, f->fd, p + have, n - have);
        if (got < 0) f->failed = true;
        if (got == 0) f->at_end = true;
        if (got <= 0) break;
        have += (size_t)got;
    }
    return have / size;
}

int getc_unlocked(FILE *f) {
    return f->state != WRITING || __begin_reading(f) ? __next_byte(f) : EOF;
}

int fgetc(FILE *f) {
    hold(f);
    return getc_unlocked(f);
}

int getc(FILE *f) {
    return fgetc(f);
}

int getchar(void) {
    return fgetc(stdin);
}

int getchar_unlocked(void) {
    return getc_unlocked(stdin);
}

/* A string that is being read already holds the byte. */
int ungetc(int c, FILE *f) {
    hold(f);
    if (c == EOF || !__begin_reading(f) || f->next == f->buffer) return EOF;
    f->next--;
    if (f->fd >= 0) *f->next = (unsigned char)c;
    f->at_end = false;
    return (unsigned char)c;
}

int putc_unlocked(int c, FILE *f) {
    unsigned char byte = (unsigned char)c;

    return __write_bytes(f, &byte, 1) ? byte : EOF;
}

int fputc(int c, FILE *f) {
    hold(f);
    return putc_unlocked(c, f);
}

int putc(int c, FILE *f) {
    return fputc(c, f);
}

int putchar(int c) {
    return fputc(c, stdout);
}

int putchar_unlocked(int c) {
    return putc_unlocked(c, stdout);
}

int fputs(const char *restrict s, FILE *restrict f) {
    hold(f);
    return __write_bytes(f, (const unsigned char *)s, strlen(s)) ? 0 : EOF;
}

int puts(const char *s) {
    hold(stdout);
    return fputs(s, stdout) < 0 || fputc('\n', stdout) < 0 ? EOF : 0;
}

char *fgets(char *restrict to, int size, FILE *restrict f) {
    char *p = to;
    int c = 0;

    hold(f);
    if (size <= 0 || !__begin_reading(f)) return NULL;
    while (p < to + size - 1 && c != '\n' && (c = __next_byte(f)) != EOF) *p++ = (char)c;
    if (c == EOF && (p == to || f->failed)) return NULL;
    *p = '\0';
    return to;
}

/* Space for n bytes more and a final zero. */
static bool grow(char **line, size_t *size, size_t used) {
    if (*line && used + 2 <= *size) return true;
    size_t wanted = used < 60 ? 120 : used * 2;
    char *bigger = used < SSIZE_MAX / 2 ? realloc(*line, wanted) : NULL;
    if (!bigger) return false;
    *line = bigger;
    *size = wanted;
    return true;
}

ssize_t getdelim(char **restrict line, size_t *restrict size, int delimiter, FILE *restrict f) {
    size_t used = 0;
    int c;

    hold(f);
    if (!line || !size) {
        errno = EINVAL;
        f->failed = true;
        return -1;
    }
    if (!__begin_reading(f)) return -1;
    do {
        if (!grow(line, size, used)) {
            f->failed = true;
            return -1;
        }
        if ((c = __next_byte(f)) != EOF) (*line)[used++] = (char)c;
    } while (c != EOF && c != delimiter);
    (*line)[used] = '\0';
    return used && !f->failed ? (ssize_t)used : -1;
}

ssize_t getline(char **restrict line, size_t *restrict size, FILE *restrict f) {
    return getdelim(line, size, '\n', f);
}
