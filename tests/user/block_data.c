/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A disk as a file, its bytes compared with a copy in memory: every alignment of offset, length and memory; vectors;
 * writers of one sector from several processes; memory that is forked and unmapped amid the transfer (W4).
 *
 * needs: holdfast
 * disk: 1M 64K
 * timeout: 240
 */
#include <pthread.h>
#include <sys/uio.h>

#include "tests/user/support.h"

#define DEV   "/dev/vda"
#define SIZE  (1l << 20)
#define ROUND 400

static unsigned char *copy; /* what the disk should hold */
static unsigned state = 12345;

static unsigned chance(unsigned n) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

static void make_up(unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)chance(256);
}

static int open_disk(int flags) {
    int fd = open(DEV, flags);
    if (fd < 0) bail_out("%s: %s", DEV, strerror(errno));
    return fd;
}

/* Offsets and lengths near the borders of sectors and pages, and anywhere. */
static size_t pick_length(void) {
    static const size_t borders[] = {1, 511, 512, 513, 1024, 4095, 4096, 4097, 65536, 65537, 300000};
    return chance(3) ? borders[chance(11)] + chance(3) : 1 + chance(9000);
}

static long pick_offset(size_t n) {
    long at = (long)chance(SIZE - (unsigned)n);
    return chance(2) ? at & ~511l : at;
}

static void random_ranges(int fd) {
    unsigned char *memory = (unsigned char *)anon(80);
    int short_writes = 0, short_reads = 0, wrong = 0;
    for (int i = 0; i < ROUND; i++) {
        size_t n = pick_length(), skew = chance(2) ? 0 : chance(4096);
        long at = pick_offset(n);
        if (chance(2)) {
            make_up(memory + skew, n);
            short_writes += pwrite(fd, memory + skew, n, at) != (long)n;
            memcpy(copy + at, memory + skew, n);
        } else {
            memset(memory + skew, 0xee, n + 1);
            short_reads += pread(fd, memory + skew, n, at) != (long)n;
            wrong += memcmp(memory + skew, copy + at, n) != 0 || memory[skew + n] != 0xee;
        }
    }
    is_int(short_writes, 0, "every write is whole");
    is_int(short_reads, 0, "every read is");
    is_int(wrong, 0, "and has what was written, and no byte more");
    munmap(memory, 80 * PG);
}

static bool all_right(int fd) {
    unsigned char *memory = (unsigned char *)anon(SIZE / PG);
    bool same = pread(fd, memory, SIZE, 0) == SIZE && memcmp(memory, copy, SIZE) == 0;
    munmap(memory, SIZE);
    return same;
}

static void positions(int fd) {
    char text[16] = "";
    is_int(lseek(fd, 1000, SEEK_SET), 1000, "seek");
    is_int(write(fd, "hello", 5), 5, "write at the position");
    is_int(lseek(fd, 0, SEEK_CUR), 1005, "which moves");
    memcpy(copy + 1000, "hello", 5);
    lseek(fd, -5, SEEK_CUR);
    is_int(read(fd, text, 5), 5, "read there");
    is_str(text, "hello", "it is what was written");
    lseek(fd, -3, SEEK_END);
    is_int(write(fd, "abcdef", 6), 3, "a write over the end is short");
    is_int(errno_of(write(fd, "d", 1)), ENOSPC, "then there is no space");
    memcpy(copy + SIZE - 3, "abc", 3);
    is_int(read(fd, text, 1), 0, "nor anything to read");
    ok(all_right(fd), "nothing else has changed");
}

static void vectors(int fd) {
    unsigned char *a = (unsigned char *)anon(4), *b = (unsigned char *)anon(4), *c = (unsigned char *)anon(4);
    struct iovec v[] = {{a + 100, 412}, {NULL, 0}, {b, 4096 + 512}, {c + 1, 1}, {a + PG, 3000}};
    size_t all = 412 + 4608 + 1 + 3000;
    unsigned char *flat = (unsigned char *)anon(4), *at = flat;
    for (int i = 0; i < 5; i++) {
        make_up(v[i].iov_base ? v[i].iov_base : a, v[i].iov_len);
        memcpy(at, v[i].iov_base ? v[i].iov_base : a, v[i].iov_len);
        at += v[i].iov_len;
    }
    lseek(fd, 5220, SEEK_SET);
    is_int(writev(fd, v, 5), (long)all, "a vector is written");
    memcpy(copy + 5220, flat, all);
    ok(all_right(fd), "as if it were one");
    for (int i = 0; i < 5; i++) memset(v[i].iov_base ? v[i].iov_base : a, 0, v[i].iov_len);
    lseek(fd, 5220, SEEK_SET);
    is_int(readv(fd, v, 5), (long)all, "and read");
    bool same = memcmp(a + 100, flat, 412) == 0 && memcmp(b, flat + 412, 4608) == 0 && c[1] == flat[412 + 4608] &&
                memcmp(a + PG, flat + 412 + 4609, 3000) == 0;
    ok(same, "into all its parts");
}

/* Each of several processes owns every n-th byte of two sectors, and writes its own alone, one by one. */
#define WRITERS 4

static void writer(int me) {
    int fd = open(DEV, O_RDWR), wrong = 0;
    for (int at = me; at < 1024; at += WRITERS * 7) {
        unsigned char byte = (unsigned char)(at * 31 + me);
        wrong += pwrite(fd, &byte, 1, 2048 + at) != 1;
    }
    _exit(wrong);
}

static void one_sector(int fd) {
    pid_t pid[WRITERS];
    int wrong = 0, status;
    for (int i = 0; i < WRITERS; i++) {
        if ((pid[i] = fork()) == 0) writer(i);
        for (int at = i; at < 1024; at += WRITERS * 7) copy[2048 + at] = (unsigned char)(at * 31 + i);
    }
    for (int i = 0; i < WRITERS; i++) wrong += waitpid(pid[i], &status, 0) != pid[i] || status != 0;
    is_int(wrong, 0, "four processes write bytes of the same sectors");
    ok(all_right(fd), "none of them is lost");
}

/* W4: the device has the frames while the program forks and unmaps. */
#define BIG (64 * PG)

static struct transfer {
    int fd;
    unsigned char *p;
    bool writes;
    long result;
} t;

static void *transfer(void *unused) {
    (void)unused;
    t.result = t.writes ? pwrite(t.fd, t.p, BIG, 0) : pread(t.fd, t.p, BIG, 0);
    return NULL;
}

static void begin(pthread_t *thread) {
    set_knob("debug.port.hold", 1);
    if (pthread_create(thread, NULL, transfer, NULL) != 0) bail_out("no thread");
    while (knob("debug.port.requests") == 0) sched_yield();
}

static void end(pthread_t thread) {
    set_knob("debug.port.hold", 0);
    pthread_join(thread, NULL);
    is_int(t.result, (long)BIG, "the transfer ends");
}

static void held(int fd) {
    pthread_t thread;
    uint64_t pins = knob("vm.stats.pins");
    t = (struct transfer){.fd = fd, .p = (unsigned char *)anon(BIG / PG)};
    memset(t.p, 0x11, BIG);
    begin(&thread);
    is_int((long)(knob("vm.stats.pins") - pins), (long)(BIG / PG), "W4: the frames are pinned");
    pid_t pid = fork();
    if (pid == 0) { /* its pages are copies from before */
        set_knob("debug.port.hold", 0);
        while (knob("debug.port.requests") != 0) sched_yield();
        int wrong = 0;
        for (size_t i = 0; i < BIG; i++) wrong += t.p[i] != 0x11;
        _exit(wrong != 0);
    }
    end(thread);
    int status;
    waitpid(pid, &status, 0);
    is_int(status, 0, "W4: a child of fork amid a read sees nothing of it");
    ok(memcmp(t.p, copy, BIG) == 0, "the parent has it all");

    begin(&thread);
    munmap(t.p, BIG);
    unsigned char *other = (unsigned char *)map_pages(BIG / PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    memset(other, 0x22, BIG);
    end(thread);
    int wrong = 0;
    for (size_t i = 0; i < BIG; i++) wrong += other[i] != 0x22;
    is_int(wrong, 0, "W4: unmapped amid a read, its frames were nobody else's yet");

    t.writes = true;
    t.p = other;
    make_up(other, BIG);
    memcpy(copy, other, BIG);
    begin(&thread);
    munmap(other, BIG);
    unsigned char *third = (unsigned char *)anon(BIG / PG);
    memset(third, 0x33, BIG);
    end(thread);
    ok(all_right(fd), "W4: unmapped amid a write, what was there is written");
    is_int(knob_change("vm.stats.pins", pins), 0, "no pin is left");
    munmap(third, BIG);
}

static void two_disks(int fd) {
    int other = open("/dev/vdb", O_RDWR);
    char text[8] = "";
    is_int(lseek(other, 0, SEEK_END), 65536, "another disk has its own size");
    is_int(pwrite(other, "second", 6, 509), 6, "it is written");
    ok(all_right(fd), "which the first does not see");
    is_int(pread(other, text, 6, 509), 6, "and read");
    is_str(text, "second", "its own bytes");
    close(other);
}

int main(void) {
    needs_holdfast();
    plan(0);
    copy = (unsigned char *)anon(SIZE / PG);
    int fd = open_disk(O_RDWR);
    unsigned char *memory = (unsigned char *)anon(SIZE / PG);
    make_up(copy, SIZE);
    memcpy(memory, copy, SIZE);
    is_int(pwrite(fd, memory, SIZE, 0), SIZE, "a whole disk is written");
    munmap(memory, SIZE);
    ok(all_right(fd), "and read again");
    random_ranges(fd);
    ok(all_right(fd), "after all that the disk is what it should be");
    positions(fd);
    vectors(fd);
    one_sector(fd);
    held(fd);
    two_disks(fd);
    close(fd);
    return done_testing();
}
