/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a C library answers to many random questions, as text. tests/libc/reference.t builds this
 * program against our libc and against the build machine's: the two texts must be the same, byte
 * for byte.
 *
 *     questions SEED COUNT
 *
 * Left out is what C leaves open (%p, NULL for %s, the sign of a NaN, where a rounded %La puts its
 * point) and where the other library departs from C (scanf takes "0x" and "1e+" for numbers; %#g
 * that carries).
 */
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t state;

static uint64_t next(void) {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned below(unsigned n) {
    return (unsigned)(next() % n);
}

static bool one_in(unsigned n) {
    return below(n) == 0;
}

/* --- Values that matter ---------------------------------------------------------------------- */

static uint64_t integer(void) {
    static const uint64_t edges[] = {
        0,        1,        7,        8,         9,         10,           99,    100,
        127,      128,      255,      256,       32767,     32768,        65535, INT_MAX,
        1u << 31, UINT_MAX, LONG_MAX, 1ul << 63, ULONG_MAX, ULONG_MAX - 9};

    return one_in(3) ? edges[below(sizeof edges / sizeof *edges)] : next() >> below(64);
}

static double number(void) {
    static const double edges[] = {
        0,           1,         0.5,  1.5,        2.5,  0.1,   9.5,     9.995,   99.5,
        999999.5,    123456789, 1e15, 1e16,       1e22, 1e23,  DBL_MAX, DBL_MIN, DBL_TRUE_MIN,
        DBL_EPSILON, 1e-5,      1e-4, 0.00012345, 4.35, 1.005, 1e100};
    double d;
    uint64_t bits;

    switch (below(6)) {
    case 0: d = edges[below(sizeof edges / sizeof *edges)]; break;
    case 1: d = (double)(int64_t)next() / (double)(1ull << below(60)); break;
    case 2: d = (double)below(100000) / 1000; break; /* ties of decimal rounding */
    case 3: d = (double)below(4096) / 4096 * (1 << below(30)); break; /* ties of binary rounding */
    default:
        bits = next();
        memcpy(&d, &bits, sizeof d);
        if (d != d) d = 1;
    }
    return one_in(2) ? -d : d;
}

static long double long_number(void) {
    long double l = number();

    for (unsigned n = below(4); n; n--) l = l * number() / 3;
    return l == l ? l : 1;
}

/* --- printf ---------------------------------------------------------------------------------- */

static char *put_spec(char *f, bool precision) {
    *f++ = '%';
    for (const char *flag = "-+ #0"; *flag; flag++)
        if (one_in(4)) *f++ = *flag;
    if (one_in(2)) f += sprintf(f, "%u", one_in(8) ? below(400) : below(24));
    if (precision && one_in(2)) {
        *f++ = '.';
        if (!one_in(6)) f += sprintf(f, "%u", one_in(8) ? below(1200) : below(22));
    }
    return f;
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

static void show(const char *format, const char *text, int length) {
    printf("%s -> [%s] %d\n", format, text, length);
}

static void print_integer(void) {
    static const char lengths[][3] = {"", "hh", "h", "l", "ll", "j", "z", "t"};
    char format[64], text[2048];
    unsigned kind = below(8);
    uint64_t n = integer();
    char *f = put_spec(format, true);

    f += sprintf(f, "%s%c", lengths[kind], "diuoxX"[below(6)]);
    *f = 0;
    int length = kind < 3 ? snprintf(text, sizeof text, format, (int)n)
                          : snprintf(text, sizeof text, format, n);
    show(format, text, length);
}

static void print_float(void) {
    char format[64], text[8192];
    char conversion = "aAeEfFgG"[below(8)];
    bool is_long = one_in(4);
    char *f = put_spec(format, !is_long || !strchr("aA", conversion));
    int length;

    if (is_long) *f++ = 'L';
    *f = 0;
    if (strchr(format, '#') && strchr("gG", conversion)) conversion = 'e';
    strcpy(f, (char[]){conversion, 0});
    if (is_long) length = snprintf(text, sizeof text, format, long_number());
    else length = snprintf(text, sizeof text, format, number());
    show(format, text, length);
}

static void print_string(void) {
    static const char *const words[] = {"", "a", "holdfast",
                                        "a longer piece of text, with a comma"};
    char format[64], text[2048], small[9];
    const char *word = words[below(4)];
    char *f = put_spec(format, true);

    strcpy(f, "s|%c|%%|%*.*s");
    int width = (int)below(30) - 15, precision = (int)below(20) - 5;
    int length = snprintf(text, sizeof text, format, word, 'x', width, precision, word);
    show(format, text, length);
    size_t size = below(sizeof small + 1);
    strcpy(small, "........");
    length = snprintf(small, size, format, word, 'x', width, precision, word);
    printf("%zu: %.8s %d\n", size, small, length);
}

/* --- Text to numbers ------------------------------------------------------------------------- */

static void make_number(char *s, size_t size) {
    size_t n = 0;

    if (one_in(5)) s[n++] = "+- \t"[below(4)];
    switch (below(8)) {
    case 0: snprintf(s + n, size - n, "%.*g", (int)below(40), number()); return;
    case 1: snprintf(s + n, size - n, "%.*Lg", (int)below(60), long_number()); return;
    case 2: snprintf(s + n, size - n, "%.*a", (int)below(20), number()); return;
    case 3:
        snprintf(s + n, size - n, "0x%" PRIx64 ".%" PRIx64 "p%d", integer(), integer(),
                 (int)below(2400) - 1200);
        return;
    case 4: snprintf(s + n, size - n, "%.*f", (int)below(800), number()); return;
    case 5:
        snprintf(s + n, size - n, "%" PRIu64 "%" PRIu64 "e%d", next(), next(),
                 (int)below(800) - 400);
        return;
    case 6:
        snprintf(s + n, size - n, "%" PRIu64 ".%" PRIu64 "e%d", integer(), integer(),
                 (int)below(40) - 20);
        return;
    default:
        for (size_t end = n + below(24); n < end; n++)
            s[n] = "00112359.eExXpPaAfF+-infINFnaN_("[below(32)];
        s[n] = 0;
    }
}

/* Half way between two doubles exactly, a little above and a little below: where rounding twice
 * shows. */
static void make_halfway(char *s, size_t size) {
    double d = number();
    uint64_t bits;

    memcpy(&bits, &d, sizeof bits);
    bits = (bits & ~(1ull << 63)) % (0x7feull << 52);
    memcpy(&d, &bits, sizeof d);
    bits++;
    double up;
    memcpy(&up, &bits, sizeof up);
    int n = snprintf(s, size, "%.1100Lf", ((long double)d + up) / 2);
    if (one_in(3)) strcpy(s + n, "0001");
}

static void read_float(void) {
    char s[2400], *end;

    if (one_in(6)) make_halfway(s, sizeof s);
    else make_number(s, sizeof s);
    double d = strtod(s, &end);
    printf("strtod %s = %a +%td\n", s, d, end - s);
    float f = strtof(s, &end);
    printf("strtof %a +%td\n", f, end - s);
    long double l = strtold(s, &end);
    printf("strtold %La +%td\n", l, end - s);
    int base = (int)below(38);
    if (base == 1 || base == 37) base = 0; /* invalid: where end points is not said */
    long n = strtol(s, &end, base);
    printf("strtol %d %ld +%td\n", base, n, end - s);
    unsigned long u = strtoul(s, &end, base);
    printf("strtoul %lu +%td\n", u, end - s);
}

static void scan(void) {
    char s[600] = "", w[200] = "-", set[200] = "-", c = '-';
    int i = -1, k = -1, n = -1;
    unsigned u = 1;
    double d = -1;
    short h = -1;

    for (unsigned pieces = below(6); pieces; pieces--) {
        size_t at = strlen(s);
        char piece[60];
        switch (below(4)) {
        case 0: snprintf(piece, sizeof piece, "%d", (int)(integer() >> 33)); break;
        case 1: snprintf(piece, sizeof piece, "%.6g", number()); break;
        case 2: snprintf(piece, sizeof piece, "0x%x", below(70000)); break;
        default: snprintf(piece, sizeof piece, "%.*s", (int)below(9), "abc,def]g"); break;
        }
        snprintf(s + at, sizeof s - at, "%s%s", piece, one_in(3) ? "," : " ");
    }
    static const char *const formats[] = {
        "%d %lf %199s %n", "%i%*[ ,]%199[a-z,]%n",
        "%x %hd %c %u",    "%3d%x%lf",
        "%199[^,],%d,%lf", "%d,%d",
        " %c%c%c",         "%u%%%d",
    };
    unsigned f = below(8);
    int r;
    switch (f) {
    case 0: r = sscanf(s, formats[f], &i, &d, w, &n); break;
    case 1: r = sscanf(s, formats[f], &i, set, &n); break;
    case 2: r = sscanf(s, formats[f], &u, &h, &c, &k); break;
    case 3: r = sscanf(s, formats[f], &i, &u, &d); break;
    case 4: r = sscanf(s, formats[f], set, &i, &d); break;
    case 5: r = sscanf(s, formats[f], &i, &k); break;
    case 6: r = sscanf(s, formats[f], &c, w, set); break;
    default: r = sscanf(s, formats[f], &u, &i); break;
    }
    printf("scan [%s] %s: %d i%d k%d u%u h%d d%.17g n%d c%c [%s] [%s]\n", s, formats[f], r, i, k, u,
           h, d, n, c, w, set);
}

/* --- The calendar ---------------------------------------------------------------------------- */

static void calendar(void) {
    char text[400];
    time_t t = (time_t)next() >> (20 + below(40));
    struct tm *tm = gmtime(&t);

    if (tm->tm_year > 8000 || tm->tm_year < -900) return; /* other than four digits: they differ */
    strftime(text, sizeof text,
             "%a %A %b %B %c %C %d %D %e %F %g %G %H %I %j %k %l %m %M %p %r %R %s %S %T %u %U %V "
             "%w %W %x %X %y %Y %%",
             tm);
    printf("%lld %s %s", (long long)t, text, asctime(tm));
    struct tm loose = {.tm_year = (int)below(400),
                       .tm_mon = (int)below(60) - 20,
                       .tm_mday = (int)below(900) - 300,
                       .tm_hour = (int)below(100) - 50,
                       .tm_min = (int)below(1000) - 500,
                       .tm_sec = (int)below(100000) - 50000};
    t = mktime(&loose);
    printf("%lld %d %d %d\n", (long long)t, loose.tm_wday, loose.tm_yday, loose.tm_mon);
}

int main(int argc, char **argv) {
    static void (*const questions[])(void) = {print_integer, print_float, print_string,
                                              read_float,    scan,        calendar};

    if (argc != 3) {
        fprintf(stderr, "usage: questions SEED COUNT\n");
        return 2;
    }
    state = strtoull(argv[1], NULL, 10);
    for (long left = atol(argv[2]); left > 0; left--) questions[below(6)]();
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
