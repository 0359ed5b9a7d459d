/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The engine of a stream: filling and flushing its buffer (libc/internal/file.h draws it).
 */
#include "libc/internal/file.h"
#include "libc/internal/syscall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An allocation that fails costs the buffer, not the stream. */
static void choose_buffer(FILE *f) {
    if (f->mode < 0) f->mode = isatty(f->fd) ? _IOLBF : _IOFBF;
    if (f->buffer) return;
    if (f->mode != _IONBF && (f->buffer = malloc(BUFSIZ + UNGET))) {
        f->own_buffer = true;
        f->size = BUFSIZ + UNGET;
        return;
    }
    f->buffer = f->tiny;
    f->size = sizeof f->tiny;
}

static bool refuse(FILE *f) {
    errno = EBADF;
    f->failed = true;
    return false;
}

static void rest(FILE *f) {
    f->next = f->end = NULL;
    f->state = AT_REST;
}

/* What was read ahead goes back to the file. A pipe cannot take it back, so there it stays. */
static void give_back(FILE *f) {
    if (f->end == f->next || raw(lseek, f->fd, f->next - f->end, SEEK_CUR) >= 0) rest(f);
}

bool __begin_writing(FILE *f) {
    if (f->state == WRITING) return true;
    if (!f->writable) return refuse(f);
    if (f->state == READING) {
        give_back(f);
        rest(f);
    }
    choose_buffer(f);
    f->next = f->buffer + UNGET;
    f->state = WRITING;
    return true;
}

bool __begin_reading(FILE *f) {
    if (f->state == READING) return true;
    if (!f->readable) return refuse(f);
    if (f->state == WRITING && __flush_writing(f)) return false;
    choose_buffer(f);
    f->next = f->end = f->buffer + UNGET;
    f->state = READING;
    return true;
}

static int write_all(FILE *f, const unsigned char *from, size_t n) {
    while (n) {
        ssize_t done = sys(write, f->fd, from, n);
        if (done < 0) {
            f->failed = true;
            return EOF;
        }
        from += done;
        n -= (size_t)done;
    }
    return 0;
}

int __flush_writing(FILE *f) {
    const unsigned char *start = f->buffer + UNGET;
    size_t n = (size_t)(f->next - start);

    f->next = NULL;
    f->state = AT_REST;
    return write_all(f, start, n);
}

/* Who reads holds stdin: waiting for stdout as well might be waiting for each other. */
static void flush_if_free(FILE *f) {
    if (ftrylockfile(f)) return;
    if (f->state == WRITING) __flush_writing(f);
    funlockfile(f);
}

size_t __fill(FILE *f) {
    if (f->fd < 0 || !__begin_reading(f)) return 0;
    /* A question should be seen before its answer is waited for. */
    if (f == stdin && stdout->state == WRITING && stdout->mode == _IOLBF) flush_if_free(stdout);
    f->next = f->end = f->buffer + UNGET;
    ssize_t got = sys(read, f->fd, f->next, f->size - UNGET);
    if (got < 0) f->failed = true;
    if (got == 0) f->at_end = true;
    if (got <= 0) return 0;
    f->end = f->next + got;
    return (size_t)got;
}

/* What is too large for the buffer passes it by. */
bool __write_bytes(FILE *f, const unsigned char *from, size_t n) {
    if (n == 0) return true;
    if (!__begin_writing(f)) return false;
    if (f->mode == _IONBF) return write_all(f, from, n) == 0;

    if (n > (size_t)(f->buffer + f->size - f->next)) {
        if (__flush_writing(f) || !__begin_writing(f)) return false;
        if (n >= f->size - UNGET) return write_all(f, from, n) == 0;
    }
    memcpy(f->next, from, n);
    f->next += n;
    return f->mode != _IOLBF || !memchr(from, '\n', n) || __flush_writing(f) == 0;
}

static int flush_all(void) {
    int result = 0;

    lock(&__open_files_lock);
    for (FILE *f = __open_files; f; f = f->following)
        if (__atomic_load_n(&f->state, __ATOMIC_RELAXED) == WRITING) result |= fflush(f);
    unlock(&__open_files_lock);
    return result;
}

int fflush(FILE *f) {
    if (!f) return flush_all();
    hold(f);
    if (f->state == WRITING) return __flush_writing(f);
    if (f->state == READING) give_back(f);
    return 0;
}
