/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Formatted text: parse a conversion, fetch its argument, lay its parts out.
 *
 *     |<------------------ width ------------------>|
 *     [blanks] [prefix: sign, 0x] [zeroes] [body] [blanks]
 *
 * Every conversion ends in that one layout (format_field). Digits are made from the right in a
 * buffer that holds the longest number there is, 22 octal digits; precision and width of any size
 * are filled, not stored.
 */
#include "libc/core/format.h"

#include "libc/core/string.h"

#include <stdint.h>

#define DIGITS  24
#define INT_MAX __INT_MAX__ /* the kernel has no <limits.h> */
#define INT_MIN (-INT_MAX - 1)

void format_put(struct format_out *out, const char *text, size_t n) {
    if (n) out->put(out->arg, text, n);
    out->total += n;
}

void format_fill(struct format_out *out, char c, long n) {
    char run[32];

    if (n <= 0) return;
    memset(run, c, sizeof run);
    for (; n > (long)sizeof run; n -= (long)sizeof run) format_put(out, run, sizeof run);
    format_put(out, run, (size_t)n);
}

void format_field(struct format_out *out, const struct format_spec *spec, const char *prefix,
                  long zeros, const char *body, size_t n) {
    size_t before = strlen(prefix);
    long blanks = (long)spec->width - (long)before - zeros - (long)n;

    if (!spec->left) format_fill(out, ' ', blanks);
    format_put(out, prefix, before);
    format_fill(out, '0', zeros);
    format_put(out, body, n);
    if (spec->left) format_fill(out, ' ', blanks);
}

static intmax_t signed_argument(struct format_args *args, char length) {
    switch (length) {
    case 'H': return (signed char)va_arg(args->ap, int);
    case 'h': return (short)va_arg(args->ap, int);
    case 0: return va_arg(args->ap, int);
    default: return va_arg(args->ap, intmax_t); /* l, ll, j, z, t are all 64 bits wide */
    }
}

static uintmax_t unsigned_argument(struct format_args *args, char length) {
    switch (length) {
    case 'H': return (unsigned char)va_arg(args->ap, int);
    case 'h': return (unsigned short)va_arg(args->ap, int);
    case 0: return va_arg(args->ap, unsigned);
    default: return va_arg(args->ap, uintmax_t);
    }
}

/* Zeroes that bring n digits to the precision, or, where the 0 flag counts, to the width. */
static long zeros_for(const struct format_spec *spec, const char *prefix, size_t n) {
    long wanted = spec->precision;

    if (spec->precision < 0 && spec->zero && !spec->left)
        wanted = (long)spec->width - (long)strlen(prefix);
    return wanted > (long)n ? wanted - (long)n : 0;
}

static void put_number(struct format_out *out, const struct format_spec *spec, const char *prefix,
                       uintmax_t value, unsigned base) {
    const char *alphabet = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[DIGITS];
    char *p = digits + DIGITS;

    for (; value; value /= base) *--p = alphabet[value % base];
    if (p == digits + DIGITS && spec->precision != 0) *--p = '0';

    size_t n = (size_t)(digits + DIGITS - p);
    long zeros = zeros_for(spec, prefix, n);
    if (base == 8 && spec->alt && zeros == 0 && (n == 0 || *p != '0')) zeros = 1;
    format_field(out, spec, prefix, zeros, p, n);
}

static void put_signed(struct format_out *out, const struct format_spec *spec, intmax_t value) {
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

    put_number(out, spec, sign, value < 0 ? -(uintmax_t)value : (uintmax_t)value, 10);
}

static void put_hex(struct format_out *out, const struct format_spec *spec, uintmax_t value) {
    const char *prefix = spec->conversion == 'X' ? "0X" : "0x";

    put_number(out, spec, spec->alt && value ? prefix : "", value, 16);
}

static void put_string(struct format_out *out, const struct format_spec *spec, const char *s) {
    if (!s) s = "(null)";
    size_t n = spec->precision < 0 ? strlen(s) : strnlen(s, (size_t)spec->precision);
    format_field(out, spec, "", 0, s, n);
}

static void put_char(struct format_out *out, const struct format_spec *spec, char c) {
    format_field(out, spec, "", 0, &c, 1);
}

static void put_pointer(struct format_out *out, const struct format_spec *spec, const void *p) {
    struct format_spec hex = *spec;

    hex.conversion = 'x';
    hex.alt = true;
    if (p) put_hex(out, &hex, (uintptr_t)p);
    else format_field(out, spec, "", 0, "(nil)", 5);
}

/* False: not a conversion of ours. */
static bool convert(struct format_out *out, const struct format_spec *spec,
                    struct format_args *args) {
    switch (spec->conversion) {
    case 'd':
    case 'i': put_signed(out, spec, signed_argument(args, spec->length)); return true;
    case 'u': put_number(out, spec, "", unsigned_argument(args, spec->length), 10); return true;
    case 'o': put_number(out, spec, "", unsigned_argument(args, spec->length), 8); return true;
    case 'x':
    case 'X': put_hex(out, spec, unsigned_argument(args, spec->length)); return true;
    case 'c': put_char(out, spec, (char)va_arg(args->ap, int)); return true;
    case 's': put_string(out, spec, va_arg(args->ap, const char *)); return true;
    case 'p': put_pointer(out, spec, va_arg(args->ap, const void *)); return true;
    case '%': format_put(out, "%", 1); return true;
    default: return core_format_more(out, spec, args);
    }
}

static const char *parse_flags(const char *f, struct format_spec *spec) {
    for (;; f++) {
        switch (*f) {
        case '-': spec->left = true; break;
        case '+': spec->plus = true; break;
        case ' ': spec->space = true; break;
        case '#': spec->alt = true; break;
        case '0': spec->zero = true; break;
        default: return f;
        }
    }
}

/* A decimal number or *; what exceeds an int stays at INT_MAX, which the total's check refuses
 * later. */
static const char *parse_count(const char *f, int *count, struct format_args *args) {
    if (*f == '*') {
        *count = va_arg(args->ap, int);
        return f + 1;
    }
    for (*count = 0; *f >= '0' && *f <= '9'; f++) {
        int digit = *f - '0';
        *count = *count > (INT_MAX - digit) / 10 ? INT_MAX : *count * 10 + digit;
    }
    return f;
}

static const char *parse_length(const char *f, char *length) {
    *length = 0;
    switch (*f) {
    case 'h': *length = f[1] == 'h' ? 'H' : 'h'; break;
    case 'l': *length = f[1] == 'l' ? 'q' : 'l'; break;
    case 'j':
    case 'z':
    case 't':
    case 'L': *length = *f; break;
    default: return f;
    }
    return f + (*length == 'H' || *length == 'q' ? 2 : 1);
}

/* f stands behind the %; the answer is the conversion's last character. */
static const char *parse(const char *f, struct format_spec *spec, struct format_args *args) {
    *spec = (struct format_spec){.precision = -1};
    f = parse_flags(f, spec);
    f = parse_count(f, &spec->width, args);
    if (spec->width < 0) {
        spec->left = true;
        spec->width = spec->width == INT_MIN ? INT_MAX : -spec->width;
    }
    if (*f == '.') f = parse_count(f + 1, &spec->precision, args);
    if (spec->precision < 0) spec->precision = -1;
    f = parse_length(f, &spec->length);
    spec->conversion = *f;
    return f;
}

int core_vformat(void (*put)(void *arg, const char *text, size_t n), void *arg, const char *fmt,
                 va_list ap) {
    struct format_out out = {.put = put, .arg = arg};
    struct format_args args;
    struct format_spec spec;

    va_copy(args.ap, ap);
    while (*fmt && out.total <= INT_MAX) {
        const char *percent = strchr(fmt, '%');
        size_t plain = percent ? (size_t)(percent - fmt) : strlen(fmt);
        format_put(&out, fmt, plain);
        if (!percent) break;

        const char *last = parse(percent + 1, &spec, &args);
        /* A field that cannot fit is refused before two thousand million blanks are written. */
        if (spec.width == INT_MAX || spec.precision == INT_MAX) {
            out.total = (size_t)INT_MAX + 1;
            break;
        }
        fmt = *last ? last + 1 : last;
        if (!convert(&out, &spec, &args)) format_put(&out, percent, (size_t)(fmt - percent));
    }
    va_end(args.ap);
    return out.total > INT_MAX ? -1 : (int)out.total;
}
