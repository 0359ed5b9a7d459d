/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A block device as a file, seen from its server: which requests a read or write of any alignment becomes, how many at
 * once, what is short and what an error, who may open it; and what becomes of the frames (W4, P1).
 *
 * needs: holdfast
 */
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "tests/user/ports.h"

#define NAME    "vdw"
#define DEV     "/dev/" NAME
#define SECTORS 4096l
#define END     (SECTORS * 512)

/* "r 0+2": reads two sectors from 0. What is asked is answered at once, until the client is done: a line of all of it. */
static const char *asked(struct client *c, int error, long *result) {
    static char text[512];
    size_t n = 0;
    text[0] = 0;
    int status;
    for (;;) {
        while (unseen_requests()) {
            struct port_request r = next_request();
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%c %lu+%lu", n ? ", " : "", r.write ? 'w' : 'r', r.sector,
                                  request_bytes(&r) / 512);
            answer(r.id, error);
        }
        if (waitpid(c->pid, &status, WNOHANG) == c->pid) break;
        sched_yield();
    }
    *result = WIFEXITED(status) ? c->result : -999;
    return text;
}

static void expect(bool writes, unsigned long n, long offset, unsigned skew, const char *want, long result, const char *what) {
    long got;
    is_str(asked(client_start(DEV, writes, n, offset, skew), 0, &got), want, "%s", what);
    is_int(got, result, "%s: the result", what);
}

static void shapes(void) {
    expect(false, 512, 0, 0, "r 0+1", 512, "a sector");
    expect(false, 8192, 4096, 512, "r 8+16", 8192, "sectors to memory that begins inside a page");
    expect(false, 100, 1000, 0, "r 1+2", 100, "a few bytes over the border of two sectors");
    expect(false, 1, 511, 0, "r 0+1", 1, "the last byte of a sector");
    expect(false, 2000, 100, 100, "r 0+1, r 1+3, r 4+1", 2000, "ragged ends around whole sectors");
    expect(false, 1024, 0, 3, "r 0+2", 1024, "memory at an odd address: by a frame in between");
    expect(false, 9000, 0, 3, "r 0+8, r 8+8, r 16+2", 9000, "much of it: a page at a time");
    expect(true, 512, 512, 0, "w 1+1", 512, "a sector is written without being read");
    expect(true, 8192, 0, 512, "w 0+16", 8192, "so are many");
    expect(true, 10, 5, 0, "r 0+1, w 0+1", 10, "a part of one is read first");
    expect(true, 1024, 256, 256, "r 0+1, w 0+1, w 1+1, r 2+1, w 2+1", 1024, "ragged ends are, the middle is not");
    expect(true, 1024, 0, 3, "w 0+2", 1024, "whole sectors from an odd address are not read");
}

static void the_end(void) {
    expect(false, 2048, END - 512, 0, "r 4095+1", 512, "a read at the end is short");
    expect(false, 2048, END, 0, "", 0, "a read past it is none");
    expect(false, 10, END - 4, 1, "r 4095+1", 4, "a ragged one, too");
    expect(true, 2048, END - 512, 0, "w 4095+1", 512, "a write is short");
    expect(true, 2048, END, 0, "", -ENOSPC, "past the end there is no space");
    expect(true, 10, END - 4, 0, "r 4095+1, w 4095+1", 4, "a ragged write at the end");
}

static void errors(void) {
    long got;
    is_str(asked(client_start(DEV, true, 10, 5, 0), EIO, &got), "r 0+1", "what cannot be read is not written over");
    is_int(got, -EIO, "and that is EIO");
    struct client *c = client_start(DEV, false, 300 * 1024, 0, 0);
    unsigned id[4];
    for (int i = 0; i < 4; i++) id[i] = next_request().id;
    is_int(unseen_requests(), 0, "four requests of one call are in flight");
    answer(id[3], 0), answer(id[2], EIO), answer(id[1], 0), answer(id[0], 0);
    is_int(serve_client(c, 0), 2 * 65536, "what lies before the error has been read");

    int fd = open(DEV, O_RDWR);
    char *p = anon(3);
    cut(p, 2, 1);
    pid_t helper = fork(); /* the server blocks no longer than its clients */
    if (helper == 0) {
        long a = pread(fd, (void *)KERNEL, 512, 0), ea = errno, b = pread(fd, p + 2 * PG, 512, 0), eb = errno;
        mprotect(p, PG, PROT_READ);
        long d = pread(fd, p, 512, 0), ed = errno, e = pread(fd, p + PG, 2 * PG, 0), f = lseek(fd, -1, SEEK_SET), ef = errno;
        _exit((a == -1 && ea == EFAULT) | (b == -1 && eb == EFAULT) << 1 | (d == -1 && ed == EFAULT) << 2 |
              (e == (long)PG) << 3 | (f == -1 && ef == EINVAL) << 4);
    }
    struct client fake = {helper, 0};
    int status = 0;
    while (waitpid(fake.pid, &status, WNOHANG) == 0) {
        while (unseen_requests()) answer(next_request().id, 0);
        sched_yield();
    }
    is_int(WEXITSTATUS(status), 31, "bad memory is EFAULT, after what lies before it has been read");
    close(fd);
}

static void looks(void) {
    struct stat st, by_fd;
    int fd = open(DEV, O_RDONLY), sector = 0;
    uint64_t size = 0;
    is_int(stat(DEV, &st), 0, "it has a name");
    fstat(fd, &by_fd);
    ok(S_ISBLK(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_uid == 0, "of a block device, root's alone");
    ok(by_fd.st_ino == st.st_ino && by_fd.st_rdev == st.st_rdev && S_ISBLK(by_fd.st_mode), "open it is the same");
    is_int(by_fd.st_size, END, "with its size");
    is_int(lseek(fd, 0, SEEK_END), END, "SEEK_END is the end");
    ok(ioctl(fd, BLKGETSIZE64, &size) == 0 && size == (uint64_t)END, "BLKGETSIZE64");
    ok(ioctl(fd, BLKSSZGET, &sector) == 0 && sector == 512, "BLKSSZGET");
    is_int(errno_of(write(fd, &size, 8)), EBADF, "opened to read it is not written");
    is_int(errno_of(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0)), ENODEV, "it cannot be mapped");
    close(fd);
}

static void try_open(void *arg) {
    (void)arg;
    _exit(errno_of(open(DEV, O_RDONLY)));
}

/* A second write of a sector waits for the first; one of another does not, nor does a read. */
static void writers(void) {
    struct client *a = client_start(DEV, true, 10, 0, 0);
    struct port_request read_a = next_request();
    struct client *b = client_start(DEV, true, 1024, 0, 0);
    struct client *other = client_start(DEV, true, 512, 512 * 8, 0);
    struct port_request r = next_request();
    is_int((long)r.sector, 8, "while one write is at work another of other sectors goes on");
    answer(r.id, 0);
    is_int(client_result(other), 512, "to its end");
    struct client *reader = client_start(DEV, false, 512, 0, 0);
    r = next_request();
    ok(r.write == 0 && r.sector == 0, "so does a read");
    answer(r.id, 0);
    is_int(client_result(reader), 512, "of the very sector");
    is_int(unseen_requests(), 0, "but a second write of it waits");
    answer(read_a.id, 0);
    r = next_request();
    ok(r.write && r.sector == 0 && request_bytes(&r) == 512, "until the first has written");
    is_int(unseen_requests(), 0, "and is done");
    answer(r.id, 0);
    r = next_request();
    ok(r.write && r.sector == 0 && request_bytes(&r) == 1024, "then it comes");
    answer(r.id, 0);
    is_int(client_result(a) + client_result(b), 1034, "both have written");
}

/* The frames under a transfer stay pinned while their program unmaps them, forks, or dies (W4, P1). */
static struct {
    volatile int unmapped;
    volatile long result;
} *t;

static void *read_it(void *p) {
    t->result = pread(open(DEV, O_RDONLY), p, 16 * PG, 0);
    return NULL;
}

/* One thread reads; the other forks and unmaps the memory meanwhile. */
static _Noreturn void reader_that_unmaps(void) {
    pthread_t reader;
    char *p = anon(16);
    close(server_.fd);
    if (pthread_create(&reader, NULL, read_it, p) != 0) _exit(1);
    while (knob("debug.port.requests") == 0) sched_yield();
    pid_t pid = fork();
    if (pid == 0) _exit(p[0]);
    waitpid(pid, NULL, 0);
    munmap(p, 16 * PG);
    t->unmapped = 1;
    pthread_join(reader, NULL);
    _exit(0);
}

static void pins(void) {
    uint64_t before = knob("vm.stats.pins");
    pid_t pid = fork();
    if (pid == 0) reader_that_unmaps();
    struct port_request r = next_request();
    while (!t->unmapped) sched_yield();
    is_int((long)(knob("vm.stats.pins") - before), 16, "W4: forked and unmapped amid the transfer, its frames are pinned");
    is_int(r.segments, 16, "each its own segment");
    answer(r.id, 0);
    int status;
    waitpid(pid, &status, 0);
    is_int(t->result, 16 * PG, "the read ends");
    is_int(knob_change("vm.stats.pins", before), 0, "and lets go of them");

    struct client *c = client_start(DEV, false, 16 * PG, 0, 0);
    r = next_request();
    kill(c->pid, SIGKILL);
    for (int i = 0; i < 50; i++) sched_yield();
    is_int((long)(knob("vm.stats.pins") - before), 16, "P1: killed amid the transfer, its frames stay pinned");
    is_int(waitpid(c->pid, NULL, WNOHANG), 0, "and it ends no sooner than the device is done");
    answer(r.id, 0);
    is_int(client_result(c), -999, "then it does");
    is_int(knob_change("vm.stats.pins", before), 0, "and all is given back");

    set_knob("debug.port.hold", 1);
    c = client_start(DEV, true, 512, 0, 0);
    while (knob("debug.port.requests") != 1) sched_yield();
    is_int(unseen_requests(), 0, "held back, a request does not reach the server");
    set_knob("debug.port.hold", 0);
    is_int(serve_client(c, 0), 512, "let go, it does");
}

int main(void) {
    needs_holdfast();
    plan(0);
    t = shared(sizeof *t);
    lock_whole();
    serve(NAME, SECTORS);
    looks();
    shapes();
    the_end();
    errors();
    is_int(WEXITSTATUS(as_user(16, try_open, NULL)), EACCES, "who is not root may not open it");
    writers();
    pins();
    serve_no_more();
    return done_testing();
}
