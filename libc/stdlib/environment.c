/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The environment (POSIX getenv, setenv, unsetenv, putenv).
 *
 * `environ` is at first the kernel's array on the stack. The first change moves it to an array of
 * our own; a program that sets environ itself is noticed by its address and starts over. Strings
 * made by setenv are not freed when replaced, since a caller of getenv may still hold them.
 * LOCKING: `guard` for environ and the array. A string that was found stays valid without it.
 */
#include "libc/internal/fork.h"
#include "libc/internal/start.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static char **own; /* what malloc gave, if environ is ours */
static size_t room;
static struct lock guard;

void __environment_fork(enum fork_step step) {
    fork_lock(&guard, step);
}

/* The slot of name (its first n characters), or the array's end; NULL: no environment at all. */
static char **find(const char *name, size_t n) {
    char **slot = environ;

    if (!slot) return NULL;
    while (*slot && (strncmp(*slot, name, n) != 0 || (*slot)[n] != '=')) slot++;
    return slot;
}

static bool valid_name(const char *name) {
    if (name && *name && !strchr(name, '=')) return true;
    errno = EINVAL;
    return false;
}

char *getenv(const char *name) {
    size_t n = strlen(name);

    lock(&guard);
    char **slot = find(name, n);
    char *value = slot && *slot ? *slot + n + 1 : NULL;
    unlock(&guard);
    return value;
}

char *secure_getenv(const char *name) {
    return __aux(AT_SECURE, 0) ? NULL : getenv(name);
}

/* An array of our own with space for one entry more. */
static int make_room(size_t count) {
    if (environ == own && own && count + 2 <= room) return 0;
    size_t wanted = (count + 2) * 2;
    char **bigger = malloc(wanted * sizeof *bigger);
    if (!bigger) return -1;
    if (count) memcpy(bigger, environ, count * sizeof *bigger);
    bigger[count] = NULL;
    if (environ == own) free(own);
    environ = own = bigger;
    room = wanted;
    return 0;
}

/* entry is NAME=VALUE and n the name's length; it becomes part of the environment. */
static int put_locked(char *entry, size_t n) {
    char **slot = find(entry, n);

    if (!slot || !*slot) {
        size_t count = slot ? (size_t)(slot - environ) : 0;
        if (make_room(count)) return -1;
        slot = environ + count;
        slot[1] = NULL;
    }
    *slot = entry;
    return 0;
}

static int put(char *entry, size_t n) {
    lock(&guard);
    int result = put_locked(entry, n);
    unlock(&guard);
    return result;
}

int setenv(const char *name, const char *value, int overwrite) {
    if (!valid_name(name)) return -1;
    if (!overwrite && getenv(name)) return 0;

    size_t n = strlen(name);
    size_t length = strlen(value);
    char *entry = malloc(n + length + 2);
    if (!entry) return -1;
    memcpy(entry, name, n);
    entry[n] = '=';
    memcpy(entry + n + 1, value, length + 1);
    if (put(entry, n) == 0) return 0;
    free(entry);
    return -1;
}

int putenv(char *entry) {
    size_t n = strcspn(entry, "=");

    return entry[n] ? put(entry, n) : unsetenv(entry);
}

int unsetenv(const char *name) {
    if (!valid_name(name)) return -1;
    lock(&guard);
    for (char **slot; (slot = find(name, strlen(name))) && *slot;)
        do slot[0] = slot[1];
        while (*slot++);
    unlock(&guard);
    return 0;
}

int clearenv(void) {
    lock(&guard);
    environ = NULL;
    unlock(&guard);
    return 0;
}
