/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Integers: from text (C17 7.22.1.4, 7.8.2), absolute, divided.
 *
 * One reader of digits serves all; each caller says how large a value may be.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

/* A digit's value in some base up to 36, or 36. */
static int digit_value(char c) {
    if (isdigit((unsigned char)c)) return c - '0';
    if (isalpha((unsigned char)c)) return tolower((unsigned char)c) - 'a' + 10;
    return 36;
}

/* Skips 0x where the base allows it and a digit follows, and decides the base. */
static const char *skip_prefix(const char *s, int *base) {
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16;

    if (*base == 0) *base = hex ? 16 : *s == '0' ? 8 : 10;
    return *base == 16 && hex ? s + 2 : s;
}

/* The digits' value; more than max is max and *over. *end: behind the last digit. */
static uintmax_t read_digits(const char *s, const char **end, int base, uintmax_t max, bool *over) {
    uintmax_t value = 0;

    for (; digit_value(*s) < base; s++) {
        uintmax_t next;
        *over |= __builtin_mul_overflow(value, (uintmax_t)base, &next) ||
                 __builtin_add_overflow(next, (uintmax_t)digit_value(*s), &next) || next > max;
        value = next;
    }
    *end = s;
    return *over ? max : value;
}

/* Magnitude and sign; `max_negative` bounds what stands behind a minus. */
static uintmax_t read_integer(const char *text, char **end, int base, uintmax_t max,
                              uintmax_t max_negative, bool *negative) {
    const char *s = text;
    bool over = false;

    *negative = false;
    if (end) *end = (char *)(uintptr_t)text;
    if (base < 0 || base == 1 || base > 36) {
        errno = EINVAL;
        return 0;
    }
    while (isspace((unsigned char)*s)) s++;
    if (*s == '-' || *s == '+') *negative = *s++ == '-';

    const char *digits = skip_prefix(s, &base);
    uintmax_t value = read_digits(digits, &s, base, *negative ? max_negative : max, &over);
    if (s == digits) return 0;
    if (end) *end = (char *)(uintptr_t)s;
    if (over) errno = ERANGE;
    return value;
}

static intmax_t read_signed(const char *text, char **end, int base) {
    bool negative;
    uintmax_t value =
        read_integer(text, end, base, INTMAX_MAX, (uintmax_t)INTMAX_MAX + 1, &negative);

    return (intmax_t)(negative ? -value : value);
}

/* A minus turns the value round, as C has it; out of range is the largest with either sign. */
static uintmax_t read_unsigned(const char *text, char **end, int base) {
    bool negative;
    int before = errno;

    errno = 0;
    uintmax_t value = read_integer(text, end, base, UINTMAX_MAX, UINTMAX_MAX, &negative);
    if (negative && errno != ERANGE) value = -value;
    if (!errno) errno = before;
    return value;
}

long strtol(const char *restrict s, char **restrict end, int base) {
    return read_signed(s, end, base);
}

long long strtoll(const char *restrict s, char **restrict end, int base) {
    return read_signed(s, end, base);
}

intmax_t strtoimax(const char *restrict s, char **restrict end, int base) {
    return read_signed(s, end, base);
}

unsigned long strtoul(const char *restrict s, char **restrict end, int base) {
    return read_unsigned(s, end, base);
}

unsigned long long strtoull(const char *restrict s, char **restrict end, int base) {
    return read_unsigned(s, end, base);
}

uintmax_t strtoumax(const char *restrict s, char **restrict end, int base) {
    return read_unsigned(s, end, base);
}

int atoi(const char *s) {
    return (int)strtol(s, NULL, 10);
}

long atol(const char *s) {
    return strtol(s, NULL, 10);
}

long long atoll(const char *s) {
    return strtoll(s, NULL, 10);
}

int abs(int n) {
    return n < 0 ? -n : n;
}

long labs(long n) {
    return n < 0 ? -n : n;
}

long long llabs(long long n) {
    return n < 0 ? -n : n;
}

intmax_t imaxabs(intmax_t n) {
    return n < 0 ? -n : n;
}

div_t div(int n, int d) {
    return (div_t){n / d, n % d};
}

ldiv_t ldiv(long n, long d) {
    return (ldiv_t){n / d, n % d};
}

lldiv_t lldiv(long long n, long long d) {
    return (lldiv_t){n / d, n % d};
}

imaxdiv_t imaxdiv(intmax_t n, intmax_t d) {
    return (imaxdiv_t){n / d, n % d};
}
