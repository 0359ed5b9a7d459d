/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What printf knows beyond libc/core: floating point (e f g a, F E G A) and errno's message (m).
 *
 * The number's exact decimal form is rounded once, at the place that precision asks for, and
 * written digit by digit. A long double of any kind serves for all: every double is one.
 */
#include "libc/core/format.h"
#include "libc/internal/decimal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* x87's format, whose mantissa has its leading bit: mantissa * 2^(exponent - BIAS - 63). */
#define BIAS 16383
union bits {
    long double value;
    struct {
        uint64_t mantissa;
        uint16_t exponent : 15, negative : 1;
    };
};

/* The text of one number before padding. The digits come from `d` when they are written. */
struct layout {
    const struct format_spec *spec;
    char prefix[4];  /* sign, and 0x for a */
    int top;         /* place of the first digit written */
    int point;       /* the point stands behind this place */
    int decimals;    /* digits behind the point */
    char suffix[8];  /* exponent */
};

static bool is_upper(const struct format_spec *spec) {
    return isupper((unsigned char)spec->conversion);
}

static void set_sign(char *prefix, const struct format_spec *spec, bool negative) {
    strcpy(prefix, negative ? "-" : spec->plus ? "+" : spec->space ? " " : "");
}

/* Blanks or zeroes around what is `n` long behind the prefix: call before with part 0, after with
 * part 1. */
static void pad(struct format_out *out, const struct format_spec *spec, const char *prefix,
                size_t n, int part) {
    long missing = (long)spec->width - (long)strlen(prefix) - (long)n;

    if (part == 1) {
        if (spec->left) format_fill(out, ' ', missing);
        return;
    }
    if (!spec->left && !spec->zero) format_fill(out, ' ', missing);
    format_put(out, prefix, strlen(prefix));
    if (!spec->left && spec->zero) format_fill(out, '0', missing);
}

/* --- Decimal --------------------------------------------------------------------------------- */

/* Digits from place `from` down to `to`; what lies below the last one that is there is filled. */
static void put_digits(struct format_out *out, const struct decimal *d, int from, int to) {
    int lowest = decimal_lowest(d);
    char run[32];
    size_t n = 0;

    for (; from >= to && (from >= lowest || from >= 0); from--) {
        run[n++] = (char)('0' + decimal_digit(d, from));
        if (n == sizeof run) {
            format_put(out, run, n);
            n = 0;
        }
    }
    format_put(out, run, n);
    format_fill(out, '0', (long)from - to + 1);
}

static void put_layout(struct format_out *out, const struct layout *l, const struct decimal *d) {
    bool has_point = l->decimals > 0 || l->spec->alt;
    size_t suffix = strlen(l->suffix);
    size_t n = (size_t)(l->top - l->point + 1) + has_point + (size_t)l->decimals + suffix;

    pad(out, l->spec, l->prefix, n, 0);
    put_digits(out, d, l->top, l->point);
    format_put(out, ".", has_point);
    put_digits(out, d, l->point - 1, l->point - l->decimals);
    format_put(out, l->suffix, suffix);
    pad(out, l->spec, l->prefix, n, 1);
}

static void fixed_layout(struct layout *l, const struct decimal *d, int decimals) {
    int magnitude = decimal_magnitude(d);

    l->top = magnitude > 0 ? magnitude : 0;
    l->point = 0;
    l->decimals = decimals;
}

static void exponent_layout(struct layout *l, const struct decimal *d, int decimals) {
    int magnitude = decimal_magnitude(d);
    unsigned size = (unsigned)(magnitude < 0 ? -magnitude : magnitude);
    char *s = l->suffix;
    unsigned unit = size >= 1000 ? 1000 : size >= 100 ? 100 : 10;

    l->top = l->point = magnitude;
    l->decimals = decimals;
    *s++ = is_upper(l->spec) ? 'E' : 'e';
    *s++ = magnitude < 0 ? '-' : '+';
    for (; unit; unit /= 10) *s++ = (char)('0' + size / unit % 10);
    *s = '\0';
}

/* C17 7.21.6.1: precision P counts all digits; the exponent X after rounding chooses the form;
 * without # the zeroes at the end go. */
static void general_layout(struct layout *l, struct decimal *d, int precision) {
    int digits = precision ? precision : 1;

    decimal_round(d, decimal_magnitude(d) - digits + 1);
    int magnitude = decimal_magnitude(d);
    bool fixed = magnitude < digits && magnitude >= -4;
    int decimals = fixed ? digits - 1 - magnitude : digits - 1;
    if (!l->spec->alt) {
        int needed = (fixed ? 0 : magnitude) - decimal_lowest(d);
        decimals = needed < 0 ? 0 : needed < decimals ? needed : decimals;
    }
    if (fixed) fixed_layout(l, d, decimals);
    else exponent_layout(l, d, decimals);
}

/* Noinline: the number is ten kilobytes that other conversions need not have on the stack. */
static __attribute__((noinline)) void put_decimal(struct format_out *out,
                                                  const struct format_spec *spec,
                                                  union bits number) {
    struct layout l = {.spec = spec};
    struct decimal d;
    int precision = spec->precision < 0 ? 6 : spec->precision;

    set_sign(l.prefix, spec, number.negative);
    decimal_set(&d, number.mantissa);
    decimal_scale(&d, (number.exponent ? number.exponent : 1) - BIAS - 63);
    switch (tolower((unsigned char)spec->conversion)) {
    case 'f':
        decimal_round(&d, -precision);
        fixed_layout(&l, &d, precision);
        break;
    case 'e':
        decimal_round(&d, decimal_magnitude(&d) - precision);
        exponent_layout(&l, &d, precision);
        break;
    default: general_layout(&l, &d, precision);
    }
    put_layout(out, &l, &d);
}

/* --- Hexadecimal ----------------------------------------------------------------------------- */

/* Keep `digits` of the 15 hexadecimal digits behind the first four bits; ties to even. May carry
 * out. */
static uint64_t round_hex(uint64_t mantissa, int digits, int *exponent) {
    unsigned drop = 60 - 4 * (unsigned)digits;
    uint64_t unit = 1ull << drop;
    uint64_t rest = mantissa & (unit - 1);
    uint64_t kept = mantissa - rest;

    if (rest < unit / 2 || (rest == unit / 2 && !(kept & unit))) return kept;
    if (!__builtin_add_overflow(kept, unit, &kept)) return kept;
    *exponent += 1;
    return 1ull << 63;
}

/* One bit before the point for a double, as its format has it; four for a long double. */
static void put_hexadecimal(struct format_out *out, const struct format_spec *spec,
                            union bits number, bool is_long) {
    char prefix[4], text[40], suffix[10];
    const char *alphabet = is_upper(spec) ? "0123456789ABCDEF" : "0123456789abcdef";
    uint64_t m = number.mantissa;
    int exponent = m ? number.exponent - BIAS : 0;
    int digits = spec->precision;
    size_t n = 0;

    if (is_long && m) exponent -= 3;
    if (!is_long && m) {
        /* A double's subnormals have no leading bit: 0x0.8p-1022. */
        unsigned down = exponent < -1022 ? (unsigned)(-1022 - exponent) : 0;
        exponent += (int)down;
        m = m >> 3 >> down;
    }
    if (digits >= 0 && digits < 15) m = round_hex(m, digits, &exponent);
    else digits = digits < 0 ? 0 : digits;
    if (spec->precision < 0)
        for (uint64_t rest = m << 4; rest; rest <<= 4) digits++;

    set_sign(prefix, spec, number.negative);
    strcat(prefix, is_upper(spec) ? "0X" : "0x");
    text[n++] = alphabet[m >> 60];
    if (digits || spec->alt) text[n++] = '.';
    int stored = digits < 15 ? digits : 15;
    for (int i = 0; i < stored; i++) text[n++] = alphabet[m >> (56 - 4 * i) & 15];
    int suffix_length =
        snprintf(suffix, sizeof suffix, "%c%+d", is_upper(spec) ? 'P' : 'p', exponent);

    size_t total = n + (size_t)(digits - stored) + (size_t)suffix_length;
    pad(out, spec, prefix, total, 0);
    format_put(out, text, n);
    format_fill(out, '0', digits - stored);
    format_put(out, suffix, (size_t)suffix_length);
    pad(out, spec, prefix, total, 1);
}

/* --- The hook -------------------------------------------------------------------------------- */

static void put_special(struct format_out *out, const struct format_spec *spec, union bits number) {
    bool infinite = number.mantissa << 1 == 0;
    struct format_spec plain = *spec;
    char prefix[2];

    plain.zero = false;
    set_sign(prefix, spec, number.negative);
    const char *name = infinite ? "infINF" : "nanNAN";
    format_field(out, &plain, prefix, 0, is_upper(spec) ? name + 3 : name, 3);
}

static void put_message(struct format_out *out, const struct format_spec *spec) {
    const char *s = strerror(errno);

    format_field(out, spec, "", 0, s,
                 spec->precision < 0 ? strlen(s) : strnlen(s, (size_t)spec->precision));
}

bool core_format_more(struct format_out *out, const struct format_spec *spec,
                      struct format_args *args) {
    if (spec->conversion == 'm') {
        put_message(out, spec);
        return true;
    }
    if (!spec->conversion || !strchr("eEfFgGaA", spec->conversion)) return false;

    bool is_long = spec->length == 'L';
    union bits number;
    if (is_long) number.value = va_arg(args->ap, long double);
    else number.value = va_arg(args->ap, double);
    if (number.exponent == 0x7fff) put_special(out, spec, number);
    else if (spec->conversion == 'a' || spec->conversion == 'A')
        put_hexadecimal(out, spec, number, is_long);
    else put_decimal(out, spec, number);
    return true;
}
