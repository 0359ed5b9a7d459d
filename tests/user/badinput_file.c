/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Bad pointers for every call on files: NULL, not canonical, the kernel's, the last byte of user space, a
 * hole, the last bytes before a hole, read-only where the call writes. Each is EFAULT, and then no
 * descriptor has come or gone, no position has moved, and no byte has left a pipe.
 */
#include "tests/user/support.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char *page;         /* read-write, then a hole, then read-only, then a hole */
static int fd, mem, pfd[2]; /* this program; a memfd of two pages; a pipe with four bytes in it */
static int lowest;

/* The pointers, for calls that touch at least 8 bytes. */
struct bad {
    const char *name;
    unsigned long at;
    bool writing;  /* bad only if the call writes there */
};

static struct bad bad[] = {
    {"NULL", 0, false},
    {"8", 8, false},
    {"the last byte of user space", USER_END - 1, false},
    {"the first byte beyond", USER_END, false},
    {"the end of the canonical half", 0x7ffffffffffful, false},
    {"not canonical", 0x800000000000ul, false},
    {"the direct map", 0xffff800000100000ul, false},
    {"the kernel's text", 0xffffffff80200000ul, false},
    {"the last byte of all", ~0ul, false},
    {"a hole", 0, false},
    {"four bytes before a hole", 0, false},
    {"one byte before a hole", 0, false},
    {"read-only memory", 0, true},
};

#define BAD (sizeof bad / sizeof bad[0])

static void prepare(void) {
    page = anon(4);
    cut(page, 1, 1);
    cut(page, 3, 1);
    mprotect(page + 2 * PG, PG, PROT_READ);
    memset(page, 'a', PG);
    bad[9].at = (unsigned long)page + PG + 64;
    bad[10].at = (unsigned long)page + PG - 4;
    bad[11].at = (unsigned long)page + PG - 1;
    bad[12].at = (unsigned long)page + 2 * PG;
}

enum call {
    READ, PREAD, READ_MEM, READ_PIPE, READV_IN, READV, WRITE_MEM, WRITE_PIPE, WRITEV, PWRITE, OPEN, OPENAT, STAT, STAT_OUT,
    LSTAT_OUT, FSTAT, NEWFSTATAT, ACCESS, CHDIR, GETCWD, READLINK, GETDENTS, PIPE, PIPE2, POLL, MEMFD, FIONREAD_OUT, FIONBIO_IN,
    CALLS
};

static const struct {
    const char *name;
    bool out;      /* the kernel writes at the pointer */
    bool string;   /* a path: "a..." up to the hole, no NUL before it */
} calls[CALLS] = {
    [READ] = {"read", true, false},            [PREAD] = {"pread", true, false},
    [READ_MEM] = {"read of a memfd", true, false}, [READ_PIPE] = {"read of a pipe", true, false},
    [READV_IN] = {"readv's vector", false, false}, [READV] = {"readv's buffer", true, false},
    [WRITE_MEM] = {"write to a memfd", false, false}, [WRITE_PIPE] = {"write to a pipe", false, false},
    [WRITEV] = {"writev's buffer", false, false}, [PWRITE] = {"pwrite", false, false},
    [OPEN] = {"open", false, true},            [OPENAT] = {"openat", false, true},
    [STAT] = {"stat's path", false, true},     [STAT_OUT] = {"stat", true, false},
    [LSTAT_OUT] = {"lstat", true, false},      [FSTAT] = {"fstat", true, false},
    [NEWFSTATAT] = {"newfstatat", true, false}, [ACCESS] = {"access", false, true},
    [CHDIR] = {"chdir", false, true},          [GETCWD] = {"getcwd", true, false},
    [READLINK] = {"readlink's path", false, true}, [GETDENTS] = {"getdents64", true, false},
    [PIPE] = {"pipe", true, false},            [PIPE2] = {"pipe2", true, false},
    [POLL] = {"poll", true, false},            [MEMFD] = {"memfd_create", false, true},
    [FIONREAD_OUT] = {"FIONREAD", true, false}, [FIONBIO_IN] = {"FIONBIO", false, false},
};

/* Twenty-four bytes are asked for where a length is the caller's to choose. */
static long try(enum call c, unsigned long at) {
    struct iovec v = {(void *)at, 24};
    struct stat st;
    char c1[8];
    switch (c) {
    case READ: return syscall(SYS_read, fd, at, 24);
    case PREAD: return syscall(SYS_pread64, fd, at, 24, 0);
    case READ_MEM: return syscall(SYS_read, mem, at, 24);
    case READ_PIPE: return syscall(SYS_read, pfd[0], at, 24);
    case READV_IN: return syscall(SYS_readv, fd, at, 2);
    case READV: return syscall(SYS_readv, fd, &v, 1);
    case WRITE_MEM: return syscall(SYS_write, mem, at, 24);
    case WRITE_PIPE: return syscall(SYS_write, pfd[1], at, 24);
    case WRITEV: return syscall(SYS_writev, mem, &v, 1);
    case PWRITE: return syscall(SYS_pwrite64, mem, at, 24, 0);
    case OPEN: return syscall(SYS_open, at, O_RDONLY);
    case OPENAT: return syscall(SYS_openat, AT_FDCWD, at, O_RDONLY);
    case STAT: return syscall(SYS_stat, at, &st);
    case STAT_OUT: return syscall(SYS_stat, "/dev", at);
    case LSTAT_OUT: return syscall(SYS_lstat, "/dev", at);
    case FSTAT: return syscall(SYS_fstat, fd, at);
    case NEWFSTATAT: return syscall(SYS_newfstatat, AT_FDCWD, "/dev", at, 0);
    case ACCESS: return syscall(SYS_access, at, F_OK);
    case CHDIR: return syscall(SYS_chdir, at);
    case GETCWD: return syscall(SYS_getcwd, at, 4096);
    case READLINK: return syscall(SYS_readlink, at, c1, sizeof c1);
    case GETDENTS: return syscall(SYS_getdents64, lowest - 1, at, 4096);
    case PIPE: return syscall(SYS_pipe, at);
    case PIPE2: return syscall(SYS_pipe2, at, O_CLOEXEC);
    case POLL: return syscall(SYS_poll, at, 2, 0);
    case MEMFD: return syscall(SYS_memfd_create, at, 0);
    case FIONREAD_OUT: return syscall(SYS_ioctl, pfd[0], FIONREAD, at);
    case FIONBIO_IN: return syscall(SYS_ioctl, pfd[1], FIONBIO, at);
    default: return 0;
    }
}

/* Nothing has changed: NULL, or what has. */
static const char *changed(void) {
    int next = dup(0), n = 0;
    struct stat st;
    close(next);
    if (next != lowest) return "a descriptor";
    if (lseek(fd, 0, SEEK_CUR) != 7) return "the position of a file";
    if (lseek(mem, 0, SEEK_CUR) != 0) return "the position of a memfd";
    if (fstat(mem, &st) != 0 || st.st_size != 2 * (off_t)PG) return "the size of a memfd";
    if (ioctl(pfd[0], FIONREAD, &n) != 0 || n != 4) return "the bytes in a pipe";
    if ((fcntl(pfd[1], F_GETFL) & O_NONBLOCK) == 0) return "a status flag";
    return NULL;
}

/* Does the pointer apply to the call at all? */
static bool applies(enum call c, const struct bad *b) {
    if (b->writing) return calls[c].out;
    if (c == FIONREAD_OUT || c == FIONBIO_IN) return b != &bad[10]; /* an int fits there */
    if (c == GETCWD || c == READ_PIPE) return b != &bad[10];        /* so does "/" with its NUL, or what is in the pipe */
    /* Linux moves what it can before the hole: see below */
    bool partial = c == READ || c == PREAD || c == READ_MEM || c == READV || c == WRITE_MEM || c == WRITE_PIPE ||
                   c == WRITEV || c == PWRITE || c == GETDENTS;
    return !(partial && (b == &bad[10] || b == &bad[11]));
}

static void test_call(enum call c) {
    int tried = 0, wrong = 0;
    for (size_t i = 0; i < BAD; i++) {
        if (!applies(c, &bad[i])) continue;
        memset(page, 'a', PG); /* a path there has no end */
        errno = 0;
        long got = try(c, bad[i].at);
        int err = errno;
        const char *what = changed();
        tried++;
        if (got == -1 && err == EFAULT && !what) continue;
        wrong++;
        diag("%s with %s: %ld, errno %d (%s)%s%s", calls[c].name, bad[i].name, got, err, strerror(err),
             what ? "; it changed " : "", what ? what : "");
    }
    ok(!wrong, "%s: %d bad pointers, EFAULT and nothing changed", calls[c].name, tried);
}

/* Across the end of good memory: EFAULT, or as many bytes as there was memory for, and then the position says so. */
static void test_crossing(void) {
    char *edge = page + PG - 10;
    off_t before = lseek(fd, 0, SEEK_SET);
    long n = read(fd, edge, 24);
    ok((n == -1 && errno == EFAULT) || (n >= 0 && n <= 10), "read across a hole: %ld", n);
    is_int(lseek(fd, 0, SEEK_CUR) - before, n < 0 ? 0 : n, "the position says the same");
    lseek(fd, 7, SEEK_SET);
    memset(page, 'a', PG);
    n = write(mem, edge, 24);
    ok((n == -1 && errno == EFAULT) || (n >= 0 && n <= 10), "write across a hole: %ld", n);
    is_int(lseek(mem, 0, SEEK_CUR), n < 0 ? 0 : n, "the position says the same");
    n = write(pfd[1], edge, 24);
    ok((n == -1 && errno == EFAULT) || (n >= 0 && n <= 10), "write to a pipe across a hole: %ld", n);
    int in = 0;
    ioctl(pfd[0], FIONREAD, &in);
    is_int(in - 4, n < 0 ? 0 : n, "so many bytes are in it");
}

static void test_lengths(void) {
    char b[8];
    if (on_holdfast()) fails(syscall(SYS_read, fd, b, -1), EFAULT, "read of SIZE_MAX bytes reaches beyond user space");
    else skip(1, "some Linuxes read what fits");
    fails(syscall(SYS_read, fd, page, 1ul << 63), EFAULT, "read of 2^63 bytes too");
    is_int(syscall(SYS_read, fd, NULL, 0), 0, "read of no bytes needs no buffer");
    is_int(syscall(SYS_write, mem, NULL, 0), 0, "nor does write");
    fails(syscall(SYS_read, fd, KERNEL, 0), EFAULT, "but not one of the kernel's");
    fails(syscall(SYS_readv, fd, b, -1), EINVAL, "a vector of -1 buffers");
    fails(syscall(SYS_poll, b, 1u << 31, 0), EINVAL, "2^31 files to poll");
    fails(syscall(SYS_getdents64, lowest - 1, b, 0), EINVAL, "no room for a directory's entry");
    fails(syscall(SYS_readlink, "/dev/null", b, 0), EINVAL, "no room for a link");
    fails(syscall(SYS_getcwd, b, 0), ERANGE, "no room for a path");
    is_int(syscall(SYS_poll, NULL, 0, 0), 0, "no files to poll");
}

int main(int argc, char **argv) {
    (void)argc;
    plan(CALLS + 6 + 11 + 1);
    for (int i = 3; i < 1024; i++) close(i);
    chdir("/");
    prepare();
    fd = open(argv[0], O_RDONLY);
    mem = memfd(2);
    if (fd < 0 || pipe2(pfd, O_NONBLOCK) != 0) bail_out("%s, or a pipe: %s", argv[0], strerror(errno));
    if (write(pfd[1], "four", 4) != 4) bail_out("the pipe: %s", strerror(errno));
    lseek(fd, 7, SEEK_SET);
    lowest = open("/dev", O_RDONLY) + 1;
    for (enum call c = 0; c < CALLS; c++) test_call(c);
    test_crossing();
    test_lengths();
    ok(audit_clean(), "the audit is clean");
    return done_testing();
}
