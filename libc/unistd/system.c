/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The system as a program asks about it: names, numbers of processors and pages, knobs, chance.
 */
#include "libc/internal/syscall.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/random.h>
#include <sys/swap.h>
#include <sys/sysctl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

int uname(struct utsname *to) {
    return (int)sys(uname, to);
}

int gethostname(char *to, size_t size) {
    struct utsname name;

    if (uname(&name)) return -1;
    if (strlcpy(to, name.nodename, size) < size) return 0;
    errno = ENAMETOOLONG;
    return -1;
}

int sysinfo(struct sysinfo *to) {
    return (int)sys(sysinfo, to);
}

int sysctlbyname(const char *name, void *old, size_t *oldlen, const void *new, size_t newlen) {
    return (int)sys(sysctlbyname, name, strlen(name), old, oldlen, new, newlen);
}

int swapon(const char *path, int flags) {
    return (int)sys(swapon, path, flags);
}

int swapoff(const char *path) {
    return (int)sys(swapoff, path);
}

int get_nprocs(void) {
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

int get_nprocs_conf(void) {
    return get_nprocs();
}

static long pages(unsigned long amount, unsigned unit) {
    return (long)(amount / (unsigned long)getpagesize() * unit +
                  amount % (unsigned long)getpagesize() * unit / (unsigned long)getpagesize());
}

long get_phys_pages(void) {
    struct sysinfo info;

    return sysinfo(&info) ? -1 : pages(info.totalram, info.mem_unit);
}

long get_avphys_pages(void) {
    struct sysinfo info;

    return sysinfo(&info) ? -1 : pages(info.freeram, info.mem_unit);
}

ssize_t getrandom(void *to, size_t n, unsigned flags) {
    return sys(getrandom, to, n, flags);
}

int getentropy(void *to, size_t n) {
    if (n > 256) {
        errno = EIO;
        return -1;
    }
    for (size_t have = 0; have < n;) {
        ssize_t got = getrandom((char *)to + have, n - have, 0);
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) have += (size_t)got;
    }
    return 0;
}
