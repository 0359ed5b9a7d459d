/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * dup, dup2, dup3, fcntl, ioctl: what belongs to a descriptor and what to the open file behind it; what
 * fork shares and what exec closes.
 */
#include "tests/user/support.h"

#include <sys/ioctl.h>

static const char *self;

static void test_dup(int fd) {
    char c;
    int d = dup(fd);
    lseek(fd, 100, SEEK_SET);
    is_int(lseek(d, 0, SEEK_CUR), 100, "a duplicate has the same position");
    is_int(fcntl(d, F_SETFD, FD_CLOEXEC), 0, "F_SETFD");
    ok(fcntl(d, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFD) == 0, "close-on-exec is the descriptor's own");
    is_int(dup(d), d + 1, "a duplicate of it");
    is_int(fcntl(d + 1, F_GETFD), 0, "has it not");
    is_int(dup2(fd, d + 1), d + 1, "dup2 onto an open one");
    is_int(dup2(fd, fd), fd, "dup2 onto itself");
    fails(dup2(99, fd), EBADF, "dup2 of nothing");
    is_int(read(fd, &c, 1), 1, "leaves what it would have closed");
    fails(dup2(99, 99), EBADF, "dup2 of nothing onto itself");
    fails(dup2(fd, -1), EBADF, "dup2 to -1");
    fails(dup3(fd, fd, 0), EINVAL, "dup3 onto itself");
    fails(dup3(fd, 40, 1), EINVAL, "dup3 with a flag that is none");
    is_int(dup3(fd, 40, O_CLOEXEC), 40, "dup3 beyond all");
    is_int(fcntl(40, F_GETFD), FD_CLOEXEC, "with close-on-exec");
    is_int(fcntl(fd, F_DUPFD, 40), 41, "F_DUPFD from there on");
    is_int(fcntl(fd, F_DUPFD_CLOEXEC, 40), 42, "F_DUPFD_CLOEXEC the next");
    ok(fcntl(41, F_GETFD) == 0 && fcntl(42, F_GETFD) == FD_CLOEXEC, "one without, one with");
    fails(fcntl(fd, F_DUPFD, -1), EINVAL, "F_DUPFD from -1");
    fails(dup(99), EBADF, "dup of nothing");
    for (int i = 40; i < 43; i++) close(i);
    close(d);
    is_int(close(d + 1), 0, "each is closed by itself");
    is_int(read(fd, &c, 1), 1, "the last one still reads");
}

static void test_flags(int fd) {
    int p[2];
    if (pipe2(p, O_NONBLOCK | O_CLOEXEC) != 0) bail_out("pipe2: %s", strerror(errno));
    is_int(fcntl(p[0], F_GETFL), O_RDONLY | O_NONBLOCK, "a pipe's reading end, non-blocking");
    is_int(fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK, "and its writing end");
    is_int(fcntl(p[1], F_GETFD), FD_CLOEXEC, "close-on-exec");
    int d = dup(p[0]);
    is_int(fcntl(p[0], F_SETFL, 0), 0, "F_SETFL");
    is_int(fcntl(d, F_GETFL), O_RDONLY, "status flags belong to the open file");
    is_int(fcntl(p[0], F_SETFL, O_RDWR | O_CREAT | O_APPEND), 0, "F_SETFL passes over what cannot change");
    is_int(fcntl(d, F_GETFL), O_RDONLY | O_APPEND, "and takes the rest");
    int on = 1, n = -1;
    is_int(ioctl(d, FIONBIO, &on), 0, "FIONBIO");
    is_int(fcntl(p[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK, "is O_NONBLOCK");
    is_int(write(p[1], "abc", 3), 3, "three bytes");
    is_int(ioctl(d, FIONREAD, &n), 0, "FIONREAD");
    is_int(n, 3, "says three");
    fails(ioctl(d, TCGETS, &n), ENOTTY, "a pipe is no terminal");
    fails(ioctl(fd, TIOCGWINSZ, &n), ENOTTY, "nor is a file");
    fails(ioctl(99, FIONREAD, &n), EBADF, "nor is nothing");
    fails(fcntl(99, F_GETFL), EBADF, "fcntl of nothing");
    fails(fcntl(fd, 999), EINVAL, "fcntl of a kind that is none");
    fails(pipe2(p, O_APPEND), EINVAL, "pipe2 with a flag that is none");
    close(d);
    close(p[0]);
    close(p[1]);
}

static void child_reads(void *arg) {
    int fd = *(int *)arg;
    char c;
    if (read(fd, &c, 1) != 1) _exit(1);
    close(fd);
}

/* In a child: become this program again, which then says what it finds open. */
static void child_becomes(void *arg) {
    char *argv[] = {(char *)self, (char *)"--look", arg, NULL}, *envp[] = {NULL};
    execve(self, argv, envp);
    _exit(2);
}

static int look(const char *fds) {
    char *end;
    int kept = (int)strtol(fds, &end, 10), closed = (int)strtol(end + 1, NULL, 10);
    return 10 + 2 * (fcntl(kept, F_GETFD) == 0) + (fcntl(closed, F_GETFD) == -1);
}

static void test_fork_exec(int fd) {
    char text[40];
    lseek(fd, 50, SEEK_SET);
    is_int(as_root(child_reads, &fd), 0, "a child reads what its parent opened");
    is_int(lseek(fd, 0, SEEK_CUR), 51, "the position is one for both");
    int closed = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    snprintf(text, sizeof text, "%d,%d", fd, closed);
    int status = as_root(child_becomes, text);
    is_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 13, "exec keeps the one and closes the other");
    is_int(fcntl(closed, F_GETFD), FD_CLOEXEC, "in the child alone");
    close(closed);
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc == 3) return look(argv[2]);
    plan(22 + 18 + 4);
    int fd = open(self, O_RDONLY);
    if (fd < 0) bail_out("%s: %s", self, strerror(errno));
    test_dup(fd);
    test_flags(fd);
    test_fork_exec(fd);
    return done_testing();
}
