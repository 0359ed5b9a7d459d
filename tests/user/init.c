/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The first program of a test boot: runs each program that /tests/list names, one after the other, and
 * sees to it that each leaves the machine as it found it (contract I8).
 *
 *     # begin NAME
 *     ... what the test prints ...
 *     # end NAME exit 0                     or: signal 11
 *     # leak NAME KNOB BEFORE AFTER         a count that did not come back
 *     # audit NAME N                        debug.audit, when not 0
 *     # done NAME
 *
 * tools/hflib/stream.py reads this. Between a test's end and its counts every orphan that it left is waited for;
 * then the counts are what they were, at once: reading a knob waits until the dead are gone entirely.
 *
 * A file that is executed or mapped for the first time keeps the object behind it, which is no leak; a leak comes back each
 * time. So a test whose free frames or heap blocks did not return runs once more, unheard, and only what it takes the second
 * time counts. The frames in which the kernel's small objects lie count as free ones: as many objects may lie in more frames,
 * where a server that lives on was started amid others' objects. Where there is swap, free frames also depend on who happens
 * to be out: before they are counted all others are.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIST       "/tests/list"
#define LIST_BYTES 16384

static const char *const knobs[] = {
    "vm.stats.free_frames", "vm.stats.heap_live", /* first: see test() */
    "vm.stats.locked", "vm.stats.promised", "vm.stats.pins", "vm.stats.spaces", "vm.stats.regions",
    "kern.threads", "kern.processes", "kern.files", "vfs.aio.requests", "vm.swap.free",
};
#define KNOBS (sizeof knobs / sizeof knobs[0])

struct counts {
    uint64_t of[KNOBS];
};

static uint64_t read_knob(const char *name) {
    uint64_t value = 0;
    size_t size = sizeof value;
    if (sysctlbyname(name, &value, &size, NULL, 0) != 0) {
        printf("# init: no knob %s: %s\n", name, strerror(errno));
        exit(2);
    }
    return value;
}

/* This program is locked, and what is not leaves memory. */
static void send_others_out(void) {
    const uint64_t now = 1;
    if (read_knob("vm.swap.total") == 0) return;
    if (mlockall(MCL_CURRENT) != 0 || sysctlbyname("debug.evict", NULL, NULL, &now, sizeof now) != 0) {
        printf("# init: cannot evict: %s\n", strerror(errno));
        exit(2);
    }
}

static struct counts read_counts(void) {
    struct counts c;
    send_others_out();
    for (size_t i = 0; i < KNOBS; i++) c.of[i] = read_knob(knobs[i]);
    c.of[0] += read_knob("vm.stats.slabs");
    return c;
}

/* What a test that was killed may have left set: workers that wait for ever would hold up the next one. */
static void reset_knobs(void) {
    const uint64_t go = 0;
    sysctlbyname("debug.aio.hold", NULL, NULL, &go, sizeof go);
    sysctlbyname("debug.port.hold", NULL, NULL, &go, sizeof go);
    sysctlbyname("debug.yield.all", NULL, NULL, &go, sizeof go);
}

/* Runs the program and waits for it and for all orphans: its wait status. */
static int run(const char *path, int heard) {
    char *argv[] = {(char *)path, NULL}, *envp[] = {(char *)"PATH=/bin", (char *)"HOME=/", NULL};
    pid_t child = fork(), ended;
    int status, result = -1;
    if (child == 0) {
        if (!heard && !freopen("/dev/null", "w", stdout)) _exit(126);
        execve(path, argv, envp);
        _exit(127);
    }
    if (child < 0) return -1;
    while ((ended = wait(&status)) > 0 || errno == EINTR) {
        if (ended != child) continue;
        result = status;
        reset_knobs();
    }
    return result;
}

static void say_end(const char *name, int status) {
    if (WIFSIGNALED(status)) printf("\n# end %s signal %d\n", name, WTERMSIG(status));
    else printf("\n# end %s exit %d\n", name, status == -1 ? 126 : WEXITSTATUS(status));
}

static void say_leaks(const char *name, const struct counts *before, const struct counts *after) {
    for (size_t i = 0; i < KNOBS; i++) {
        if (before->of[i] != after->of[i])
            printf("# leak %s %s %llu %llu\n", name, knobs[i], (unsigned long long)before->of[i],
                   (unsigned long long)after->of[i]);
    }
}

static void test(const char *path) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    struct counts before = read_counts(), after;
    printf("# begin %s\n", name);
    fflush(stdout);
    int status = run(path, 1);
    after = read_counts();
    say_end(name, status);
    if (after.of[0] != before.of[0] || after.of[1] != before.of[1]) {
        before = after;
        run(path, 0);
        after = read_counts();
    }
    say_leaks(name, &before, &after);
    uint64_t broken = read_knob("debug.audit");
    if (broken != 0) printf("# audit %s %llu\n", name, (unsigned long long)broken);
    printf("# done %s\n", name);
    fflush(stdout);
}

int main(void) {
    static char list[LIST_BYTES];
    int fd = open(LIST, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, list, sizeof list - 1);
    if (got < 0 || got == (ssize_t)sizeof list - 1) {
        printf("# init: cannot read %s\n", LIST);
        return 3;
    }
    close(fd);
    for (char *path = strtok(list, "\n"); path; path = strtok(NULL, "\n")) test(path);
    return 0;
}
