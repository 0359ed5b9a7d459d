/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The guest's half of tests/boot/console.t: asks for typing with a line "# type WHAT" and judges what it reads.
 */
#include <asm/termbits.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"

static char line[2048];

static void ask(const char *what) {
    printf("# type %s\n", what);
    fflush(stdout);
}

static const char *read_line(size_t size) {
    ssize_t n = read(0, line, size);
    line[n > 0 ? n : 0] = 0;
    return n < 0 ? "an error" : line;
}

static void test_settings(void) {
    struct termios t;
    struct winsize w;
    struct stat st;
    ok(isatty(0) && isatty(1) && isatty(2), "the first three descriptors are a terminal");
    ok(fstat(0, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0x501, "character device 5:1");
    ok(ioctl(0, TCGETS, &t) == 0 && (t.c_lflag & ICANON) && (t.c_lflag & ECHO), "which edits lines and echoes");
    ok(ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col > 0, "and has a size");
    fails(lseek(0, 0, SEEK_CUR), ESPIPE, "but no position");
}

static void test_lines(void) {
    ask("hello");
    is_str(read_line(sizeof line), "hello\n", "a line, ended by the return key");
    ask("erase");
    is_str(read_line(sizeof line), "abc\n", "a byte taken back");
    ask("kill");
    is_str(read_line(sizeof line), "ok\n", "a line taken back");
    ask("two");
    is_str(read_line(sizeof line), "one\n", "one line a read");
    is_str(read_line(sizeof line), "two\n", "the other by the next");
    ask("hello");
    is_str(read_line(4), "hell", "part of a line");
    is_str(read_line(sizeof line), "o\n", "and the rest");
    ask("part");
    read_line(sizeof line);
    printf("\n"); /* the echo has not ended its line */
    is_str(line, "part", "^D ends a read in the middle of a line");
    ask("end");
    is_int(read(0, line, 1), 0, "^D at its beginning is the end of the file");
    ask("hello");
    is_str(read_line(sizeof line), "hello\n", "which is not for ever");
}

static void test_waiting(void) {
    struct pollfd p = {0, POLLIN, 0};
    int ready[2], status = 0;
    char c;
    is_int(poll(&p, 1, 0), 0, "poll: nothing typed");
    ask("hello");
    is_int(poll(&p, 1, -1), 1, "poll sleeps until a line is typed");
    int n = 0;
    is_int(ioctl(0, FIONREAD, &n), 0, "FIONREAD");
    is_int(n, 6, "says how long it is");
    is_str(read_line(sizeof line), "hello\n", "it is there");
    int fd = open("/dev/tty", O_RDONLY | O_NONBLOCK);
    fails(read(fd, line, 1), EAGAIN, "O_NONBLOCK does not wait");
    close(fd);
    if (pipe(ready) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)!write(ready[1], "r", 1);
        (void)!read(0, line, 1);
        _exit(1);
    }
    is_int(read(ready[0], &c, 1), 1, "a child waits for typing");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "and can be killed");
}

static void test_raw(void) {
    struct termios t, old;
    ioctl(0, TCGETS, &old);
    t = old;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    is_int(ioctl(0, TCSETS, &t), 0, "lines and echo off");
    ask("secret");
    is_int(read(0, line, 1), 1, "a byte is there at once");
    is_int(line[0], 's', "the first that was typed");
    size_t n = 1;
    while (n < 6) {
        ssize_t got = read(0, line + n, sizeof line - n);
        if (got <= 0) break;
        n += (size_t)got;
    }
    line[n] = 0;
    is_str(line, "secret", "the rest follow without a return key");
    is_int(ioctl(0, TCSETS, &old), 0, "lines and echo on");
    ask("hello");
    struct pollfd p = {0, POLLIN, 0};
    poll(&p, 1, -1);
    is_int(ioctl(0, TCSETSF, &old), 0, "TCSETSF");
    is_int(poll(&p, 1, 0), 0, "throws away what was typed");
    fails(read(0, (void *)0xffffffff80000000ul, 0x1000), EFAULT, "a kernel address to read to");
    fails(write(1, (void *)8, 1), EFAULT, "a hole to write from");
}

/* More than the serial ring holds, from three processes at once: the lines do not mix. */
static void test_output(void) {
    char text[80];
    int status, all = 0;
    for (int child = 0; child < 3; child++) {
        if (fork() != 0) continue;
        memset(text, 'a' + child, sizeof text);
        text[sizeof text - 1] = '\n';
        for (int i = 0; i < 100; i++) {
            if (write(1, text, sizeof text) != sizeof text) _exit(1);
        }
        _exit(0);
    }
    while (wait(&status) > 0) all |= status;
    is_int(all, 0, "three processes wrote 100 lines each");
}

int main(void) {
    plan(5 + 10 + 8 + 9 + 1);
    test_settings();
    test_lines();
    test_waiting();
    test_raw();
    test_output();
    return done_testing();
}
