/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every allocation inside the calls on names, descriptors and buffers made to fail: ENOMEM (EAGAIN from
 * mincore), no descriptor, no text of /proc, no page of a pipe left behind.
 *
 * clauses: I8 L22
 * pitfalls: B18
 * needs: holdfast
 */
#include "tests/user/inject.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int fd = -1, ends[2];
static char *memory;

static int opened(int got) {
    fd = got;
    return got < 0 ? errno : 0;
}

static void shut(void) {
    if (fd >= 0) close(fd);
    fd = -1;
}

static int open_file(void) {
    return opened(open("/dev/zero", O_RDONLY));
}

static int open_status(void) {
    return opened(open("/proc/self/status", O_RDONLY));
}

static int open_maps(void) {
    return opened(open("/proc/self/maps", O_RDONLY));
}

static int stat_name(void) {
    struct stat st;
    return errno_of(stat("/dev/zero", &st));
}

static int where(void) {
    char path[64];
    return errno_of(syscall(SYS_getcwd, path, sizeof path));
}

static int go(void) {
    return errno_of(chdir("/dev"));
}

static void go_back(void) {
    chdir("/");
}

static int far_descriptor(void) {
    return opened(fcntl(0, F_DUPFD, 900));
}

static void have_pipe(void) {
    if (pipe2(ends, O_NONBLOCK) != 0) bail_out("pipe: %s", strerror(errno));
}

static void lose_pipe(void) {
    close(ends[0]);
    close(ends[1]);
}

/* Short if a page could not be had; an error only if not even the first could. */
static int fill_pipe(void) {
    static char text[65536];
    return errno_of(write(ends[1], text, sizeof text));
}

static int gather(void) {
    static char text[16];
    struct iovec v[40];
    for (int i = 0; i < 40; i++) v[i] = (struct iovec){text, sizeof text};
    return errno_of(writev(ends[1], v, 40));
}

static int poll_many(void) {
    struct pollfd p[300];
    for (int i = 0; i < 300; i++) p[i] = (struct pollfd){ends[1], POLLOUT, 0};
    return errno_of(poll(p, 300, 0));
}

static void have_memory(void) {
    memory = area = anon(4);
    area_pages = 4;
}

static void lose_memory(void) {
    munmap(memory, 4 * PG);
}

static int incore(void) {
    unsigned char vec[4];
    return errno_of(mincore(memory, 4 * PG, vec));
}

static const struct operation operations[] = {
    {"open", NULL, open_file, shut, {ENOMEM}},
    {"open of /proc/self/status", NULL, open_status, shut, {ENOMEM}},
    {"open of /proc/self/maps", NULL, open_maps, shut, {ENOMEM}},
    {"stat", NULL, stat_name, NULL, {ENOMEM}},
    {"getcwd", NULL, where, NULL, {ENOMEM}},
    {"chdir", NULL, go, go_back, {ENOMEM}},
    {"F_DUPFD far away", NULL, far_descriptor, shut, {ENOMEM}},
    {"a pipe filled", have_pipe, fill_pipe, lose_pipe, {ENOMEM}},
    {"writev", have_pipe, gather, lose_pipe, {ENOMEM}},
    {"poll", have_pipe, poll_many, lose_pipe, {ENOMEM}},
    {"mincore", have_memory, incore, lose_memory, {EAGAIN}},
};

#define OPERATIONS (sizeof operations / sizeof *operations)

int main(void) {
    needs_holdfast();
    plan(3 * OPERATIONS);
    inject_all(operations, OPERATIONS);
    return done_testing();
}
