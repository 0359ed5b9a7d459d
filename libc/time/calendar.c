/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Between seconds since 1970 and the calendar (C17 7.27.2.3, 7.27.3). The only time zone is UTC.
 *
 * Years are counted from 1 March, so that the leap day is a year's last and a month's start is a
 * linear function of its number: 153 days in every five months from March on. 400 years are 146097
 * days, always.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY        86400L
#define DAYS_400   146097L
#define TO_1970    719468L /* days from 1 March of the year 0 to 1 January 1970 */

char *tzname[2] = {(char[]){"UTC"}, (char[]){"UTC"}};
long timezone;
int daylight;

void tzset(void) {
}

static long floor_div(long n, long d) {
    return n / d - (n % d < 0);
}

static bool is_leap(long year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970 to the first of a month; month may be any number, 0 is January of `year`. */
static long days_before_month(long year, long month) {
    month -= 2; /* March is 0 */
    year += floor_div(month, 12);
    month -= floor_div(month, 12) * 12;
    long era = floor_div(year, 400);
    long of_era = year - era * 400;
    return era * DAYS_400 + of_era * 365 + of_era / 4 - of_era / 100 + (month * 153 + 2) / 5 -
           TO_1970;
}

struct tm *gmtime_r(const time_t *restrict when, struct tm *restrict to) {
    long days = floor_div(*when, DAY);
    long rest = *when - days * DAY;
    long era = floor_div(days + TO_1970, DAYS_400);
    long of_era = days + TO_1970 - era * DAYS_400;
    long year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long of_year = of_era - (year * 365 + year / 4 - year / 100);
    long month = (of_year * 5 + 2) / 153; /* 0 is March */

    year += era * 400 + (month >= 10);
    if (year - 1900 > INT_MAX || year - 1900 < INT_MIN) {
        errno = EOVERFLOW;
        return NULL;
    }
    *to = (struct tm){
        .tm_sec = (int)(rest % 60), .tm_min = (int)(rest / 60 % 60), .tm_hour = (int)(rest / 3600),
        .tm_mday = (int)(of_year - (month * 153 + 2) / 5) + 1,
        .tm_mon = (int)(month < 10 ? month + 2 : month - 10),
        .tm_year = (int)(year - 1900),
        .tm_wday = (int)(days + 4 - floor_div(days + 4, 7) * 7), /* 1 January 1970 was a Thursday */
        .tm_yday = (int)(days - days_before_month(year, 0)),
        .tm_zone = tzname[0],
    };
    return to;
}

/* Fields may lie outside their ranges (C17 7.27.2.3); they are put right in place. */
time_t timegm(struct tm *t) {
    time_t when = (days_before_month(t->tm_year + 1900L, t->tm_mon) + t->tm_mday - 1) * DAY +
                  t->tm_hour * 3600L + t->tm_min * 60L + t->tm_sec;

    return gmtime_r(&when, t) ? when : -1;
}

time_t mktime(struct tm *t) {
    return timegm(t);
}

struct tm *localtime_r(const time_t *restrict when, struct tm *restrict to) {
    return gmtime_r(when, to);
}

struct tm *gmtime(const time_t *when) {
    static struct tm t;

    return gmtime_r(when, &t);
}

struct tm *localtime(const time_t *when) {
    return gmtime(when);
}

/* --- ISO 8601 weeks: the week belongs to the year that its Thursday lies in ------------------ */

void __iso_week(const struct tm *, long *year, int *week);
void __iso_week(const struct tm *t, long *year, int *week) {
    int from_monday = (t->tm_wday + 6) % 7;
    int thursday = t->tm_yday - from_monday + 3;

    *year = t->tm_year + 1900L;
    if (thursday < 0) thursday += 365 + is_leap(--*year);
    else if (thursday >= 365 + is_leap(*year)) thursday -= 365 + is_leap((*year)++);
    *week = thursday / 7 + 1;
}
