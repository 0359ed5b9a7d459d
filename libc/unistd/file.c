/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Descriptors and files: the calls that are no more than the kernel's, and the few that add to it.
 */
#include "libc/internal/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct stat) == 144 && offsetof(struct stat, st_size) == 48 &&
                   offsetof(struct stat, st_atim) == 72,
               "struct stat is Linux's");

ssize_t read(int fd, void *to, size_t n) {
    return point(read, fd, to, n);
}

ssize_t write(int fd, const void *from, size_t n) {
    return point(write, fd, from, n);
}

ssize_t pread(int fd, void *to, size_t n, off_t at) {
    return point(pread64, fd, to, n, at);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
    return point(pwrite64, fd, from, n, at);
}

ssize_t readv(int fd, const struct iovec *pieces, int count) {
    return point(readv, fd, pieces, count);
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    return point(writev, fd, pieces, count);
}

off_t lseek(int fd, off_t offset, int whence) {
    return sys(lseek, fd, offset, whence);
}

int close(int fd) {
    return (int)point(close, fd);
}

int dup(int fd) {
    return (int)sys(dup, fd);
}

int dup2(int fd, int to) {
    return (int)sys(dup2, fd, to);
}

int dup3(int fd, int to, int flags) {
    return (int)sys(dup3, fd, to, flags);
}

int pipe(int ends[2]) {
    return (int)sys(pipe, ends);
}

int pipe2(int ends[2], int flags) {
    return (int)sys(pipe2, ends, flags);
}

int poll(struct pollfd *list, nfds_t count, int milliseconds) {
    return (int)point(poll, list, count, milliseconds);
}

int ftruncate(int fd, off_t length) {
    return (int)sys(ftruncate, fd, length);
}

int access(const char *path, int mode) {
    return (int)sys(access, path, mode);
}

/* The kernel's call knows no flags: AT_EACCESS is refused rather than passed over. */
int faccessat(int folder, const char *path, int mode, int flags) {
    if (flags) {
        errno = EINVAL;
        return -1;
    }
    return (int)sys(faccessat, folder, path, mode);
}

int chdir(const char *path) {
    return (int)sys(chdir, path);
}

ssize_t readlink(const char *restrict path, char *restrict to, size_t size) {
    return sys(readlink, path, to, size);
}

char *getcwd(char *to, size_t size) {
    char path[PATH_MAX];

    if (to && size == 0) {
        errno = EINVAL;
        return NULL;
    }
    if (to) return sys(getcwd, to, size) < 0 ? NULL : to;
    return sys(getcwd, path, sizeof path) < 0 ? NULL : strdup(path);
}

int stat(const char *restrict path, struct stat *restrict to) {
    return (int)sys(stat, path, to);
}

int fstat(int fd, struct stat *to) {
    return (int)sys(fstat, fd, to);
}

int lstat(const char *restrict path, struct stat *restrict to) {
    return (int)sys(lstat, path, to);
}

int fstatat(int folder, const char *restrict path, struct stat *restrict to, int flags) {
    return (int)sys(newfstatat, folder, path, to, flags);
}

mode_t umask(mode_t mask) {
    return (mode_t)sys(umask, mask);
}

int isatty(int fd) {
    struct winsize size;

    return ioctl(fd, TIOCGWINSZ, &size) == 0;
}

/* --- Calls whose last argument is not always there ------------------------------------------- */

static mode_t mode_argument(int flags, va_list ap) {
    bool needed = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;

    return needed ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list ap;

    va_start(ap, flags);
    mode_t mode = mode_argument(flags, ap);
    va_end(ap);
    return (int)point(open, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list ap;

    va_start(ap, flags);
    mode_t mode = mode_argument(flags, ap);
    va_end(ap);
    return (int)point(openat, folder, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
    return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* A command without an argument reads a register that the kernel does not look at. */
int fcntl(int fd, int command, ...) {
    va_list ap;

    va_start(ap, command);
    unsigned long argument = va_arg(ap, unsigned long);
    va_end(ap);
    return (int)point(fcntl, fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...) {
    va_list ap;

    va_start(ap, request);
    unsigned long argument = va_arg(ap, unsigned long);
    va_end(ap);
    return (int)sys(ioctl, fd, request, argument);
}
