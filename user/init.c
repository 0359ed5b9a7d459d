/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The first program of a machine with disks: starts their servers, swaps to those that are swap, keeps memory busy if
 * that is asked for, runs a program, and ends as that program ended. tools/hf uses it for --swap, --disk and --pressure.
 *
 *     init [-u UID] [-s ADDRESS NAME]... [-d ADDRESS NAME]... [-p PERCENT] -- PROGRAM [ARGUMENT...]
 *
 *      -s, -d   the PCI device at ADDRESS becomes /dev/NAME, as swap or as a disk:   blockd ADDRESS NAME
 *      -p       so much of all RAM is held and touched:                              pressure PERCENT
 *      -u       the program runs as this user; all else is root's
 *
 * It says nothing unless something that was asked for cannot be had: then a line of why, and status 125. If the busy memory
 * lost its contents: 121, as for a failed audit. What is left running when it ends, the kernel ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEVICES    8
#define CANNOT     125
#define BAD_MEMORY 121

extern char **environ;

static struct device {
    const char *address, *name;
    char path[32];
    int swap;
    pid_t server;
} device[DEVICES];
static int devices;
static const char *percent;
static long uid = -1;
static pid_t companion;

static _Noreturn void cannot(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void cannot(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    printf("init: ");
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    exit(CANNOT);
}

/* Runs argv as a child, its descriptor 3 the given one. */
static pid_t start(char *const argv[], int fd) {
    pid_t pid = fork();
    if (pid < 0) cannot("%s cannot be started: %s", argv[0], strerror(errno));
    if (pid > 0) return pid;
    if (fd >= 0) dup2(fd, 3);
    execv(argv[0], argv);
    cannot("%s cannot be run: %s", argv[0], strerror(errno));
}

static const char *ending(int status) {
    static char text[48];
    if (WIFSIGNALED(status)) snprintf(text, sizeof text, "was ended by signal %d", WTERMSIG(status));
    else snprintf(text, sizeof text, "ended with status %d", WEXITSTATUS(status));
    return text;
}

/* ---- disks ---- */

/* Until /dev/NAME is there, or its server is not any more. */
static void wait_for(const struct device *d) {
    const struct timespec moment = {.tv_nsec = 2000000};
    int fd, status;
    while ((fd = open(d->path, O_RDONLY)) < 0) {
        if (errno != ENOENT && errno != ENXIO) cannot("%s: %s", d->path, strerror(errno));
        if (waitpid(d->server, &status, WNOHANG) == d->server)
            cannot("%s: its server, blockd %s, %s", d->path, d->address, ending(status));
        nanosleep(&moment, NULL);
    }
    close(fd);
}

static void start_device(struct device *d) {
    snprintf(d->path, sizeof d->path, "/dev/%s", d->name);
    d->server = start((char *[]){(char *)"/sbin/blockd", (char *)d->address, (char *)d->name, NULL}, -1);
    wait_for(d);
    if (d->swap && swapon(d->path, 0) != 0) cannot("swapon %s: %s", d->path, strerror(errno));
}

/* ---- busy memory ---- */

/* Returns when all of it is held. */
static void start_pressure(void) {
    int end[2], status;
    char byte;
    if (pipe2(end, O_CLOEXEC) != 0) cannot("no pipe: %s", strerror(errno));
    companion = start((char *[]){(char *)"/sbin/pressure", (char *)percent, NULL}, end[1]);
    close(end[1]);
    if (read(end[0], &byte, 1) != 1) {
        waitpid(companion, &status, 0);
        cannot("there is no memory for a pressure of %s%%: ask for less, or for more --swap", percent);
    }
    close(end[0]);
}

/* It works until it is killed; if it has ended, it found its memory changed, and said so. */
static void stop_pressure(void) {
    if (!companion) return;
    if (waitpid(companion, NULL, WNOHANG) == companion) exit(BAD_MEMORY);
    kill(companion, SIGKILL);
    waitpid(companion, NULL, 0);
}

/* ---- the program ---- */

static int run(char *const argv[]) {
    int status;
    pid_t ended, pid = fork();
    if (pid < 0) cannot("%s cannot be started: %s", argv[0], strerror(errno));
    if (pid == 0) {
        if (uid >= 0 && (setgid((gid_t)uid) != 0 || setuid((uid_t)uid) != 0)) cannot("uid %ld: %s", uid, strerror(errno));
        execve(argv[0], argv, environ);
        cannot("%s cannot be run: %s", argv[0], strerror(errno));
    }
    while ((ended = wait(&status)) != pid) {
        if (ended == companion) exit(BAD_MEMORY);
        if (ended < 0 && errno != EINTR) cannot("wait: %s", strerror(errno));
    }
    return status;
}

static _Noreturn void end_as(int status) {
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        kill(getpid(), WTERMSIG(status));
    }
    exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void add_device(const char *address, const char *name, int swap) {
    if (devices == DEVICES) cannot("more than %d disks", DEVICES);
    if (!address || !name) cannot("-s and -d want an address and a name");
    device[devices++] = (struct device){.address = address, .name = name, .swap = swap};
}

/* Where the program's words begin. */
static char **parse(char **a) {
    for (; *a && strcmp(*a, "--") != 0; a++) {
        if (strcmp(*a, "-s") == 0 || strcmp(*a, "-d") == 0) {
            add_device(a[1], a[1] ? a[2] : NULL, a[0][1] == 's');
            a += 2;
        } else if (strcmp(*a, "-p") == 0 && a[1]) {
            percent = *++a;
        } else if (strcmp(*a, "-u") == 0 && a[1]) {
            uid = strtol(*++a, NULL, 10);
        } else {
            cannot("%s is no option of mine", *a);
        }
    }
    if (!*a || !a[1]) cannot("no program was named");
    return a + 1;
}

int main(int argc, char **argv) {
    (void)argc;
    char **program = parse(argv + 1);
    for (int i = 0; i < devices; i++) start_device(&device[i]);
    if (percent) start_pressure();
    int status = run(program);
    stop_pressure();
    for (int i = 0; i < devices; i++)
        if (device[i].swap) swapoff(device[i].path);
    end_as(status);
}
