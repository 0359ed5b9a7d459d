/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Dates as text (C17 7.27.3.5, and POSIX's additions), in the C locale.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void __iso_week(const struct tm *, long *year, int *week);

static const char days[][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                "Thursday", "Friday", "Saturday"};
static const char months[][10] = {"January",   "February", "March",    "April",
                                  "May",       "June",     "July",     "August",
                                  "September", "October",  "November", "December"};

struct text {
    char *to;
    size_t size, length;
};

static void put(struct text *t, const char *s) {
    size_t n = strlen(s);

    if (t->length < t->size) strlcpy(t->to + t->length, s, t->size - t->length);
    t->length += n;
}

static void put_number(struct text *t, const char *fmt, long n) {
    char s[24];

    snprintf(s, sizeof s, fmt, n);
    put(t, s);
}

static void put_name(struct text *t, const char (*names)[10], int count, int i, bool brief) {
    char s[10] = "?";

    if (i >= 0 && i < count) strlcpy(s, names[i], brief ? 4 : sizeof s);
    put(t, s);
}

/* Conversions that are made of others, or NULL. */
static const char *composed(char c) {
    switch (c) {
    case 'c': return "%a %b %e %H:%M:%S %Y";
    case 'D':
    case 'x': return "%m/%d/%y";
    case 'F': return "%Y-%m-%d";
    case 'R': return "%H:%M";
    case 'r': return "%I:%M:%S %p";
    case 'T':
    case 'X': return "%H:%M:%S";
    case 'h': return "%b";
    case 'n': return "\n";
    case 't': return "\t";
    case '%': return "%%";
    default: return NULL;
    }
}

static void convert(struct text *t, char c, const struct tm *tm) {
    long iso_year, year = tm->tm_year + 1900L;
    int week;
    struct tm copy = *tm;

    __iso_week(tm, &iso_year, &week);
    switch (c) {
    case 'a':
    case 'A': put_name(t, days, 7, tm->tm_wday, c == 'a'); break;
    case 'b':
    case 'B': put_name(t, months, 12, tm->tm_mon, c == 'b'); break;
    case 'C': put_number(t, "%02ld", year / 100 - (year % 100 < 0)); break;
    case 'd': put_number(t, "%02ld", tm->tm_mday); break;
    case 'e': put_number(t, "%2ld", tm->tm_mday); break;
    case 'G': put_number(t, "%ld", iso_year); break;
    case 'g': put_number(t, "%02ld", (iso_year % 100 + 100) % 100); break;
    case 'H': put_number(t, "%02ld", tm->tm_hour); break;
    case 'I': put_number(t, "%02ld", (tm->tm_hour + 11) % 12 + 1); break;
    case 'j': put_number(t, "%03ld", tm->tm_yday + 1); break;
    case 'k': put_number(t, "%2ld", tm->tm_hour); break;
    case 'l': put_number(t, "%2ld", (tm->tm_hour + 11) % 12 + 1); break;
    case 'M': put_number(t, "%02ld", tm->tm_min); break;
    case 'm': put_number(t, "%02ld", tm->tm_mon + 1); break;
    case 'p': put(t, tm->tm_hour < 12 ? "AM" : "PM"); break;
    case 'P': put(t, tm->tm_hour < 12 ? "am" : "pm"); break;
    case 'S': put_number(t, "%02ld", tm->tm_sec); break;
    case 's': put_number(t, "%ld", timegm(&copy)); break;
    case 'U': put_number(t, "%02ld", (tm->tm_yday + 7 - tm->tm_wday) / 7); break;
    case 'u': put_number(t, "%ld", (tm->tm_wday + 6) % 7 + 1); break;
    case 'V': put_number(t, "%02ld", week); break;
    case 'W': put_number(t, "%02ld", (tm->tm_yday + 7 - (tm->tm_wday + 6) % 7) / 7); break;
    case 'w': put_number(t, "%ld", tm->tm_wday); break;
    case 'Y': put_number(t, "%ld", year); break;
    case 'y': put_number(t, "%02ld", (year % 100 + 100) % 100); break;
    case 'Z': put(t, "UTC"); break;
    case 'z': put(t, "+0000"); break;
    default: put(t, (char[]){'%', c, 0});
    }
}

static void format(struct text *t, const char *fmt, const struct tm *tm) {
    for (; *fmt; fmt++) {
        if (*fmt != '%' || !fmt[1]) {
            put(t, (char[]){*fmt, 0});
            continue;
        }
        fmt++;
        if ((*fmt == 'E' || *fmt == 'O') && fmt[1]) fmt++; /* the C locale has no other forms */
        const char *parts = composed(*fmt);
        if (*fmt == '%') put(t, "%");
        else if (parts) format(t, parts, tm);
        else convert(t, *fmt, tm);
    }
}

size_t strftime(char *restrict to, size_t size, const char *restrict fmt,
                const struct tm *restrict tm) {
    struct text t = {to, size, 0};

    if (size) *to = '\0';
    format(&t, fmt, tm);
    return t.length < size ? t.length : 0;
}

char *asctime_r(const struct tm *restrict tm, char *restrict to) {
    strftime(to, 26, "%a %b %e %H:%M:%S %Y\n", tm);
    return to;
}

char *asctime(const struct tm *tm) {
    static char text[64];

    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y\n", tm);
    return text;
}

char *ctime_r(const time_t *when, char *to) {
    struct tm t;

    return gmtime_r(when, &t) ? asctime_r(&t, to) : NULL;
}

char *ctime(const time_t *when) {
    struct tm t;

    return gmtime_r(when, &t) ? asctime(&t) : NULL;
}
