/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Streams: the three that every program has, opening, closing, buffers. None of stdio is a
 * cancellation point (sys, not open and close), so no lock is left behind by a thread that ends.
 */
#include "libc/internal/file.h"
#include "libc/internal/fork.h"
#include "libc/internal/start.h"
#include "libc/internal/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char in_buffer[BUFSIZ + UNGET], out_buffer[BUFSIZ + UNGET];

static FILE in, out, error;
static FILE in = {.fd = STDIN_FILENO, .mode = -1, .readable = true,
                  .buffer = in_buffer, .size = sizeof in_buffer, .following = &out};
static FILE out = {.fd = STDOUT_FILENO,
                   .mode = -1,
                   .writable = true,
                   .buffer = out_buffer,
                   .size = sizeof out_buffer,
                   .following = &error,
                   .preceding = &in};
static FILE error = {.fd = STDERR_FILENO, .mode = _IONBF, .writable = true, .preceding = &out};

FILE *const stdin = &in;
FILE *const stdout = &out;
FILE *const stderr = &error;
FILE *__open_files = &in;
struct lock __open_files_lock;

/* In the child, a stream that a thread held which is not there any more is nobody's. */
void __stdio_fork(enum fork_step step) {
    fork_lock(&__open_files_lock, step);
    for (FILE *f = step == FORK_CHILD ? __open_files : NULL; f; f = f->following) {
        if (f->owner == this_thread()) continue;
        f->owner = NULL;
        f->depth = 0;
        f->lock.word = 0;
    }
}

void flockfile(FILE *f) {
    __hold(f);
}

int ftrylockfile(FILE *f) {
    int free = 0;

    if (__atomic_load_n(&f->owner, __ATOMIC_RELAXED) != this_thread() &&
        !__atomic_compare_exchange_n(&f->lock.word, &free, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return -1;
    __atomic_store_n(&f->owner, this_thread(), __ATOMIC_RELAXED);
    f->depth++;
    return 0;
}

void funlockfile(FILE *f) {
    __let_go(&f);
}

void __stdio_exit(void) {
    fflush(NULL);
}

/* open's flags for fopen's mode, or -1. */
static int parse_mode(const char *mode) {
    static const char kinds[] = "rwa";
    static const int flags[] = {0, O_CREAT | O_TRUNC, O_CREAT | O_APPEND};
    const char *kind = *mode ? strchr(kinds, *mode) : NULL;

    if (!kind) {
        errno = EINVAL;
        return -1;
    }
    int way = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
    return way | flags[kind - kinds] | (strchr(mode, 'e') ? O_CLOEXEC : 0) |
           (strchr(mode, 'x') ? O_EXCL : 0);
}

static void set_up(FILE *f, int fd, int flags) {
    int way = flags & O_ACCMODE;

    f->fd = fd;
    f->mode = -1;
    f->state = AT_REST;
    f->readable = way != O_WRONLY;
    f->writable = way != O_RDONLY;
    f->append = flags & O_APPEND;
    f->at_end = f->failed = false;
}

static FILE *new_stream(int fd, int flags) {
    FILE *f = calloc(1, sizeof *f);

    if (!f) return NULL;
    set_up(f, fd, flags);
    f->listed = true;
    lock(&__open_files_lock);
    f->following = __open_files;
    __open_files->preceding = f;
    __open_files = f;
    unlock(&__open_files_lock);
    return f;
}

FILE *fopen(const char *restrict path, const char *restrict mode) {
    int flags = parse_mode(mode);
    int fd = flags < 0 ? -1 : (int)sys(open, path, flags, 0666);
    FILE *f = fd < 0 ? NULL : new_stream(fd, flags);

    if (fd >= 0 && !f) sys(close, fd);
    return f;
}

FILE *fdopen(int fd, const char *mode) {
    int flags = parse_mode(mode);

    if (flags < 0 || fcntl(fd, F_GETFL) < 0) return NULL;
    if (flags & O_APPEND) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_APPEND);
    if (flags & O_CLOEXEC) fcntl(fd, F_SETFD, FD_CLOEXEC);
    return new_stream(fd, flags);
}

/* Let go of the descriptor; the structure stays. */
static int shut(FILE *f) {
    hold(f);
    int flushed = fflush(f);
    int closed = f->fd >= 0 ? (int)sys(close, f->fd) : 0;

    f->fd = -1;
    return flushed | closed ? EOF : 0;
}

static void forget(FILE *f) {
    lock(&__open_files_lock);
    if (f->following) f->following->preceding = f->preceding;
    if (f->preceding) f->preceding->following = f->following;
    else __open_files = f->following;
    unlock(&__open_files_lock);
    if (f->own_buffer) free(f->buffer);
    free(f);
}

int fclose(FILE *f) {
    int result = shut(f);

    if (f->listed) forget(f);
    else f->readable = f->writable = false;
    return result;
}

/* The new file takes the old one's descriptor when that is one of the first three, as programs
 * expect. A path of NULL, which would change the mode alone, is refused. */
FILE *freopen(const char *restrict path, const char *restrict mode, FILE *restrict f) {
    int flags = parse_mode(mode);
    int old = f->fd;

    flockfile(f);
    if (!path) errno = EINVAL;
    int fd = flags < 0 || !path ? -1 : (int)sys(open, path, flags, 0666);
    int error_number = errno;
    if (fd >= 0 && old >= 0 && old <= STDERR_FILENO && fd != old) {
        fflush(f);
        if (dup3(fd, old, flags & O_CLOEXEC) < 0) error_number = errno;
        sys(close, fd);
        fd = old;
    } else {
        shut(f);
    }
    if (fd < 0) {
        if (f->listed) forget(f);
        else funlockfile(f);
        errno = error_number;
        return NULL;
    }
    bool unbuffered = f == stderr;
    set_up(f, fd, flags);
    if (unbuffered) f->mode = _IONBF;
    funlockfile(f);
    return f;
}

/* A buffer too small to serve is passed over; what was buffered is written or put back first. */
int setvbuf(FILE *restrict f, char *restrict buffer, int mode, size_t size) {
    if (mode != _IOFBF && mode != _IOLBF && mode != _IONBF) {
        errno = EINVAL;
        return EOF;
    }
    hold(f);
    fflush(f);
    if (f->state != AT_REST) return EOF; /* bytes from a pipe are in the old buffer */
    f->mode = mode;
    bool theirs = mode != _IONBF && buffer && size > 2 * UNGET;
    if (theirs || mode == _IONBF || f->buffer == f->tiny) {
        if (f->own_buffer) free(f->buffer);
        f->own_buffer = false;
        f->buffer = theirs ? (unsigned char *)buffer : NULL;
        f->size = theirs ? size : 0;
    }
    return 0;
}

void setbuf(FILE *restrict f, char *restrict buffer) {
    setvbuf(f, buffer, buffer ? _IOFBF : _IONBF, BUFSIZ);
}

void setlinebuf(FILE *f) {
    setvbuf(f, NULL, _IOLBF, 0);
}

int fileno(FILE *f) {
    if (f->fd < 0) errno = EBADF;
    return f->fd;
}
