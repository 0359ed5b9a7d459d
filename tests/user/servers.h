/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * For tests that kill the servers of disks: who they are, and stopping at the n-th request.
 */
#pragma once

#include <dirent.h>

#include "tests/user/support.h"

/* The name and the parent of a process, as /proc has them. */
UNUSED static const char *process_name(const char *pid, int *parent) {
    static char name[32];
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *f = fopen(path, "r");
    name[0] = 0;
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Name: %31s", name);
        sscanf(line, "PPid: %d", parent);
    }
    if (f) fclose(f);
    return name;
}

/* A server: a blockd whose parent is one, too. 0: there is none now. */
UNUSED static pid_t find_server(void) {
    DIR *d = opendir("/proc");
    struct dirent *e;
    pid_t found = 0;
    while (d && (e = readdir(d))) {
        int parent = 0, unused;
        char text[16];
        if (e->d_name[0] < '0' || e->d_name[0] > '9' || strcmp(process_name(e->d_name, &parent), "blockd") != 0) continue;
        snprintf(text, sizeof text, "%d", parent);
        if (strcmp(process_name(text, &unused), "blockd") == 0) found = atoi(e->d_name);
    }
    if (d) closedir(d);
    return found;
}

/* Waiting that leaves the CPUs to servers and clients. */
UNUSED static void moment(void) {
    usleep(200);
}

/*
 * Runs work(n) in a child until n requests have been given to servers since, then kills the server and lets all go on. The
 * child's status; 10: there was no server, 11: the child did not end by itself. *fewer: it ended before the n-th. The
 * caller is locked: it must not need the disk meanwhile.
 */
UNUSED static int killed_at(unsigned n, int (*work)(unsigned), bool *fewer) {
    int status;
    pid_t ended = 0;
    set_knob("debug.port.hold", 1);
    set_knob("debug.port.step", n);
    pid_t pid = fork();
    if (pid == 0) _exit(work(n));
    while (knob("debug.port.step") != 0 && (ended = waitpid(pid, &status, WNOHANG)) == 0) moment();
    *fewer = ended == pid;
    pid_t server = find_server();
    bool killed = server && kill(server, SIGKILL) == 0;
    set_knob("debug.port.step", 0);
    set_knob("debug.port.hold", 0);
    if (!ended) ended = waitpid(pid, &status, 0);
    if (!killed) return 10;
    return ended == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 11;
}

/* The disk answers again: what is counted after the test has a server in it, as what was counted before. */
UNUSED static bool server_is_back(void) {
    char sector[512];
    int fd = open("/dev/vda", O_RDONLY);
    bool back = pread(fd, sector, sizeof sector, 0) == (ssize_t)sizeof sector;
    close(fd);
    return back;
}
