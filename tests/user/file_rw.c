/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Reading: positions, ends, vectors; devices that give and take anything; what the access mode forbids.
 */
#include "tests/user/support.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int fd;      /* this program, for reading */
static off_t size;

static void test_positions(void) {
    char a[64], b[64], all[128];
    is_int(read(fd, a, 64), 64, "64 bytes");
    ok(memcmp(a, "\177ELF", 4) == 0, "which begin as a program does");
    is_int(lseek(fd, 0, SEEK_CUR), 64, "the position has moved");
    is_int(read(fd, b, 64), 64, "64 more");
    is_int(pread(fd, all, 128, 0), 128, "pread of both");
    ok(memcmp(all, a, 64) == 0 && memcmp(all + 64, b, 64) == 0, "sees the same");
    is_int(lseek(fd, 0, SEEK_CUR), 128, "and moves nothing");
    is_int(lseek(fd, -10, SEEK_END), size - 10, "ten before the end");
    is_int(read(fd, a, 64), 10, "gives ten");
    is_int(read(fd, a, 64), 0, "then none");
    is_int(lseek(fd, 1000, SEEK_END), size + 1000, "past the end is a position");
    is_int(read(fd, a, 64), 0, "where nothing is");
    is_int(pread(fd, a, 64, size - 1), 1, "pread of the last byte");
    is_int(pread(fd, a, 64, INT64_MAX - 64), 0, "and of the last position");
    fails(lseek(fd, -1, SEEK_SET), EINVAL, "a negative position");
    fails(lseek(fd, -size - 1, SEEK_END), EINVAL, "one before the beginning");
    fails(lseek(fd, 0, 99), EINVAL, "from nowhere");
    fails(pread(fd, a, 1, -1), EINVAL, "pread from a negative position");
    is_int(lseek(fd, 0, SEEK_CUR), size + 1000, "refusals move nothing");
    fails(lseek(99, 0, SEEK_SET), EBADF, "no descriptor");
    lseek(fd, 0, SEEK_SET);
}

static void test_vectors(void) {
    char a[8], b[1], c[23], flat[32];
    struct iovec v[] = {{a, 8}, {NULL, 0}, {b, 1}, {c, 23}};
    is_int(readv(fd, v, 4), 32, "readv into four buffers, one empty");
    is_int(pread(fd, flat, 32, 0), 32, "the same flat");
    ok(memcmp(a, flat, 8) == 0 && b[0] == flat[8] && memcmp(c, flat + 9, 23) == 0, "in order");
    is_int(readv(fd, v, 0), 0, "no buffer");
    fails(syscall(SYS_readv, fd, v, -1), EINVAL, "a negative count");
    fails(syscall(SYS_readv, fd, v, 1025), EINVAL, "1025 buffers");
    v[1].iov_len = SIZE_MAX;
    fails(readv(fd, v, 4), EINVAL, "a length that is no ssize_t");
    v[1] = (struct iovec){(void *)KERNEL, 8};
    fails(readv(fd, v + 1, 1), EFAULT, "a buffer of the kernel's");
    fails(syscall(SYS_readv, fd, NULL, 1), EFAULT, "no vector");
    is_int(lseek(fd, 0, SEEK_CUR), 32, "refusals move nothing");
}

static void test_modes(void) {
    char c = 0;
    int in = open("/dev/null", O_RDONLY), out = open("/dev/null", O_WRONLY);
    fails(write(in, &c, 1), EBADF, "writing what is open for reading");
    fails(read(out, &c, 1), EBADF, "reading what is open for writing");
    fails(pwrite(in, &c, 1, 0), EBADF, "pwrite the same");
    fails(pread(out, &c, 1, 0), EBADF, "pread the same");
    fails(ftruncate(in, 0), EINVAL, "ftruncate of what is open for reading");
    fails(ftruncate(out, 0), EINVAL, "and of a device");
    fails(ftruncate(out, -1), EINVAL, "and to less than nothing");
    fails(ftruncate(99, 0), EBADF, "and of nothing");
    fails(read(99, &c, 1), EBADF, "no descriptor to read");
    fails(write(-1, &c, 1), EBADF, "none to write");
    is_int(read(in, &c, 1), 0, "/dev/null is at its end");
    is_int(write(out, &c, 1), 1, "and takes everything");
    close(in);
    close(out);
}

static void test_devices(void) {
    static char page[2 * PG], zero[2 * PG];
    int z = open("/dev/zero", O_RDWR), r = open("/dev/urandom", O_RDONLY), f = open("/dev/full", O_RDWR);
    memset(page, 1, sizeof page);
    is_int(read(z, page, sizeof page), sizeof page, "/dev/zero gives all that is asked for");
    ok(memcmp(page, zero, sizeof page) == 0, "zeroes");
    is_int(read(r, page, sizeof page), sizeof page, "/dev/urandom too");
    ok(memcmp(page, zero, PG) != 0 && memcmp(page, page + PG, PG) != 0, "but no zeroes, and nothing twice");
    fails(write(f, page, 1), ENOSPC, "/dev/full is full");
    char *p = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, z, 0);
    ok(p != MAP_FAILED && p[7] == 0 && (p[7] = 1), "/dev/zero can be mapped: it is memory");
    fails(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, r, 0), ENODEV, "/dev/urandom cannot");
    munmap(p, PG);
    close(z);
    close(r);
    close(f);
}

static void test_file_mapping(void) {
    size_t pages = ((size_t)size + PG - 1) / PG;
    char *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0), *b = malloc((size_t)size);
    ok(p != MAP_FAILED, "a file can be mapped");
    is_int(pread(fd, b, (size_t)size, 0), size, "and read whole");
    ok(memcmp(p, b, (size_t)size) == 0, "both show the same %ld bytes", (long)size);
    bool zero = true;
    for (size_t i = (size_t)size; i < pages * PG; i++) zero = zero && p[i] == 0;
    ok(zero, "the rest of the last page is zero");
    munmap(p, (size_t)size);
    p = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ok(p != MAP_FAILED && (p[0] = 'x') && pread(fd, b, 1, 0) == 1 && b[0] == 0x7f, "a private page is written, the file is not");
    munmap(p, PG);
    fails(mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EACCES, "shared and writable: the file is open for reading");
    p = mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0);
    ok(p != MAP_FAILED, "shared and read-only it can be");
    fails(mprotect(p, PG, PROT_READ | PROT_WRITE), EACCES, "and stays so");
    munmap(p, PG);
    int out = open("/dev/zero", O_WRONLY);
    fails(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, out, 0), EACCES, "a mapping needs a file open for reading");
    fails(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL, "and an offset of whole pages");
    fails(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, 99, 0), EBADF, "and a descriptor");
    fails(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL, "and a length");
    fails(mmap(NULL, 2 * PG, PROT_READ, MAP_PRIVATE, fd, INT64_MAX & ~(PG - 1)), EOVERFLOW, "that fits with the offset");
    close(out);
    free(b);
}

int main(int argc, char **argv) {
    struct stat st;
    (void)argc;
    plan(20 + 10 + 12 + 7 + 13);
    fd = open(argv[0], O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0) bail_out("%s: %s", argv[0], strerror(errno));
    size = st.st_size;
    test_positions();
    test_vectors();
    test_modes();
    test_devices();
    test_file_mapping();
    return done_testing();
}
