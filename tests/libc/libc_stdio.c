/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Streams: buffering, reading, positions, errors. The files are memfd's, so that they can be
 * written.
 */
#include "tests/tap.h"

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int new_file(const char *text) {
    int fd = memfd_create("stdio", 0);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || lseek(fd, 0, SEEK_SET))
        bail_out("no memfd");
    return fd;
}

/* What the file holds now, whatever the stream's position. */
static const char *contents(int fd) {
    static char s[20000];
    ssize_t n = pread(fd, s, sizeof s - 1, 0);

    s[n < 0 ? 0 : n] = '\0';
    return s;
}

static void test_writing(void) {
    int fd = new_file("");
    FILE *f = fdopen(fd, "w");

    ok(f && fprintf(f, "%s %d\n", "line", 1) == 7, "fprintf answers the length");
    is_str(contents(fd), "", "a file's stream is fully buffered");
    ok(fflush(f) == 0 && strcmp(contents(fd), "line 1\n") == 0, "fflush writes");
    setvbuf(f, NULL, _IOLBF, 0);
    fputs("half", f);
    is_str(contents(fd), "line 1\n", "by lines: half a line waits");
    fputs(" line\n", f);
    is_str(contents(fd), "line 1\nhalf line\n", "by lines: the end of a line writes");
    setvbuf(f, NULL, _IONBF, 0);
    putc('x', f);
    is_str(contents(fd), "line 1\nhalf line\nx", "unbuffered: at once");
    is_int(ftell(f), 18, "ftell counts what was written");
    fails(fgetc(f), EBADF, "reading what was opened for writing");
    ok(ferror(f) && (clearerr(f), !ferror(f)), "which is an error of the stream until cleared");
    is_int(fclose(f), 0, "fclose");
    fails(write(fd, "x", 1), EBADF, "closes the descriptor");
}

static void test_large_writing(void) {
    static char piece[5000], back[16000];
    int fd = new_file("");
    FILE *f = fdopen(fd, "w+");

    for (size_t i = 0; i < sizeof piece; i++) piece[i] = (char)('a' + i % 26);
    fputs("-", f);
    is_int(fwrite(piece, 1, sizeof piece, f), sizeof piece, "fwrite of more than a buffer");
    is_int(fwrite(piece, 100, 50, f), 50, "fwrite counts elements");
    is_int(ftell(f), 10001, "ftell in the middle of writing");
    rewind(f);
    is_int(fread(back, 1, sizeof back, f), 10001, "fread of it all, and the end");
    ok(back[0] == '-' && memcmp(back + 1, piece, 5000) == 0 &&
           memcmp(back + 5001, piece, 5000) == 0,
       "nothing is lost");
    ok(feof(f) && !ferror(f), "feof");
    is_int(fread(back, 0, 5, f), 0, "fread of nothing");
    fclose(f);
}

static void test_reading(void) {
    int fd = new_file("first\nsecond line\n\nlast");
    FILE *f = fdopen(fd, "r");
    char s[8];
    char *line = NULL;
    size_t size = 0;

    is_str(fgets(s, sizeof s, f), "first\n", "fgets reads a line with its end");
    is_str(fgets(s, sizeof s, f), "second ", "fgets stops when the buffer is full");
    is_int(ftell(f), 13, "ftell while reading ahead");
    is_int(getline(&line, &size, f), 5, "getline allocates");
    is_str(line, "line\n", "and reads to the end of the line");
    is_int(getline(&line, &size, f), 1, "an empty line");
    is_int(getline(&line, &size, f), 4, "a last line without an end");
    ok(getline(&line, &size, f) == -1 && feof(f), "and then nothing");
    ok(!fgets(s, sizeof s, f), "nor for fgets");
    free(line);
    ok(fseek(f, -4, SEEK_END) == 0 && !feof(f) && getc(f) == 'l', "fseek from the end");
    ok(ungetc('X', f) == 'X' && ungetc('Y', f) == 'Y' && getc(f) == 'Y' && getc(f) == 'X' &&
           getc(f) == 'a',
       "ungetc");
    ok(fseek(f, 2, SEEK_SET) == 0 && getc(f) == 'r' && fseek(f, 1, SEEK_CUR) == 0 && getc(f) == 't',
       "fseek, all ways");
    fails(fseek(f, -1, SEEK_SET), EINVAL, "fseek before the start");
    fails(fputc('x', f), EBADF, "writing what was opened for reading");
    fclose(f);
}

static void test_both_ways(void) {
    int fd = new_file("abcdef");
    FILE *f = fdopen(fd, "r+");
    fpos_t at;

    ok(getc(f) == 'a' && fgetpos(f, &at) == 0, "read one");
    fseek(f, 0, SEEK_CUR);
    fputs("XY", f);
    ok(fseek(f, 0, SEEK_CUR) == 0 && getc(f) == 'd', "write two after it, read the next");
    is_str(contents(fd), "aXYdef", "they are where they belong");
    ok(fsetpos(f, &at) == 0 && getc(f) == 'X', "fsetpos");
    fclose(f);
}

/* A pipe's stream that was peeked into loses nothing by fflush or a seek that fails. */
static void test_pipe(void) {
    int ends[2];
    char s[8] = "";

    if (pipe(ends) || write(ends[1], "abcdef", 6) != 6 || close(ends[1])) bail_out("no pipe");
    FILE *f = fdopen(ends[0], "r");
    ok(getc(f) == 'a' && fflush(f) == 0 && getc(f) == 'b', "fflush keeps what a pipe cannot take back");
    fails(fseek(f, 0, SEEK_SET), ESPIPE, "fseek in a pipe");
    is_int(setvbuf(f, NULL, _IONBF, 0), EOF, "setvbuf too late");
    is_int(fread(s, 1, sizeof s, f), 4, "and nothing is lost");
    is_str(s, "cdef", "by either");
    fclose(f);
}

static void test_scanning(void) {
    int fd = new_file("12 0x1f,word;rest\n-7");
    FILE *f = fdopen(fd, "r");
    int a = 0, b = 0, at = 0;
    char word[8] = "";

    ok(fscanf(f, "%d %i,%7[a-z]%n", &a, &b, word, &at) == 3 && a == 12 && b == 31 && at == 12,
       "fscanf, field by field");
    ok(strcmp(word, "word") == 0 && getc(f) == ';', "and the stream goes on behind them");
    ok(fscanf(f, "%d", &a) == 0 && getc(f) == 'r', "what does not match stays");
    ok(fscanf(f, "%*s%d", &a) == 1 && a == -7 && fscanf(f, "%d", &a) == EOF, "the end");
    fclose(f);
}

static void test_modes(void) {
    errno = 0;
    ok(!fopen("/", "q") && errno == EINVAL, "fopen: an unknown mode");
    errno = 0;
    ok(!fopen("/no/such/file", "r") && errno == ENOENT, "fopen: no such file");
    errno = 0;
    ok(!fdopen(-1, "r") && errno == EBADF, "fdopen: no such descriptor");
    int fd = new_file("start ");
    FILE *f = fdopen(fd, "a");
    fputs("end", f);
    fclose(f);
    ok(!fopen("/no/such/file", "w"), "fopen for writing where there is no folder");
}

/* What a child says on a stream before it ends by `how` reaches the pipe. */
static const char *said(void (*speak)(FILE *), int fd_in_child) {
    static char s[400];
    int ends[2];
    size_t n = 0;

    if (pipe(ends)) bail_out("no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], fd_in_child);
        close(ends[0]);
        close(ends[1]);
        speak(fd_in_child == STDERR_FILENO ? stderr : stdout);
        exit(0);
    }
    close(ends[1]);
    for (ssize_t got; n < sizeof s - 1 && (got = read(ends[0], s + n, sizeof s - 1 - n)) > 0;)
        n += (size_t)got;
    s[n] = '\0';
    close(ends[0]);
    waitpid(child, NULL, 0);
    return s;
}

static void without_newline(FILE *f) {
    fputs("at exit", f);
}

static void by_perror(FILE *f) {
    (void)f;
    errno = ENOMEM;
    perror("why");
}

static void by_warn(FILE *f) {
    (void)f;
    errno = EAGAIN;
    warnx("%d things", 3);
    warn("one");
}

static void by_quick_exit(FILE *f) {
    fputs("lost", f);
    quick_exit(0);
}

static void test_endings(void) {
    is_str(said(without_newline, STDOUT_FILENO), "at exit", "exit flushes stdout");
    is_str(said(by_quick_exit, STDOUT_FILENO), "", "quick_exit does not");
    is_str(said(by_perror, STDERR_FILENO), "why: Cannot allocate memory\n", "perror");
    ok(strstr(said(by_warn, STDERR_FILENO), "3 things\n") &&
           strstr(said(by_warn, STDERR_FILENO), "one: Resource"),
       "warn, warnx");
}

static void test_allocated(void) {
    char *s = NULL;
    char small[4] = "...";

    ok(asprintf(&s, "%d-%s", 42, "x") == 4 && strcmp(s, "42-x") == 0, "asprintf");
    free(s);
    ok(snprintf(small, sizeof small, "%d", 123456) == 6 && strcmp(small, "123") == 0,
       "snprintf cuts and answers the whole length");
    ok(snprintf(NULL, 0, "%s", "abc") == 3, "snprintf measures");
    ok(snprintf(small, sizeof small, "%*d", INT32_MAX, 1) == -1,
       "a length that no int holds is an error");
    int fd = new_file("");
    ok(dprintf(fd, "%05.1f|%m", 2.25) > 6 && strncmp(contents(fd), "002.2|", 6) == 0, "dprintf");
    close(fd);
}

int main(void) {
    plan(58);
    test_writing();
    test_large_writing();
    test_reading();
    test_both_ways();
    test_modes();
    test_scanning();
    test_pipe();
    test_endings();
    test_allocated();
    return done_testing();
}
