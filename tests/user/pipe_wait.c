/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pipes between processes: readers and writers that wait for each other, writes of many processes that do
 * not mix, waiting that a fatal signal ends.
 */
#include "tests/user/support.h"

#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>

#define TOTAL (1ul << 20)

static char byte(size_t i) {
    return (char)(i * 2654435761u >> 13);
}

struct ends {
    int in[2], out[2];
};

/* Writes TOTAL bytes in pieces; the pipe holds a sixteenth of that, so it has to wait. */
static void send(void *arg) {
    static char buf[10000];
    struct ends *e = arg;
    close(e->out[0]);
    for (size_t at = 0; at < TOTAL;) {
        size_t n = TOTAL - at < sizeof buf ? TOTAL - at : sizeof buf;
        for (size_t i = 0; i < n; i++) buf[i] = byte(at + i);
        if (write(e->out[1], buf, n) != (ssize_t)n) _exit(1);
        at += n;
    }
}

static pid_t start(void (*fn)(void *), void *arg) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) bail_out("fork: %s", strerror(errno));
    if (pid == 0) {
        fn(arg);
        _exit(0);
    }
    return pid;
}

static int ended(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void test_stream(void) {
    struct ends e;
    static char buf[7777];
    size_t got = 0;
    ssize_t n;
    bool good = true;
    if (pipe(e.out) != 0) bail_out("pipe: %s", strerror(errno));
    pid_t pid = start(send, &e);
    close(e.out[1]);
    while ((n = read(e.out[0], buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++) good = good && buf[i] == byte(got + (size_t)i);
        got += (size_t)n;
    }
    is_int(n, 0, "the stream ends when its writer does");
    ok(good && got == TOTAL, "%zu bytes from a process that had to wait", got);
    is_int(ended(pid), 0, "which wrote each of its pieces whole");
    close(e.out[0]);
}

static void answer(void *arg) {
    struct ends *e = arg;
    char c;
    close(e->in[1]), close(e->out[0]);
    while (read(e->in[0], &c, 1) == 1) {
        c++;
        if (write(e->out[1], &c, 1) != 1) _exit(1);
    }
}

static void test_ping_pong(void) {
    struct ends e;
    bool good = true;
    if (pipe(e.in) != 0 || pipe(e.out) != 0) bail_out("pipe: %s", strerror(errno));
    pid_t pid = start(answer, &e);
    close(e.in[0]), close(e.out[1]);
    for (int i = 0; i < 500; i++) {
        char c = (char)i;
        good = good && write(e.in[1], &c, 1) == 1 && read(e.out[0], &c, 1) == 1 && c == (char)(i + 1);
    }
    ok(good, "500 times there and back");
    close(e.in[1]);
    is_int(ended(pid), 0, "the other ends when nobody writes any more");
    close(e.out[0]);
}

/* Each record is PIPE_BUF bytes of one letter. */
static void write_records(void *arg) {
    static char record[PIPE_BUF];
    int *fd_and_letter = arg;
    memset(record, fd_and_letter[1], sizeof record);
    for (int i = 0; i < 40; i++)
        if (write(fd_and_letter[0], record, sizeof record) != sizeof record) _exit(1);
}

static void test_atomic(void) {
    int p[2], count[4] = {0}, status = 0;
    static char record[PIPE_BUF];
    pid_t pid[4];
    bool whole = true;
    if (pipe(p) != 0) bail_out("pipe: %s", strerror(errno));
    for (int i = 0; i < 4; i++) pid[i] = start(write_records, (int[]){p[1], 'a' + i});
    close(p[1]);
    for (;;) {
        size_t n = 0;
        ssize_t r;
        while (n < sizeof record && (r = read(p[0], record + n, sizeof record - n)) > 0) n += (size_t)r;
        if (n == 0) break;
        for (size_t i = 1; i < n; i++) whole = whole && record[i] == record[0];
        whole = whole && n == sizeof record && record[0] >= 'a' && record[0] < 'e';
        if (whole) count[record[0] - 'a']++;
    }
    for (int i = 0; i < 4; i++) status |= ended(pid[i]);
    ok(whole, "records of PIPE_BUF bytes from four processes do not mix");
    ok(count[0] == 40 && count[1] == 40 && count[2] == 40 && count[3] == 40, "and all have come");
    is_int(status, 0, "and were written whole");
    close(p[0]);
}

static void wait_for_ever(void *arg) {
    struct ends *e = arg;
    char c;
    (void)!write(e->out[1], "r", 1); /* ready */
    (void)!read(e->in[0], &c, 1);
}

static void fill_for_ever(void *arg) {
    static char buf[1 << 17];
    struct ends *e = arg;
    (void)!write(e->out[1], "r", 1);
    (void)!write(e->in[1], buf, sizeof buf);
}

static void test_kill(void (*fn)(void *), const char *name) {
    struct ends e;
    char c;
    if (pipe(e.in) != 0 || pipe(e.out) != 0) bail_out("pipe: %s", strerror(errno));
    pid_t pid = start(fn, &e);
    is_int(read(e.out[0], &c, 1), 1, "%s: begun", name);
    kill(pid, SIGKILL);
    int status = ended(pid);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: SIGKILL ends it", name);
    for (int i = 0; i < 2; i++) close(e.in[i]), close(e.out[i]);
}

static void close_later(void *arg) {
    struct ends *e = arg;
    char c;
    close(e->in[1]);
    (void)!read(e->in[0], &c, 1);
    (void)!write(e->out[1], "z", 1);
}

static void test_poll(void) {
    struct ends e;
    char c;
    if (pipe(e.in) != 0 || pipe(e.out) != 0) bail_out("pipe: %s", strerror(errno));
    struct pollfd f[] = {{e.out[0], POLLIN, 0}, {e.in[1], POLLOUT, 0}, {-1, POLLIN, 7}, {99, POLLIN, 0}};
    is_int(poll(f, 1, 0), 0, "poll: nothing to read");
    is_int(f[0].revents, 0, "and it says so");
    is_int(poll(f, 3, -1), 1, "one of two");
    ok(f[0].revents == 0 && f[1].revents == POLLOUT && f[2].revents == 0, "there is room to write");
    is_int(poll(f, 4, -1), 2, "a descriptor that is not open counts");
    is_int(f[3].revents, POLLNVAL, "as POLLNVAL");
    is_int(poll(f, 1, 1), 0, "a timeout passes");
    pid_t pid = start(close_later, &e);
    (void)!write(e.in[1], "a", 1);
    is_int(poll(f, 1, -1), 1, "it sleeps until another process writes");
    is_int(f[0].revents, POLLIN, "then there is something to read");
    is_int(read(e.out[0], &c, 1), 1, "one byte");
    is_int(ended(pid), 0, "the other has ended");
    close(e.out[1]);
    is_int(poll(f, 1, -1), 1, "no writer any more");
    is_int(f[0].revents, POLLHUP, "is POLLHUP");
    close(e.in[0]);
    is_int(poll(f + 1, 1, -1), 1, "no reader any more");
    ok(f[1].revents & POLLERR, "is POLLERR");
    fails(syscall(SYS_poll, f, -1, 0), EINVAL, "more files than can be open");
    fails(poll((void *)KERNEL, 1, 0), EFAULT, "a kernel address");
    is_int(poll(NULL, 0, 0), 0, "no files need no memory");
    close(e.in[1]);
    close(e.out[0]);
}

int main(void) {
    plan(3 + 2 + 3 + 4 + 18);
    test_stream();
    test_ping_pong();
    test_atomic();
    test_kill(wait_for_ever, "a reader");
    test_kill(fill_for_ever, "a writer");
    test_poll();
    return done_testing();
}
