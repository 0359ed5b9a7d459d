/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Where a stream stands, and how it is (C17 7.21.9, 7.21.10).
 */
#include "libc/internal/file.h"
#include "libc/internal/syscall.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The buffer is emptied first, so the file's own position is the stream's. */
int fseeko(FILE *f, off_t offset, int whence) {
    hold(f);
    if (fflush(f) || sys(lseek, f->fd, offset, whence) < 0) return -1;
    f->at_end = false;
    return 0;
}

int fseek(FILE *f, long offset, int whence) {
    return fseeko(f, offset, whence);
}

off_t ftello(FILE *f) {
    hold(f);
    /* What an appending stream has buffered will go to the end. */
    bool at_end = f->append && f->state == WRITING;
    off_t at = sys(lseek, f->fd, 0, at_end ? SEEK_END : SEEK_CUR);

    if (at < 0) return -1;
    if (f->state == READING) at -= f->end - f->next;
    if (f->state == WRITING) at += f->next - (f->buffer + UNGET);
    return at;
}

long ftell(FILE *f) {
    return ftello(f);
}

void rewind(FILE *f) {
    hold(f);
    fseeko(f, 0, SEEK_SET);
    clearerr(f);
}

int fgetpos(FILE *restrict f, fpos_t *restrict to) {
    return (*to = ftello(f)) < 0 ? -1 : 0;
}

int fsetpos(FILE *f, const fpos_t *from) {
    return fseeko(f, *from, SEEK_SET);
}

void clearerr(FILE *f) {
    hold(f);
    f->at_end = f->failed = false;
}

int feof(FILE *f) {
    return f->at_end;
}

int ferror(FILE *f) {
    return f->failed;
}

void perror(const char *prefix) {
    const char *why = strerror(errno);

    if (prefix && *prefix) fprintf(stderr, "%s: %s\n", prefix, why);
    else fprintf(stderr, "%s\n", why);
}
