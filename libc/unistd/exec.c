/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The exec family: arguments as a list, and programs found along PATH (POSIX).
 *
 * Nothing is allocated, so that a child of fork may call these whatever state malloc is in.
 */
#include "libc/internal/syscall.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin:/"

int execv(const char *path, char *const argv[]) {
    return execve(path, argv, environ);
}

/* One try in the folder that ends at `end`; returns the error, or 0 for a name too long to try. */
static int try_folder(const char *folder, const char *end, const char *file, char *const argv[],
                      char *const envp[]) {
    char path[PATH_MAX];
    size_t folder_length = (size_t)(end - folder);
    size_t file_length = strlen(file);

    if (folder_length + 1 + file_length >= sizeof path) return ENAMETOOLONG;
    memcpy(path, folder, folder_length);
    if (folder_length) path[folder_length++] = '/';
    memcpy(path + folder_length, file, file_length + 1);
    execve(path, argv, envp);
    return errno;
}

/* What POSIX wants remembered: a program that was there but could not be run. */
int execvpe(const char *file, char *const argv[], char *const envp[]) {
    const char *folder = getenv("PATH");
    int error = ENOENT;

    if (strchr(file, '/')) return execve(file, argv, envp);
    if (!*file) folder = "";
    else if (!folder) folder = DEFAULT_PATH;

    for (const char *end; *file; folder = end + 1) {
        end = strchrnul(folder, ':');
        int why = try_folder(folder, end, file, argv, envp);
        if (why == EACCES) error = why;
        else if (why != ENOENT && why != ENOTDIR && why != ENAMETOOLONG) {
            error = why;
            break;
        }
        if (!*end) break;
    }
    errno = error;
    return -1;
}

int execvp(const char *file, char *const argv[]) {
    return execvpe(file, argv, environ);
}

/* --- Arguments as a list: counted once, then laid out on the stack --------------------------- */

static size_t count_list(va_list ap) {
    size_t count = 1;

    while (va_arg(ap, char *)) count++;
    return count;
}

static void copy_list(char **argv, const char *first, size_t count, va_list ap) {
    argv[0] = (char *)(uintptr_t)first;
    for (size_t i = 1; i <= count; i++) argv[i] = va_arg(ap, char *);
}

#define LIST_TO_ARGV(first)              \
    va_list ap;                          \
    va_start(ap, first);                 \
    size_t count = count_list(ap);       \
    va_end(ap);                          \
    char *argv[count + 1];               \
    va_start(ap, first);                 \
    copy_list(argv, first, count, ap)

int execl(const char *path, const char *first, ...) {
    LIST_TO_ARGV(first);
    va_end(ap);
    return execve(path, argv, environ);
}

int execlp(const char *file, const char *first, ...) {
    LIST_TO_ARGV(first);
    va_end(ap);
    return execvpe(file, argv, environ);
}

int execle(const char *path, const char *first, ...) {
    LIST_TO_ARGV(first);
    char *const *envp = va_arg(ap, char *const *);
    va_end(ap);
    return execve(path, argv, envp);
}
