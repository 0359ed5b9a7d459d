/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every allocation inside the calls that make descriptors and objects made to fail, and inside aio_mlock: the
 * documented errno, no descriptor, no request, nothing left behind.
 *
 * clauses: I8 Q6 X7
 * pitfalls: B18 A1
 * needs: holdfast
 */
#include <aio.h>

#include "tests/user/inject.h"

#define N 8

static int fds[2] = {-1, -1};

static void close_both(void) {
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) close(fds[i]);
    fds[0] = fds[1] = -1;
}

static void have_memfd(void) {
    fds[0] = memfd(1);
}

static int make_memfd(void) {
    fds[0] = memfd_create("injected", 0);
    return fds[0] < 0 ? errno : 0;
}

static int enlarge(void) {
    return errno_of(ftruncate(fds[0], 2000 * PG));
}

static int fill(void) {
    static char text[PG];
    return pwrite(fds[0], text, PG, 0) == PG ? 0 : errno;
}

static int make_pipe(void) {
    return errno_of(pipe(fds));
}

static int open_file(void) {
    fds[0] = open("/proc/self/status", O_RDONLY);
    return fds[0] < 0 ? errno : 0;
}

static int read_status(void) {
    char text[256];
    errno = 0;
    fds[0] = open("/proc/self/status", O_RDONLY);
    if (fds[0] < 0) return errno;
    return read(fds[0], text, sizeof text) > 0 ? 0 : errno;
}

static int duplicate(void) {
    fds[0] = dup(1);
    return fds[0] < 0 ? errno : 0;
}

/* ---- a request ---- */

static void fresh(void) {
    area = anon(N), area_pages = N;
}

static void unmap(void) {
    munlockall();
    munmap(area, area_pages * PG);
    area = NULL;
}

/* The error of the submission, or that of the request. */
static int lock_by_request(void) {
    struct aiocb cb = {.aio_buf = area, .aio_nbytes = N * PG, .aio_sigevent = {.sigev_notify = SIGEV_NONE}};
    const struct aiocb *list[] = {&cb};
    if (aio_mlock(&cb) != 0) return errno;
    while (aio_error(&cb) == EINPROGRESS) aio_suspend(list, 1, NULL);
    int e = aio_error(&cb);
    return aio_return(&cb) == 0 ? 0 : e;
}

static const struct operation ops[] = {
    {"memfd_create", NULL, make_memfd, close_both, {ENOMEM, ENFILE}},
    {"ftruncate of an object", have_memfd, enlarge, close_both, {ENOMEM, ENOSPC}},
    {"write to an object", have_memfd, fill, close_both, {ENOMEM, ENOSPC, EAGAIN}},
    {"pipe", NULL, make_pipe, close_both, {ENOMEM, ENFILE}},
    {"open", NULL, open_file, close_both, {ENOMEM, ENFILE}},
    {"open and read of /proc/self/status", NULL, read_status, close_both, {ENOMEM, ENFILE, EAGAIN}},
    {"dup", NULL, duplicate, close_both, {ENOMEM, ENFILE}},
    {"aio_mlock", fresh, lock_by_request, unmap, {EAGAIN, ENOMEM}},
};
#define OPS (sizeof ops / sizeof *ops)

int main(void) {
    needs_holdfast();
    plan(3 * (int)OPS);
    inject_all(ops, OPS);
    return done_testing();
}
