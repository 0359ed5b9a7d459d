/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Folders: getdents64 through a buffer (POSIX readdir).
 */
#include "libc/internal/syscall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct __dir {
    int fd;
    long here;           /* position of the entry that readdir gives next */
    size_t next, filled; /* in buffer */
    _Alignas(struct dirent) char buffer[4096];
};

DIR *fdopendir(int fd) {
    struct stat s;
    DIR *d = NULL;

    if (fstat(fd, &s)) return NULL;
    if (!S_ISDIR(s.st_mode)) errno = ENOTDIR;
    else d = calloc(1, sizeof *d);
    if (d) d->fd = fd;
    return d;
}

DIR *opendir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !d) close(fd);
    return d;
}

int closedir(DIR *d) {
    int fd = d->fd;

    free(d);
    return (int)sys(close, fd);
}

int dirfd(DIR *d) {
    return d->fd;
}

struct dirent *readdir(DIR *d) {
    if (d->next == d->filled) {
        long got = sys(getdents64, d->fd, d->buffer, sizeof d->buffer);
        if (got <= 0) return NULL;
        d->next = 0;
        d->filled = (size_t)got;
    }
    struct dirent *e = (struct dirent *)(void *)(d->buffer + d->next);
    d->next += e->d_reclen;
    d->here = e->d_off;
    return e;
}

void seekdir(DIR *d, long position) {
    d->here = lseek(d->fd, position, SEEK_SET);
    d->next = d->filled = 0;
}

long telldir(DIR *d) {
    return d->here;
}

void rewinddir(DIR *d) {
    seekdir(d, 0);
}
