/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * blockd serves disks: what it locks, what it answers, and where it does not start.
 *
 * clauses: A1 A4 B3
 * needs: holdfast
 * disks: 16M 4M/read@4096/write@6144
 * timeout: 120
 */
#include "tests/user/disks.h"

#define MB      (1ul << 20)
#define CLIENTS 6
#define AREA    (2 * MB)

static pid_t first, second;

static void test_start(void) {
    is_int(blockd_status("00:1d.0", "vdx"), 1, "no such function");
    is_int(blockd_status("00:1f.2", "vdx"), 1, "not a virtio disk");
    is_int(blockd_status("../null", "vdx"), 1, "not a function at all");
    is_int(blockd_status("00:03.0", "NULL"), 1, "not a name for a device");
    ok(access("/dev/vdx", F_OK) != 0, "nothing of that made a device");
    first = blockd_start("00:03.0", "vda");
    is_int(blockd_status("00:03.0", "vdx"), 1, "a disk has one server");
    second = blockd_start("00:04.0", "vdb");
    ok(first > 0 && second > 0, "two disks are served");
}

static void nobody_serves(void *unused) {
    (void)unused;
    _exit(blockd_status("00:03.0", "vdx"));
}

static void test_locked(void) {
    pid_t server = server_of(first);
    ok(server > 0, "a supervisor has a server");
    long frames = status_of(server, "VmLck") / 4, total = frames + status_of(first, "VmLck") / 4;
    diag("locked frames: server %ld, with its supervisor %ld; page tables %ld and %ld kB", frames, total,
         status_of(server, "VmPTE"), status_of(first, "VmPTE"));
    ok(frames > 0 && frames < 64, "the server has fewer than 64 frames locked");
    ok(total < 64, "and so have the two of them");
    is_int(status_of(server, "VmPin") / 4, 3, "B3: three of them are the device's too");
    /* What it maps are its own pages and the device's registers: nothing but the registers is not locked (A4). */
    is_int((status_of(server, "VmSize") - status_of(server, "VmLck")) / 4, 3, "A1: all else is locked");
    is_int(in_child(MEMLOCK_AS_IS, NOBODY, nobody_serves, NULL), 1 << 8, "only root may serve");
}

/* Each client has an area of its own, and is told by its exit status. */
static void client(void *arg) {
    unsigned n = (unsigned)(uintptr_t)arg;
    int fd = open("/dev/vda", O_RDWR);
    static const size_t sizes[] = {SECTOR, 4096, 65536, 262144, 3 * 4096, 7 * SECTOR};
    char *a = anon(64), *b = anon(64);
    unsigned long base = n * AREA;
    if (fd < 0) _exit(1);
    for (unsigned long at = 0, k = n; at + 64 * PG <= AREA; k++) {
        size_t bytes = sizes[k % 6];
        pattern(a, bytes, base + at, n);
        if (pwrite(fd, a, bytes, (off_t)(base + at)) != (ssize_t)bytes) _exit(2);
        if (pread(fd, b, bytes, (off_t)(base + at)) != (ssize_t)bytes || !is_pattern(b, bytes, base + at, n)) _exit(3);
        at += bytes;
    }
    _exit(0);
}

static void test_data(void) {
    pid_t p[CLIENTS];
    unsigned good = 0;
    fflush(stdout);
    for (unsigned i = 0; i < CLIENTS; i++)
        if ((p[i] = fork()) == 0) client((void *)(uintptr_t)i);
    for (unsigned i = 0; i < CLIENTS; i++) {
        int status = -1;
        waitpid(p[i], &status, 0);
        good += status == 0;
        if (status) diag("client %u: status %#x", i, status);
    }
    is_int(good, CLIENTS, "%d clients at once, each finds what it wrote", CLIENTS);
    int fd = open("/dev/vda", O_RDONLY);
    is_int(lseek(fd, 0, SEEK_END), 16 * MB, "the disk has the size that it has");
    char *b = anon(1);
    ok(pread(fd, b, SECTOR, AREA) == SECTOR && is_pattern(b, SECTOR, AREA, 1), "and keeps what was written");
    close(fd);
}

/* A sector that cannot be read, one that cannot be written, and their neighbours. */
static void test_errors(void) {
    int fd = open("/dev/vdb", O_RDWR);
    char *b = anon(2);
    pattern(b, SECTOR, 0, 5);
    is_int(errno_of(pread(fd, b + PG, SECTOR, 4096 * SECTOR)), EIO, "a sector that cannot be read is EIO");
    is_int(pwrite(fd, b, SECTOR, 4096 * SECTOR), SECTOR, "but can be written");
    is_int(errno_of(pwrite(fd, b, SECTOR, 6144 * SECTOR)), EIO, "a sector that cannot be written is EIO");
    is_int(pread(fd, b + PG, SECTOR, 6144 * SECTOR), SECTOR, "but can be read");
    is_int(b[PG] | b[PG + SECTOR - 1], 0, "and is what it was");
    is_int(pwrite(fd, b, SECTOR, 6145 * SECTOR), SECTOR, "the next can be written");
    ok(pread(fd, b + PG, SECTOR, 6145 * SECTOR) == SECTOR && is_pattern(b + PG, SECTOR, 0, 5), "and read");
    int other = open("/dev/vda", O_RDONLY);
    is_int(pread(other, b, SECTOR, 0), SECTOR, "another disk does not notice");
    close(other);
    close(fd);
}

static void test_end(void) {
    int fd = open("/dev/vdb", O_RDWR);
    char *b = anon(1);
    blockd_end(second);
    is_int(errno_of(pread(fd, b, SECTOR, 0)), ENODEV, "without server and supervisor a disk is ENODEV");
    is_int(errno_of(open("/dev/vdb", O_RDWR)), ENXIO, "and cannot be opened");
    is_int(blockd_status("00:04.0", "vdb"), 1, "or served again under that name, as long as somebody has it open");
    close(fd);
    second = blockd_start("00:04.0", "vdb");
    fd = open("/dev/vdb", O_RDWR);
    ok(pread(fd, b, SECTOR, 6145 * SECTOR) == SECTOR && is_pattern(b, SECTOR, 0, 5), "but then it can, with what is on it");
    close(fd);
    blockd_end(first);
    blockd_end(second);
}

int main(void) {
    needs_holdfast();
    test_start();
    test_locked();
    test_data();
    test_errors();
    test_end();
    return done_testing();
}
