/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The scanf family (C17 7.21.6.2): d i u o x X p, a e f g, c s [ and n, %%, *, widths, and the
 * lengths hh h l ll j z t L.
 *
 * A string is read through a stream that has no descriptor and ends with the string, so there is
 * one reader. One character of look-ahead is put back, as C has it: "0x" before something else, or
 * "1e", does not match. Wide characters and POSIX's m (allocate) are not there. A number is at most
 * 511 characters long.
 */
#include "libc/internal/file.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER 512

struct scan {
    FILE *file;
    long taken;    /* characters read so far */
    int stored;    /* conversions done */
    bool ended;    /* the input failed before the current directive matched anything */
    va_list ap;
};

struct directive {
    bool discard;
    long width;    /* LONG_MAX: none given */
    char length;   /* as in libc/core/format.h */
    char conversion;
};

static int take(struct scan *s) {
    int c = __next_byte(s->file);

    s->taken += c != EOF;
    return c;
}

static void put_back(struct scan *s, int c) {
    if (c == EOF) return;
    ungetc(c, s->file);
    s->taken--;
}

static void skip_space(struct scan *s) {
    int c;

    while (isspace(c = take(s))) continue;
    put_back(s, c);
}

/* --- Numbers: the longest beginning of one, then strtol or strtod ---------------------------- */

struct number {
    struct scan *scan;
    char text[NUMBER];
    int length;
    long room; /* characters that the width still allows */
};

/* Takes the next character if it is one of `set`. */
static bool accept(struct number *n, const char *set) {
    if (n->room <= 0 || n->length == NUMBER - 1) return false;
    int c = take(n->scan);
    if (c == EOF && n->length == 0) n->scan->ended = true;
    if (c <= 0 || !strchr(set, c)) {
        put_back(n->scan, c);
        return false;
    }
    n->text[n->length++] = (char)c;
    n->room--;
    return true;
}

static bool accept_all(struct number *n, const char *set) {
    bool any = false;

    while (accept(n, set)) any = true;
    return any;
}

static bool collect_integer(struct number *n, int *base) {
    static const char digits[] = "0123456789abcdefABCDEF";
    char set[sizeof digits];

    accept(n, "+-");
    if ((*base == 0 || *base == 16) && accept(n, "0")) {
        if (accept(n, "xX")) {
            *base = 16;
            return accept_all(n, digits);
        }
        if (*base == 0) *base = 8;
        accept_all(n, *base == 16 ? digits : "01234567");
        return true;
    }
    if (*base == 0) *base = 10;
    strlcpy(set, digits, *base == 16 ? sizeof digits : (size_t)*base + 1);
    return accept_all(n, set);
}

static bool collect_word(struct number *n, const char *word) {
    for (; *word; word++)
        if (!accept(n, (char[]){*word, (char)toupper((unsigned char)*word), 0})) return false;
    return true;
}

static bool collect_float(struct number *n) {
    const char *digits = "0123456789", *exponent = "eE";

    accept(n, "+-");
    if (accept(n, "iI"))
        return collect_word(n, "nf") && (!accept(n, "iI") || collect_word(n, "nity"));
    if (accept(n, "nN")) return collect_word(n, "an");
    bool any = accept(n, "0");
    if (any && accept(n, "xX")) {
        digits = "0123456789abcdefABCDEF";
        exponent = "pP";
        any = false;
    }
    any |= accept_all(n, digits);
    if (accept(n, ".")) any |= accept_all(n, digits);
    if (!any || !accept(n, exponent)) return any;
    accept(n, "+-");
    return accept_all(n, "0123456789");
}

static void store_integer(struct scan *s, const struct directive *d, uintmax_t value) {
    void *to = va_arg(s->ap, void *);

    switch (d->length) {
    case 'H': *(unsigned char *)to = (unsigned char)value; break;
    case 'h': *(unsigned short *)to = (unsigned short)value; break;
    case 0: *(unsigned *)to = (unsigned)value; break;
    default: *(uintmax_t *)to = value;
    }
}

static int base_of(char conversion) {
    switch (conversion) {
    case 'i': return 0;
    case 'o': return 8;
    case 'd':
    case 'u': return 10;
    default: return 16;
    }
}

static bool scan_integer(struct scan *s, const struct directive *d) {
    struct number n = {.scan = s, .room = d->width};
    int base = base_of(d->conversion);
    struct directive to = *d;

    if (d->conversion == 'p') to.length = 'l';
    if (!collect_integer(&n, &base)) return false;
    n.text[n.length] = '\0';
    if (d->discard) return true;
    bool is_signed = d->conversion == 'd' || d->conversion == 'i';
    uintmax_t value = strtoumax(n.text, NULL, base);
    if (is_signed) value = (uintmax_t)strtoimax(n.text, NULL, base);
    store_integer(s, &to, value);
    s->stored++;
    return true;
}

static bool scan_float(struct scan *s, const struct directive *d) {
    struct number n = {.scan = s, .room = d->width};

    if (!collect_float(&n)) return false;
    n.text[n.length] = '\0';
    if (d->discard) return true;
    if (d->length == 'L') *va_arg(s->ap, long double *) = strtold(n.text, NULL);
    else if (d->length == 'l') *va_arg(s->ap, double *) = strtod(n.text, NULL);
    else *va_arg(s->ap, float *) = strtof(n.text, NULL);
    s->stored++;
    return true;
}

/* --- Characters ------------------------------------------------------------------------------ */

/* Characters in `set` (256 flags), at most the width; c wants exactly that many, the others at
 * least one. */
static bool scan_characters(struct scan *s, const struct directive *d, const bool *set) {
    char *to = d->discard ? NULL : va_arg(s->ap, char *);
    bool exact = d->conversion == 'c';
    long width = exact && d->width == LONG_MAX ? 1 : d->width;
    long n = 0;

    while (n < width) {
        int c = take(s);
        if (c == EOF) s->ended = n == 0;
        if (c == EOF || !set[c]) {
            put_back(s, c);
            break;
        }
        if (to) to[n] = (char)c;
        n++;
    }
    if (exact ? n < width : n == 0) return false;
    if (to && !exact) to[n] = '\0';
    s->stored += to != NULL;
    return true;
}

/* Parses a [set]; answers its last character, the ]. A ] that comes first is a member; a-z is a
 * range. */
static const char *parse_set(const char *f, bool *set) {
    bool negated = *++f == '^';
    const char *first = f += negated;

    memset(set, negated, 256);
    for (; *f && (*f != ']' || f == first); f++) {
        unsigned char low = (unsigned char)*f, high = low;
        if (f[1] == '-' && f[2] && f[2] != ']') {
            f += 2;
            high = (unsigned char)*f;
        }
        for (int c = low; c <= high; c++) set[c] = !negated;
    }
    return f;
}

/* --- Directives ------------------------------------------------------------------------------ */

static const char *parse(const char *f, struct directive *d) {
    static const char lengths[] = "hljztLq";

    *d = (struct directive){.width = LONG_MAX};
    if (*f == '*') {
        d->discard = true;
        f++;
    }
    if (isdigit((unsigned char)*f)) {
        char *end;
        d->width = strtol(f, &end, 10);
        f = end;
    }
    if (*f && strchr(lengths, *f)) {
        d->length = *f++;
        if (*f == d->length && (*f == 'h' || *f == 'l')) d->length = *f++ == 'h' ? 'H' : 'q';
    }
    d->conversion = *f;
    return f;
}

static bool literal(struct scan *s, char wanted) {
    int c = take(s);

    if (c == (unsigned char)wanted) return true;
    if (c == EOF) s->ended = true;
    put_back(s, c);
    return false;
}

/* *f stands behind the % and is left at the conversion's last character. */
static bool convert(struct scan *s, const char **f) {
    struct directive d;
    bool set[256];

    *f = parse(*f, &d);
    if (d.conversion != 'c' && d.conversion != '[' && d.conversion != 'n') skip_space(s);
    if (d.conversion && strchr("diuoxXp", d.conversion)) return scan_integer(s, &d);
    if (d.conversion && strchr("aefgAEFG", d.conversion)) return scan_float(s, &d);
    switch (d.conversion) {
    case '[':
        *f = parse_set(*f, set);
        return **f && scan_characters(s, &d, set);
    case 's':
        for (int c = 0; c < 256; c++) set[c] = !isspace(c);
        return scan_characters(s, &d, set);
    case 'c':
        memset(set, true, sizeof set);
        return scan_characters(s, &d, set);
    case 'n':
        if (!d.discard) store_integer(s, &d, (uintmax_t)s->taken);
        return true;
    case '%': return literal(s, '%');
    default: return false;
    }
}

int vfscanf(FILE *restrict f, const char *restrict fmt, va_list ap) {
    struct scan s = {.file = f};
    const char *at = fmt;
    bool matches = true;

    hold(f);
    if (f->fd >= 0 && !__begin_reading(f)) return EOF;
    va_copy(s.ap, ap);
    for (; matches && *at; at++) {
        if (isspace((unsigned char)*at)) {
            skip_space(&s);
        } else if (*at != '%') {
            matches = literal(&s, *at);
        } else {
            at++;
            matches = convert(&s, &at);
            if (!*at) break;
        }
    }
    va_end(s.ap);
    return s.stored == 0 && (f->failed || (!matches && s.ended)) ? EOF : s.stored;
}

int vsscanf(const char *restrict text, const char *restrict fmt, va_list ap) {
    unsigned char *start = (unsigned char *)(uintptr_t)text;
    FILE f = {.fd = -1,
              .state = READING,
              .readable = true,
              .buffer = start,
              .next = start,
              .end = start + strlen(text)};

    return vfscanf(&f, fmt, ap);
}

int vscanf(const char *restrict fmt, va_list ap) {
    return vfscanf(stdin, fmt, ap);
}

#define PASS_ON(last, call) \
    va_list ap;             \
    va_start(ap, last);     \
    int stored = call;      \
    va_end(ap);             \
    return stored

int scanf(const char *restrict fmt, ...) {
    PASS_ON(fmt, vfscanf(stdin, fmt, ap));
}

int fscanf(FILE *restrict f, const char *restrict fmt, ...) {
    PASS_ON(fmt, vfscanf(f, fmt, ap));
}

int sscanf(const char *restrict text, const char *restrict fmt, ...) {
    PASS_ON(fmt, vsscanf(text, fmt, ap));
}
