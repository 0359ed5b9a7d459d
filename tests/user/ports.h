/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A server of a block device without a device: the test serves, and answers what it likes when it likes; its
 * clients are children that read and write /dev/NAME and leave what they got in shared memory.
 *
 *     test: serve("vdy", 64)        client_start(...)           next_request()     answer(r.id, 0)
 *                                     child: pread ------------------^  ----------------> 512
 *
 * No data moves, since nobody here can reach a frame by its physical address: user/blockd.c's tests are for that.
 */
#pragma once

#include <poll.h>
#include <sys/syscall.h>

#include "abi/port.h"
#include "tests/user/support.h"

static struct {
    int fd;
    const volatile struct port_ring *ring;
    unsigned taken; /* requests looked at */
} server_;

UNUSED static long port_open(const char *name, unsigned long sectors) {
    return syscall(SYS_port_open, name, sectors, -1);
}

UNUSED static long port_serve(int fd, const struct port_answer *answers, unsigned long n, int milliseconds) {
    return syscall(SYS_port_serve, fd, answers, n, milliseconds);
}

UNUSED static void lock_whole(void) {
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
}

/* Serves through an open port from here on. */
UNUSED static void serve_fd(int fd) {
    void *ring = mmap(NULL, PORT_RING_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED) bail_out("no ring: %s", strerror(errno));
    server_.fd = fd;
    server_.ring = ring;
    server_.taken = 0;
}

UNUSED static void serve(const char *name, unsigned long sectors) {
    int fd = (int)port_open(name, sectors);
    if (fd < 0) bail_out("port_open %s: %s", name, strerror(errno));
    serve_fd(fd);
}

UNUSED static void serve_no_more(void) {
    munmap((void *)server_.ring, PORT_RING_SIZE);
    close(server_.fd);
}

/* The request that comes next, waited for. */
UNUSED static struct port_request next_request(void) {
    struct port_request r;
    while (server_.ring->head == server_.taken)
        if (port_serve(server_.fd, NULL, 0, -1) < 0) bail_out("port: %s", strerror(errno));
    memcpy(&r, (const void *)&server_.ring->slot[server_.taken % PORT_SLOTS], sizeof r);
    server_.taken++;
    return r;
}

UNUSED static unsigned unseen_requests(void) {
    return server_.ring->head - server_.taken;
}

UNUSED static int answer(unsigned id, int error) {
    struct port_answer a = {id, error};
    return errno_of(port_serve(server_.fd, &a, 1, 0));
}

UNUSED static unsigned long request_bytes(const struct port_request *r) {
    unsigned long n = 0;
    for (unsigned i = 0; i < r->segments; i++) n += r->segment[i].len;
    return n;
}

/* ---- clients ---- */

struct client {
    pid_t pid;
    volatile long result; /* of the call, or -errno */
};

/* A child that moves n bytes at `offset` from or to memory `skew` bytes into a page. */
UNUSED static struct client *client_start(const char *path, bool writes, unsigned long n, long offset, unsigned skew) {
    struct client *c = shared(sizeof *c);
    c->result = 12345;
    pid_t pid = fork();
    if (pid < 0) bail_out("fork: %s", strerror(errno));
    if (pid > 0) {
        c->pid = pid;
        return c;
    }
    for (int fd = 3; fd < 20; fd++) close(fd); /* else ports would stay open with it */
    char *buffer = anon((n + skew) / PG + 2);
    int fd = open(path, writes ? O_RDWR : O_RDONLY);
    if (fd < 0) c->result = -errno;
    else c->result = writes ? pwrite(fd, buffer + skew, n, offset) : pread(fd, buffer + skew, n, offset);
    if (fd >= 0 && c->result == -1) c->result = -errno;
    _exit(0);
}

/* What its call returned, once it has ended: -999 if it died. */
UNUSED static long client_result(struct client *c) {
    int status;
    if (waitpid(c->pid, &status, 0) != c->pid || !WIFEXITED(status)) return -999;
    return c->result;
}

/* Answers everything with `error` until the client is done. */
UNUSED static long serve_client(struct client *c, int error) {
    int status;
    pid_t ended;
    while ((ended = waitpid(c->pid, &status, WNOHANG)) == 0) {
        while (unseen_requests()) answer(next_request().id, error);
        sched_yield();
    }
    return ended == c->pid && WIFEXITED(status) ? c->result : -999;
}
