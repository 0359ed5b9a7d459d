/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Clocks and sleeping: the kernel's calls, and what C and POSIX build on them.
 */
#include "libc/internal/syscall.h"

#include <errno.h>
#include <poll.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *to) {
    return (int)sys(clock_gettime, clock, to);
}

int clock_getres(clockid_t clock, struct timespec *to) {
    return (int)sys(clock_getres, clock, to);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *left) {
    long result = SIX_(__cancel_point, SYS_clock_nanosleep, clock, flags, wanted, left, 0, 0, 0);

    return (int)-result;
}

int nanosleep(const struct timespec *wanted, struct timespec *left) {
    return (int)point(nanosleep, wanted, left);
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    return (int)sys(gettimeofday, to, zone);
}

int timespec_get(struct timespec *to, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, to) == 0 ? base : 0;
}

time_t time(time_t *to) {
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

/* The processor's time for this process, in microseconds. */
clock_t clock(void) {
    struct timespec used;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)) return -1;
    return used.tv_sec * CLOCKS_PER_SEC + used.tv_nsec / 1000;
}

double difftime(time_t end, time_t start) {
    return (double)end - (double)start;
}

unsigned sleep(unsigned seconds) {
    struct timespec t = {.tv_sec = seconds};

    if (nanosleep(&t, &t) == 0) return 0;
    return (unsigned)t.tv_sec + (t.tv_nsec > 0);
}

int usleep(useconds_t microseconds) {
    struct timespec t = {.tv_sec = microseconds / 1000000,
                         .tv_nsec = microseconds % 1000000 * 1000};

    return nanosleep(&t, NULL);
}

/* Waiting for no descriptor without a limit ends only by a signal. */
int pause(void) {
    return poll(NULL, 0, -1);
}
