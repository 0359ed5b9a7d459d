/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Floating point from text (C17 7.22.1.3), correctly rounded, ties to even.
 *
 * The decimal number is brought exactly (libc/internal/decimal.h) to 64 leading bits and a
 * statement about the rest; one function rounds those to the type's precision and range. Nothing is
 * rounded twice. A short number with a small exponent takes a quick way: both parts are
 * exact, so one operation rounds.
 */
#include "libc/internal/decimal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_DIGITS 11600 /* more than any halfway case of a long double has */
#define BIAS       16383

struct format {
    int bits;         /* of the mantissa, with the leading one */
    int least, most;  /* exponents of the leading bit of normal numbers */
};

static const struct format of_float = {24, -126, 127}, of_double = {53, -1022, 1023},
                           of_long_double = {64, -16382, 16383};

/* A number as it was read: 64 bits (leading one set, or all zero) * 2^exponent, and what is below
 * them: -2 nothing, -1 less than half of the last bit, 0 half, 1 more. */
struct binary {
    uint64_t mantissa;
    int exponent;
    int below;
};

/* --- To the type ----------------------------------------------------------------------------- */

/* m * 2^exponent for the result's own m and exponent: exact, so any way of making it is right. */
static long double compose(uint64_t m, int exponent) {
    union {
        long double value;
        struct {
            uint64_t mantissa;
            uint16_t exponent;
        };
    } x = {.mantissa = m};

    if (!m) return 0;
    int up = __builtin_clzl(m);
    int leading = exponent + 63 - up;
    if (leading < -16382) { /* a long double's subnormal: its exponent is fixed */
        x.mantissa = m << (exponent + 16445);
        return x.value;
    }
    x.mantissa = m << up;
    x.exponent = (uint16_t)(leading + BIAS);
    return x.value;
}

/* The low `drop` bits of b's mantissa (drop >= 1) and what is below, compared with half. */
static int compare_dropped(const struct binary *b, int drop) {
    uint64_t half = drop <= 64 ? 1ull << (drop - 1) : 0;
    uint64_t rest = drop < 64 ? b->mantissa & ((1ull << drop) - 1) : b->mantissa;

    if (drop > 64) return rest || b->below > -2 ? -1 : -2;
    if (rest != half) return rest > half ? 1 : rest || b->below > -2 ? -1 : -2;
    return b->below > -2 ? 1 : 0;
}

static long double round_to(const struct binary *b, const struct format *f) {
    if (!b->mantissa) return 0;
    int leading = b->exponent + 63;
    int drop = 64 - f->bits + (leading < f->least ? f->least - leading : 0);
    int order = drop ? compare_dropped(b, drop) : b->below;
    uint64_t m = drop < 64 ? b->mantissa >> drop : 0;
    int exponent = b->exponent + drop;

    if ((order > 0 || (order == 0 && (m & 1))) && ++m == 0) {
        m = 1ull << 63;
        exponent++;
    }
    if (m && exponent + 63 - __builtin_clzl(m) > f->most) {
        errno = ERANGE;
        return __builtin_huge_vall();
    }
    if (order > -2 && (!m || exponent + 63 - __builtin_clzl(m) < f->least)) errno = ERANGE;
    return compose(m, exponent);
}


/* --- Hexadecimal ----------------------------------------------------------------------------- */

/* An exponent behind its letter is added to *to, far beyond any range at most. NULL: there are no
 * digits. */
static const char *read_exponent(const char *s, int *to) {
    bool negative = *s == '-';
    int n = 0;

    if (*s == '-' || *s == '+') s++;
    if (!isdigit((unsigned char)*s)) return NULL;
    for (; isdigit((unsigned char)*s); s++)
        if (n < 10000000) n = n * 10 + (*s - '0');
    *to += negative ? -n : n;
    return s;
}

/* 128 bits with the leading one at the top become 64 and what is below. */
static struct binary halve(unsigned __int128 wide, int exponent, bool more) {
    struct binary b = {.below = -2};

    if (!wide) return b;
    uint64_t high = (uint64_t)(wide >> 64);
    int up = high ? __builtin_clzl(high) : 64 + __builtin_clzl((uint64_t)wide);
    wide <<= up;
    b.mantissa = (uint64_t)(wide >> 64);
    b.exponent = exponent - up + 64;
    uint64_t low = (uint64_t)wide;
    if (low > 1ull << 63) b.below = 1;
    else if (low == 1ull << 63) b.below = more;
    else if (low || more) b.below = -1;
    return b;
}

/* Digits behind 0x, up to 31 that count; answers the end, or NULL when there are none. */
static const char *read_hex(const char *s, struct binary *to) {
    unsigned __int128 wide = 0;
    bool any = false, more = false, point = false;
    int exponent = 0;

    for (;; s++) {
        if (*s == '.' && !point) {
            point = true;
            continue;
        }
        if (!isxdigit((unsigned char)*s)) break;
        unsigned c = (unsigned)tolower((unsigned char)*s);
        unsigned digit = c <= '9' ? c - '0' : c - 'a' + 10;
        bool full = wide >> 124;
        any = true;
        if (!full) wide = wide << 4 | digit;
        more |= full && digit;
        exponent += 4 * (full - point);
    }
    if (!any) return NULL;
    const char *end = *s == 'p' || *s == 'P' ? read_exponent(s + 1, &exponent) : NULL;
    *to = halve(wide, exponent, more);
    return end ? end : s;
}

/* --- Decimal --------------------------------------------------------------------------------- */

/* What was read, without its value: digits and where their point is. */
struct text {
    const char *digits, *end; /* with at most one point among them */
    int exponent;             /* behind the e */
};

static const char *scan_decimal(const char *s, struct text *t) {
    bool any = false, point = false;

    t->digits = s;
    for (; isdigit((unsigned char)*s) || (*s == '.' && !point); s++) {
        any |= *s != '.';
        point |= *s == '.';
    }
    if (!any) return NULL;
    t->end = s;
    const char *end = *s == 'e' || *s == 'E' ? read_exponent(s + 1, &t->exponent) : NULL;
    return end ? end : s;
}

/* Place of the first digit before the exponent is added. */
static int first_place(const struct text *t) {
    const char *s = t->digits;

    while (s < t->end && *s != '.') s++;
    return (int)(s - t->digits) - 1;
}

/* Puts the digits at their places; false when all are zero. *magnitude: place of the first that is
 * not. */
static bool load(const struct text *t, struct decimal *d, int *magnitude) {
    int place = first_place(t) + t->exponent;
    int count = 0;

    decimal_set(d, 0);
    for (const char *s = t->digits; s < t->end; s++) {
        if (*s == '.') continue;
        if (*s != '0' && count == 0) {
            *magnitude = place;
            if (place > 4940 || place < -4980) return true; /* out of range: digits do not matter */
            count = 1;
        }
        if (count && count++ < MAX_DIGITS) decimal_add_digit(d, place, (unsigned)(*s - '0'));
        else if (count && *s != '0') {
            decimal_add_digit(d, place, 1); /* and something more */
            break;
        }
        place--;
    }
    return count;
}

/* 2^63 <= integer part < 2^64, by exact steps that cannot overshoot: 10^19 < 2^64. */
static struct binary leading_bits(struct decimal *d) {
    struct binary b = {0};
    int magnitude;

    for (; decimal_magnitude(d) > 18; b.exponent += 9) decimal_scale(d, -9);
    while ((magnitude = decimal_magnitude(d)) < 18) {
        int up = magnitude < 9 ? 29 : 3;
        decimal_scale(d, up);
        b.exponent -= up;
    }
    for (; !(decimal_integer(d) >> 63); b.exponent--) decimal_scale(d, 1);
    b.mantissa = decimal_integer(d);
    b.below = decimal_fraction(d);
    return b;
}

static __attribute__((noinline)) struct binary convert_slowly(const struct text *t) {
    struct decimal d;
    int magnitude = 0;

    if (!load(t, &d, &magnitude)) return (struct binary){.below = -2};
    if (magnitude > 4940)
        return (struct binary){.mantissa = 1ull << 63, .exponent = 100000, .below = -2};
    if (magnitude < -4980)
        return (struct binary){.mantissa = 1ull << 63, .exponent = -100000, .below = -2};
    return leading_bits(&d);
}

/* Up to 15 digits and a power of ten up to 22 are exact as doubles; one product or quotient rounds
 * once. */
static bool convert_quickly(const struct text *t, double *to) {
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t n = 0;
    int exponent = t->exponent;
    bool point = false;

    if (t->end - t->digits > 16) return false;
    for (const char *s = t->digits; s < t->end; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        n = n * 10 + (unsigned)(*s - '0');
        exponent -= point;
    }
    if (n >= 1ull << 53 || exponent < -22 || exponent > 22) return false;
    *to = exponent < 0 ? (double)n / power[-exponent] : (double)n * power[exponent];
    return true;
}

/* --- The calls ------------------------------------------------------------------------------- */

/* "inf", "infinity", "nan", "nan(...)": the end, or NULL. */
static const char *read_special(const char *s, long double *to) {
    if (strncasecmp(s, "inf", 3) == 0) {
        *to = __builtin_infl();
        return s + (strncasecmp(s, "infinity", 8) == 0 ? 8 : 3);
    }
    if (strncasecmp(s, "nan", 3) != 0) return NULL;
    *to = __builtin_nanl("");
    const char *close = s + 3;
    if (*close == '(')
        do close++;
        while (isalnum((unsigned char)*close) || *close == '_');
    return *close == ')' ? close + 1 : s + 3;
}

static const char *read_number(const char *s, const struct format *f, long double *to) {
    struct text t = {0};
    struct binary b;
    double quick;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        const char *end = read_hex(s + 2, &b);
        *to = end ? round_to(&b, f) : 0;
        return end ? end : s + 1; /* the 0 alone */
    }
    const char *end = scan_decimal(s, &t);
    if (!end) return read_special(s, to);
    if (f == &of_double && convert_quickly(&t, &quick)) {
        *to = quick;
        return end;
    }
    b = convert_slowly(&t);
    *to = round_to(&b, f);
    return end;
}

static long double read_float(const char *text, char **end, const struct format *f) {
    long double value = 0;
    const char *s = text;

    while (isspace((unsigned char)*s)) s++;
    bool negative = *s == '-';
    if (*s == '-' || *s == '+') s++;
    s = read_number(s, f, &value);
    if (end) *end = (char *)(uintptr_t)(s ? s : text);
    return negative && s ? -value : value;
}

float strtof(const char *restrict s, char **restrict end) {
    return (float)read_float(s, end, &of_float);
}

double strtod(const char *restrict s, char **restrict end) {
    return (double)read_float(s, end, &of_double);
}

long double strtold(const char *restrict s, char **restrict end) {
    return read_float(s, end, &of_long_double);
}

double atof(const char *s) {
    return strtod(s, NULL);
}
