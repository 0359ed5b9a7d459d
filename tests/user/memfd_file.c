/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * memfd_create: a file that is memory. What is written is what is mapped, sizes change both ways, and what
 * cannot be had is refused before anything changes.
 *
 * clauses: L21
 */
#include "tests/user/support.h"

#include <sys/stat.h>

static off_t size_of(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_size : -1;
}

static int make(void) {
    int fd = memfd_create("test", 0);
    if (fd < 0) bail_out("memfd_create: %s", strerror(errno));
    return fd;
}

static void test_create(void) {
    static char name[256];
    struct stat st;
    memset(name, 'n', 250);
    fails(memfd_create(name, 0), EINVAL, "a name of 250 bytes");
    name[249] = 0;
    int fd = memfd_create(name, MFD_CLOEXEC);
    ok(fd >= 0, "one of 249");
    is_int(fcntl(fd, F_GETFD), FD_CLOEXEC, "MFD_CLOEXEC");
    is_int(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR, "open for both");
    ok(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0, "an empty file");
    close(fd);
    fails(memfd_create("x", 0x40000000), EINVAL, "a flag that is none");
    fails(memfd_create("x", 0x8000), EINVAL, "another");
    fails(memfd_create((char *)KERNEL, 0), EFAULT, "a name in the kernel");
}

static void test_bytes(void) {
    char b[8] = {0};
    int fd = make();
    is_int(read(fd, b, 8), 0, "nothing in it");
    is_int(write(fd, "hello", 5), 5, "five bytes");
    is_int(size_of(fd), 5, "make it five bytes long");
    is_int(read(fd, b, 8), 0, "the position is behind them");
    is_int(pread(fd, b, 8, 0), 5, "pread");
    is_str(b, "hello", "sees them");
    is_int(pwrite(fd, "J", 1, 0), 1, "pwrite at the start");
    is_int(lseek(fd, 0, SEEK_CUR), 5, "moves nothing");
    is_int(pwrite(fd, "far", 3, 3 * (off_t)PG - 1), 3, "across a page's end, far behind");
    is_int(size_of(fd), 3 * (long)PG + 2, "grows it so far");
    is_int(pread(fd, b, 5, 3), 5, "between them");
    ok(memcmp(b, "lo\0\0\0", 5) == 0, "are zeroes");
    is_int(fcntl(fd, F_SETFL, O_APPEND), 0, "O_APPEND");
    is_int(lseek(fd, 0, SEEK_SET), 0, "from the start");
    is_int(write(fd, "end", 3), 3, "a write");
    is_int(lseek(fd, 0, SEEK_CUR), 3 * (long)PG + 5, "goes to the end");
    is_int(lseek(fd, 0, SEEK_END), 3 * (long)PG + 5, "which is where the file ends");
    close(fd);
}

static void test_mapping(void) {
    char c = 0;
    int fd = make();
    is_int(ftruncate(fd, 3 * (off_t)PG), 0, "ftruncate to three pages");
    char *a = map_fd(fd, 3, PROT_READ | PROT_WRITE, MAP_SHARED), *b = map_fd(fd, 3, PROT_READ, MAP_SHARED);
    char *own = map_fd(fd, 3, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    a[PG] = 'a';
    is_int(b[PG], 'a', "two mappings are one memory");
    is_int(pread(fd, &c, 1, (off_t)PG), 1, "the file");
    is_int(c, 'a', "is the same");
    is_int(pwrite(fd, "w", 1, 2 * (off_t)PG), 1, "what is written");
    is_int(b[2 * PG], 'w', "is mapped");
    own[0] = 'o';
    ok(a[0] == 0 && b[0] == 0, "what a private mapping writes is not");
    is_int(ftruncate(fd, (off_t)PG + 10), 0, "cut in the second page");
    is_int(signal_reading(a + 2 * PG), SIGBUS, "the third is gone: SIGBUS");
    a[PG + 5] = 'k', a[PG + 20] = 'x';
    is_int(ftruncate(fd, (off_t)PG + 10), 0, "cut where it ends");
    is_int(ftruncate(fd, 3 * (off_t)PG), 0, "and grown again");
    is_int(b[2 * PG], 0, "what was cut is zero");
    is_int(b[PG + 5], 'k', "what was not is as it was");
    close(fd);
    is_int(b[PG + 5], 'k', "a mapping outlives its descriptor");
    munmap(a, 3 * PG), munmap(b, 3 * PG), munmap(own, 3 * PG);
}

static void test_limits(void) {
    int fd = make();
    write(fd, "keep", 4);
    fails(ftruncate(fd, -1), EINVAL, "a negative length");
    fails(pwrite(fd, "x", 1, -1), EINVAL, "a negative position");
    fails(pwrite(fd, "xy", 2, INT64_MAX - 1), EINVAL, "beyond the last position of all");
    is_int(size_of(fd), 4, "nothing has changed");
    if (on_holdfast()) {
        fails(ftruncate(fd, 1l << 45), ENOMEM, "more than there is memory is refused");
        fails(pwrite(fd, "x", 1, 1l << 45), ENOSPC, "and so is a write there");
    } else {
        skip(2, "Linux promises what it has not got");
    }
    is_int(size_of(fd), 4, "still nothing");
    struct rlimit old, r = {PG, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_IGN);
    r.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &r);
    fails(ftruncate(fd, (off_t)PG + 1), EFBIG, "past RLIMIT_FSIZE");
    is_int(pwrite(fd, "abcd", 4, (off_t)PG - 2), 2, "a write goes up to it");
    fails(pwrite(fd, "abcd", 4, (off_t)PG), EFBIG, "and no further");
    is_int(size_of(fd), (long)PG, "so long is the file");
    r.rlim_cur = 10;
    setrlimit(RLIMIT_FSIZE, &r);
    is_int(pwrite(fd, "abcd", 4, 8), 2, "a lower limit holds inside the file too");
    fails(pwrite(fd, "abcd", 4, 10), EFBIG, "from there on");
    is_int(ftruncate(fd, 20), 0, "but making it shorter is no growth");
    setrlimit(RLIMIT_FSIZE, &old);
    close(fd);
}

static void write_in_child(void *arg) {
    int fd = *(int *)arg;
    char *p = map_fd(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    p[1] = 'c';
}

static void test_processes(void) {
    char b[3] = {0};
    int fd = make();
    is_int(ftruncate(fd, (off_t)PG), 0, "one page");
    char *p = map_fd(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
    p[0] = 'p';
    is_int(as_root(write_in_child, &fd), 0, "a child maps it too");
    is_int(pread(fd, b, 2, 0), 2, "the file");
    is_str(b, "pc", "holds what both wrote");
    munmap(p, PG);
    close(fd);
}

int main(void) {
    plan(8 + 17 + 14 + 14 + 4);
    test_create();
    test_bytes();
    test_mapping();
    test_limits();
    test_processes();
    return done_testing();
}
