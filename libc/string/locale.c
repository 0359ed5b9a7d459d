/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The one locale (C17 7.11).
 */
#include <limits.h>
#include <locale.h>
#include <string.h>

#define NONE ((char[]){""})

static struct lconv c_locale = {
    .decimal_point = (char[]){"."},
    .thousands_sep = NONE, .grouping = NONE, .int_curr_symbol = NONE, .currency_symbol = NONE,
    .mon_decimal_point = NONE, .mon_thousands_sep = NONE, .mon_grouping = NONE,
    .positive_sign = NONE, .negative_sign = NONE,
    .int_frac_digits = CHAR_MAX, .frac_digits = CHAR_MAX,
    .p_cs_precedes = CHAR_MAX, .p_sep_by_space = CHAR_MAX, .n_cs_precedes = CHAR_MAX, .n_sep_by_space = CHAR_MAX,
    .p_sign_posn = CHAR_MAX, .n_sign_posn = CHAR_MAX,
    .int_p_cs_precedes = CHAR_MAX, .int_p_sep_by_space = CHAR_MAX, .int_n_cs_precedes = CHAR_MAX,
    .int_n_sep_by_space = CHAR_MAX, .int_p_sign_posn = CHAR_MAX, .int_n_sign_posn = CHAR_MAX,
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
