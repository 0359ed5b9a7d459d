/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <time.h>: clocks and calendars (C17 7.27, POSIX). The only time zone is UTC.
 */
#pragma once

#include <linux/time.h>
#include <sys/types.h>

#define CLOCKS_PER_SEC 1000000L
#define TIME_UTC       1

struct tm {
    int tm_sec;   /* 0..60 */
    int tm_min;
    int tm_hour;
    int tm_mday;  /* 1..31 */
    int tm_mon;   /* 0..11 */
    int tm_year;  /* since 1900 */
    int tm_wday;  /* 0 is Sunday */
    int tm_yday;  /* 0..365 */
    int tm_isdst; /* always 0 */
    long tm_gmtoff;
    const char *tm_zone;
};

extern char *tzname[2];
extern long timezone;
extern int daylight;
void tzset(void);

time_t time(time_t *);
clock_t clock(void);
double difftime(time_t end, time_t start);
int clock_gettime(clockid_t, struct timespec *);
int clock_getres(clockid_t, struct timespec *);
/* Answers the error and leaves errno alone. */
int clock_nanosleep(clockid_t, int flags, const struct timespec *, struct timespec *left);
int nanosleep(const struct timespec *, struct timespec *left);

/* Timers. An event that is NULL means SIGALRM; SIGEV_THREAD and Linux's SIGEV_THREAD_ID are there. */
struct sigevent;
int timer_create(clockid_t, struct sigevent *restrict, timer_t *restrict);
int timer_settime(timer_t, int flags, const struct itimerspec *restrict,
                  struct itimerspec *restrict old);
int timer_gettime(timer_t, struct itimerspec *);
int timer_getoverrun(timer_t);
int timer_delete(timer_t);

int timespec_get(struct timespec *, int base);

struct tm *gmtime(const time_t *);
struct tm *gmtime_r(const time_t *restrict, struct tm *restrict);
struct tm *localtime(const time_t *);
struct tm *localtime_r(const time_t *restrict, struct tm *restrict);
time_t mktime(struct tm *);
time_t timegm(struct tm *);
char *asctime(const struct tm *);
char *asctime_r(const struct tm *restrict, char *restrict);
char *ctime(const time_t *);
char *ctime_r(const time_t *, char *);
size_t strftime(char *restrict, size_t, const char *restrict, const struct tm *restrict);
