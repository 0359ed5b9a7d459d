/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A stream, as stdio's files see it.
 *
 *     buffer                                        buffer + size
 *     | UNGET bytes for ungetc | bytes ...                |
 *     reading:   next ---- end: read from fd, not yet by the program
 *     writing:   buffer + UNGET ---- next: written by the program, not yet to fd
 *
 * A stream is at rest, reading or writing. At rest nothing is buffered.
 *
 * LOCKING: each call holds its stream (hold, below), as flockfile does; a thread may hold one again.
 * The list of streams has a lock of its own, which comes first: fflush(NULL) holds it while it
 * takes streams one by one. A call that only reads, and may sleep for ever, is left alone by that.
 */
#pragma once

#include "libc/internal/futex.h"
#include "libc/internal/thread.h"

#include <stdbool.h>
#include <stdio.h>

#define UNGET 8

enum file_state { AT_REST, READING, WRITING };

struct __file {
    int fd;         /* -1: a string that sscanf reads */
    int mode;       /* _IOFBF, _IOLBF, _IONBF; -1: to be seen when the first byte comes */
    enum file_state state;
    bool readable, writable, append;
    bool at_end, failed;
    bool own_buffer; /* from malloc */
    bool listed;     /* opened by fopen: the structure is from malloc too */
    unsigned char *buffer;
    size_t size;     /* with the first UNGET bytes */
    unsigned char *next, *end;
    struct __file *following, *preceding; /* (list) */
    struct lock lock;
    struct thread_block *owner; /* atomic: who holds it */
    unsigned depth;             /* how often */
    unsigned char tiny[UNGET + 1]; /* the buffer of an unbuffered stream */
};

extern FILE *__open_files;
extern struct lock __open_files_lock;

static inline FILE *__hold(FILE *f) {
    struct thread_block *me = this_thread();

    if (__atomic_load_n(&f->owner, __ATOMIC_RELAXED) != me) {
        lock(&f->lock);
        __atomic_store_n(&f->owner, me, __ATOMIC_RELAXED);
    }
    f->depth++;
    return f;
}

static inline void __let_go(FILE **held) {
    FILE *f = *held;

    if (--f->depth) return;
    __atomic_store_n(&f->owner, NULL, __ATOMIC_RELAXED);
    unlock(&f->lock);
}

/* From here to the end of the block the stream is held. */
#define hold(f) FILE *held_ __attribute__((cleanup(__let_go), unused)) = __hold(f)

/* Make the stream ready for writing or reading; false with errno and `failed` set when it cannot
 * be. */
bool __begin_writing(FILE *);
bool __begin_reading(FILE *);

/* Write out what is buffered. Answers 0, or EOF with errno and `failed` set; then what was left is
 * lost. */
int __flush_writing(FILE *);

/* Read more into an empty buffer: the number of bytes, 0 at the end or on error. */
size_t __fill(FILE *);

/* fwrite without arithmetic: true when everything was taken. */
bool __write_bytes(FILE *, const unsigned char *, size_t);

static inline int __next_byte(FILE *f) {
    return f->next < f->end || __fill(f) ? *f->next++ : EOF;
}
