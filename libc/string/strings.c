/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <strings.h>: without case, first bits, BSD's old names; and the two halves of a path
 * (<libgen.h>).
 */
#include <strings.h>

#include <ctype.h>
#include <libgen.h>
#include <string.h>

int strncasecmp(const char *a, const char *b, size_t n) {
    for (; n && *a && tolower((unsigned char)*a) == tolower((unsigned char)*b); a++, b++) n--;
    return n ? tolower((unsigned char)*a) - tolower((unsigned char)*b) : 0;
}

int strcasecmp(const char *a, const char *b) {
    return strncasecmp(a, b, (size_t)-1);
}

int ffs(int n) {
    return __builtin_ffs(n);
}

int ffsl(long n) {
    return __builtin_ffsl(n);
}

int ffsll(long long n) {
    return __builtin_ffsll(n);
}

int bcmp(const void *a, const void *b, size_t n) {
    return memcmp(a, b, n);
}

void bcopy(const void *from, void *to, size_t n) {
    memmove(to, from, n);
}

void bzero(void *s, size_t n) {
    memset(s, 0, n);
}

char *index(const char *s, int c) {
    return strchr(s, c);
}

char *rindex(const char *s, int c) {
    return strrchr(s, c);
}

/* --- Paths (POSIX basename, dirname: trailing slashes do not count) -------------------------- */

/* The end of the path without its trailing slashes, but never before its first character. */
static char *without_slashes(char *path, char *end) {
    while (end > path + 1 && end[-1] == '/') end--;
    return end;
}

char *basename(char *path) {
    static char dot[] = ".";

    if (!path || !*path) return dot;
    char *end = without_slashes(path, path + strlen(path));
    if (end == path + 1 && *path == '/') return strcpy(path, "/");
    *end = '\0';
    char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *dirname(char *path) {
    static char dot[] = ".";

    if (!path || !*path) return dot;
    char *end = without_slashes(path, path + strlen(path));
    char *slash = memrchr(path, '/', (size_t)(end - path));
    if (!slash) return dot;
    end = without_slashes(path, slash + 1);
    *end = '\0';
    return path;
}
