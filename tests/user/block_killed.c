/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The server of a disk is killed at its n-th request, for every n: the next one is asked what was not answered, and the
 * program that reads and writes sees nothing of it.
 *
 * needs: holdfast
 * disk: 1M
 * timeout: 240
 */
#include <dirent.h>

#include "tests/user/support.h"

#define DEV     "/dev/vda"
#define PIECE   (40 * PG) /* three requests, the last one short */
#define PIECES  4
#define REQUESTS (PIECES * (3 + 3 + 2)) /* written, read; and a few bytes over it, read and written */

static char *name_of(const char *pid, int *parent) {
    static char name[32];
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *f = fopen(path, "r");
    char line[128];
    name[0] = 0;
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Name: %31s", name);
        sscanf(line, "PPid: %d", parent);
    }
    if (f) fclose(f);
    return name;
}

/* blockd's child: its parent's parent is process 1. 0: there is none now. */
static pid_t find_server(void) {
    DIR *d = opendir("/proc");
    struct dirent *e;
    pid_t found = 0;
    while ((e = readdir(d))) {
        int parent = 0, unused;
        char text[16];
        if (e->d_name[0] < '0' || e->d_name[0] > '9' || strcmp(name_of(e->d_name, &parent), "blockd") != 0) continue;
        snprintf(text, sizeof text, "%d", parent);
        if (strcmp(name_of(text, &unused), "blockd") == 0) found = atoi(e->d_name);
    }
    closedir(d);
    return found;
}

static void make_up(unsigned char *p, unsigned seed) {
    for (size_t i = 0; i < PIECE; i++) p[i] = (unsigned char)(seed * 131 + i * 7 + i / 509);
}

/* 0, or where it went wrong. */
static int work(unsigned n) {
    unsigned char *out = (unsigned char *)anon(PIECE / PG), *in = (unsigned char *)anon(PIECE / PG);
    int fd = open(DEV, O_RDWR);
    for (unsigned i = 0; i < PIECES; i++) {
        long at = i * (long)PIECE;
        make_up(out, n * PIECES + i);
        if (pwrite(fd, out, PIECE, at) != (long)PIECE) return 1;
        out[700] ^= 0xff, out[701] ^= 0xff;
        if (pwrite(fd, out + 700, 2, at + 700) != 2) return 2;
        if (pread(fd, in, PIECE, at) != (long)PIECE) return 3;
        if (memcmp(in, out, PIECE) != 0) return 4;
    }
    return 0;
}

/* A child works until n requests have been given to the server; it is killed; then all goes on. */
static int killed_at(unsigned n) {
    int status;
    set_knob("debug.port.hold", 1);
    set_knob("debug.port.step", n);
    pid_t pid = fork();
    if (pid == 0) _exit(work(n));
    while (knob("debug.port.step") != 0) sched_yield();
    pid_t server = find_server();
    if (!server || kill(server, SIGKILL) != 0) return 10;
    set_knob("debug.port.hold", 0);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 11;
    return find_server() == server ? 12 : WEXITSTATUS(status);
}

int main(void) {
    needs_holdfast();
    plan(REQUESTS + 1);
    for (unsigned n = 1; n <= REQUESTS; n++) is_int(killed_at(n), 0, "killed at request %u", n);
    is_int((long)knob("debug.port.requests"), 0, "none is left");
    return done_testing();
}
