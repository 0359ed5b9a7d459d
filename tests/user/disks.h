/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Tests on a real disk: /bin/blockd serves it, and the test reads and writes /dev/NAME.
 */
#pragma once

#include <dirent.h>
#include <poll.h>
#include <sched.h>

#include "tests/user/support.h"

#define SECTOR 512ul

/* Starts blockd and waits until the device is there: the supervisor's pid. */
UNUSED static pid_t blockd_start(const char *address, const char *name) {
    char dev[32];
    snprintf(dev, sizeof dev, "/dev/%s", name);
    fflush(stdout);
    pid_t p = fork();
    if (p == 0) {
        execl("/sbin/blockd", "/sbin/blockd", address, name, (char *)NULL);
        _exit(127);
    }
    int fd;
    while ((fd = open(dev, O_RDWR)) < 0) {
        if (waitpid(p, NULL, WNOHANG) == p) bail_out("blockd %s %s ended", address, name);
        sched_yield();
    }
    close(fd);
    return p;
}

/* Runs blockd to its end: the exit status. */
UNUSED static int blockd_status(const char *address, const char *name) {
    int status = -1;
    fflush(stdout);
    pid_t p = fork();
    if (p == 0) {
        execl("/sbin/blockd", "/sbin/blockd", address, name, (char *)NULL);
        _exit(127);
    }
    waitpid(p, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A number in /proc/PID/status. */
UNUSED static long status_of(pid_t p, const char *name) {
    char file[32];
    snprintf(file, sizeof file, "/proc/%d/status", (int)p);
    return proc_number(file, name);
}

/* The server that a supervisor has now; -1: none. */
UNUSED static pid_t server_of(pid_t supervisor) {
    DIR *d = opendir("/proc");
    struct dirent *e;
    pid_t found = -1;
    while (d && (e = readdir(d)) != NULL)
        if (atoi(e->d_name) > 0 && status_of(atoi(e->d_name), "PPid") == supervisor) found = atoi(e->d_name);
    if (d) closedir(d);
    return found;
}

/* Both, for good: what is asked of the device from here on is ENODEV. */
UNUSED static void blockd_end(pid_t supervisor) {
    pid_t server = server_of(supervisor);
    kill(supervisor, SIGKILL);
    if (server > 0) kill(server, SIGKILL);
    waitpid(supervisor, NULL, 0);
}

/* Contents that name their own place and generation, to the byte. */
UNUSED static void pattern(char *to, size_t bytes, unsigned long place, unsigned generation) {
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t v = (place + i) * 0x9e3779b97f4a7c15ul + generation * 0xd1b54a32d192ed03ul;
        memcpy(to + i, &v, 8);
    }
}

UNUSED static bool is_pattern(const char *from, size_t bytes, unsigned long place, unsigned generation) {
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t want = (place + i) * 0x9e3779b97f4a7c15ul + generation * 0xd1b54a32d192ed03ul;
        if (memcmp(from + i, &want, 8) != 0) return false;
    }
    return true;
}
