/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The one locale (C17 7.11).
 */
#include <limits.h>
#include <locale.h>
#include <string.h>

#define NONE    ((char[]){""})
#define UNKNOWN CHAR_MAX

static struct lconv c_locale = {
    (char[]){"."}, NONE, NONE,                            /* numbers: point, groups */
    NONE, NONE, NONE, NONE, NONE, NONE, NONE,             /* money: nothing is known of it */
    UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
    UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
};

char *setlocale(int category, const char *name) {
    static char c[] = "C";

    if (category < LC_CTYPE || category > LC_ALL) return NULL;
    if (name && *name && strcmp(name, "C") != 0 && strcmp(name, "POSIX") != 0) return NULL;
    return c;
}

struct lconv *localeconv(void) {
    return &c_locale;
}
