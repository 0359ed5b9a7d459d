/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pipes: bytes come out as they went in, however they are cut; what a full and an empty pipe say without
 * waiting; ends that close; writes that go in whole or not at all.
 */
#include "tests/user/support.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define CAPACITY 65536

static int p[2];

static void open_pipe(int flags) {
    if (pipe2(p, flags) != 0) bail_out("pipe2: %s", strerror(errno));
}

static void close_pipe(void) {
    close(p[0]);
    close(p[1]);
}

/* Byte i of the stream that the tests send. */
static char byte(size_t i) {
    return (char)(i * 2654435761u >> 13);
}

static void test_ends(void) {
    char c;
    struct stat st;
    open_pipe(0);
    ok(fstat(p[0], &st) == 0 && S_ISFIFO(st.st_mode), "it is a pipe");
    fails(write(p[0], "x", 1), EBADF, "the reading end cannot be written");
    fails(read(p[1], &c, 1), EBADF, "nor the writing end read");
    fails(lseek(p[0], 0, SEEK_SET), ESPIPE, "it has no position");
    fails(pread(p[0], &c, 1, 0), ESPIPE, "pread");
    fails(pwrite(p[1], &c, 1, 0), ESPIPE, "pwrite");
    fails(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV, "it cannot be mapped");
    fails(ftruncate(p[1], 0), EINVAL, "nor cut");
    is_int(write(p[1], "end", 3), 3, "three bytes");
    close(p[1]);
    char three[4];
    is_int(read(p[0], three, 4), 3, "which can be read when the writer has gone");
    is_int(read(p[0], three, 4), 0, "and then the end");
    is_int(read(p[0], three, 4), 0, "and again");
    close(p[0]);
}

static void write_without_reader(void *arg) {
    (void)arg;
    open_pipe(0);
    close(p[0]);
    (void)!write(p[1], "x", 1);
}

static void ignore_and_write(void *arg) {
    int *seen = arg;
    signal(SIGPIPE, SIG_IGN);
    open_pipe(0);
    close(p[0]);
    *seen = write(p[1], "x", 1) == -1 ? errno : 0;
}

static void test_broken(void) {
    int *seen = shared(sizeof *seen);
    int status = as_root(write_without_reader, NULL);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE, "no reader: SIGPIPE");
    status = as_root(ignore_and_write, seen);
    is_int(status, 0, "which can be ignored");
    is_int(*seen, EPIPE, "and then there is EPIPE");
}

static void test_full(void) {
    static char page[CAPACITY];
    char c;
    open_pipe(O_NONBLOCK);
    fails(read(p[0], &c, 1), EAGAIN, "an empty pipe does not wait");
    is_int(write(p[1], page, CAPACITY), CAPACITY, "64 KiB go in");
    fails(write(p[1], "x", 1), EAGAIN, "and no byte more");
    is_int(read(p[0], page, PIPE_BUF - 1), PIPE_BUF - 1, "PIPE_BUF - 1 bytes out");
    fails(write(p[1], page, PIPE_BUF), EAGAIN, "PIPE_BUF bytes do not go in by halves");
    is_int(read(p[0], &c, 1), 1, "one more out");
    is_int(write(p[1], page, PIPE_BUF), PIPE_BUF, "then they do");
    is_int(read(p[0], page, 2 * PG), 2 * PG, "two pages out");
    ok(write(p[1], page, CAPACITY) == 2 * (long)PG, "of a longer write, what fits");
    close_pipe();
}

/* Through the pipe in pieces of every awkward size, never all out: it goes round and round. */
static void test_round(void) {
    static char buf[CAPACITY];
    static const size_t in[] = {1, 4095, 4096, 4097, 100, 8191, 12288, 7, 16384};
    static const size_t out[] = {4096, 1, 5000, 333, 4095, 9000, 2};
    size_t sent = 0, got = 0, turn = 0;
    bool good = true;
    open_pipe(O_NONBLOCK);
    while (got < 40 * CAPACITY && good) {
        size_t n = in[turn % 9];
        for (size_t i = 0; i < n; i++) buf[i] = byte(sent + i);
        ssize_t w = write(p[1], buf, n);
        if (w > 0) sent += (size_t)w;
        else good = good && errno == EAGAIN;
        ssize_t r = read(p[0], buf, sent - got > 2 * PG ? out[turn % 7] : 1);
        for (ssize_t i = 0; i < r; i++) good = good && buf[i] == byte(got + (size_t)i);
        if (r > 0) got += (size_t)r;
        turn++;
    }
    ok(good, "%zu bytes round the ring, each as it was sent", got);
    ssize_t r;
    while ((r = read(p[0], buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < r; i++) good = good && buf[i] == byte(got + (size_t)i);
        got += (size_t)r;
    }
    ok(good && got == sent, "and none is left");
    close_pipe();
}

static void test_vectors(void) {
    char a[3], b[5], all[9] = {0};
    struct iovec v[] = {{(void *)"abc", 3}, {NULL, 0}, {(void *)"defgh", 5}}, w[] = {{a, 3}, {b, 5}};
    open_pipe(O_NONBLOCK);
    is_int(writev(p[1], v, 3), 8, "writev of three buffers");
    is_int(readv(p[0], w, 2), 8, "readv into two");
    memcpy(all, a, 3);
    memcpy(all + 3, b, 5);
    is_str(all, "abcdefgh", "in order");
    is_int(write(p[1], NULL, 0), 0, "writing nothing is nothing");
    fails(read(p[0], a, 1), EAGAIN, "so there is nothing to read");
    close_pipe();
}

static void test_bad_buffers(void) {
    char text[16] = {0}, *page = anon(2);
    open_pipe(O_NONBLOCK);
    cut(page, 1, 1);
    write(p[1], "kept", 4);
    fails(read(p[0], (void *)KERNEL, 4), EFAULT, "reading to a kernel address");
    fails(read(p[0], page + PG, 4), EFAULT, "reading to a hole");
    fails(write(p[1], page + PG, 4), EFAULT, "writing from one");
    is_int(read(p[0], text, 16), 4, "four bytes are still there");
    is_str(text, "kept", "the right ones");
    munmap(page, PG);
    close_pipe();
}

int main(void) {
    plan(12 + 3 + 9 + 2 + 5 + 5);
    test_ends();
    test_broken();
    test_full();
    test_round();
    test_vectors();
    test_bad_buffers();
    return done_testing();
}
