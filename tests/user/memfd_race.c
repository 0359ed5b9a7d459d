/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A memfd is cut off and grown by one process while another reads and writes it, with buffers that are not there yet:
 * every call says how much it moved, bytes are the writer's or zero, and no frame and no promise is lost.
 *
 * clauses: I4 I8
 */
#include "tests/user/support.h"

#define N      16ul
#define ROUNDS 200

struct both {
    int fd, done;
    long bad_length, bad_byte;
};

/* What came, counted against what may come. */
static void judge(struct both *b, const char *p, ssize_t n) {
    if (n < 0 || n > (ssize_t)(N * PG)) __atomic_fetch_add(&b->bad_length, 1, __ATOMIC_RELAXED);
    for (ssize_t i = 0; i < n; i++)
        if (p[i] != 0 && p[i] != 'w') __atomic_fetch_add(&b->bad_byte, 1, __ATOMIC_RELAXED);
}

/* Each copy faults on its way, page by page: the place where the other gets its turn. */
static void read_and_write(void *arg) {
    struct both *b = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char *to = anon(N), *from = anon(N);
        judge(b, to, pread(b->fd, to, N * PG, 0));
        memset(from, 'w', PG); /* of the rest, zeroes: brought in by the copy */
        ssize_t n = pwrite(b->fd, from, N * PG, 0);
        if (n < 0 ? errno != EIO : n > (ssize_t)(N * PG)) __atomic_fetch_add(&b->bad_length, 1, __ATOMIC_RELAXED);
        munmap(to, N * PG), munmap(from, N * PG);
        sched_yield();
    }
    __atomic_store_n(&b->done, 1, __ATOMIC_RELEASE);
}

static void test_race(void) {
    struct both *b = shared(sizeof *b);
    b->fd = memfd(N);
    pid_t pid = fork();
    if (pid == 0) {
        read_and_write(b);
        _exit(0);
    }
    unsigned resized = 0, refused = 0;
    int status = -1;
    pid_t ended = pid < 0 ? -1 : 0;
    while (ended == 0 && !__atomic_load_n(&b->done, __ATOMIC_ACQUIRE)) {
        refused += ftruncate(b->fd, (off_t)(resized % N * PG + resized % 7)) != 0;
        resized++;
        sched_yield();
        ended = waitpid(pid, &status, WNOHANG);
    }
    if (ended == 0) ended = waitpid(pid, &status, 0);
    ok(ended == pid && status == 0 && b->done, "it reads and writes to the end");
    ok(resized > 0, "while the size changed");
    is_int(refused, 0, "which no memory was wanting for");
    is_int(b->bad_length, 0, "each call moved a part of what was asked, or nothing");
    is_int(b->bad_byte, 0, "and what was read is what was written, or zero");
    close(b->fd);
    munmap(b, sizeof *b);
}

/* A buffer that ends in a hole: the bytes before it count, and the position goes with them. */
static void test_half_way(void) {
    int fd = memfd(2);
    char *p = anon(3), b[4] = {0};
    cut(p, 1, 1);
    memset(p, 'h', PG);
    ssize_t n = write(fd, p, 2 * PG);
    ok(n > 0 && n <= (ssize_t)PG, "a write into a hole moves what comes before it");
    is_int(lseek(fd, 0, SEEK_CUR), n, "the position says how much");
    is_int(pread(fd, b, 2, n - 1), 2, "the file");
    ok(b[0] == 'h' && b[1] == 0, "has got that and no more");
    lseek(fd, 0, SEEK_SET);
    fails(write(fd, p + PG, 10), EFAULT, "nothing before it: EFAULT");
    is_int(lseek(fd, 0, SEEK_CUR), 0, "and the position stays");
    n = read(fd, p, 2 * PG);
    ok(n > 0 && n <= (ssize_t)PG, "a read does the same");
    is_int(lseek(fd, 0, SEEK_CUR), n, "and its position");
    is_int(pread(fd, p + 2 * PG, PG, (off_t)PG + 100), (long)PG - 100, "a read across the end stops there");
    close(fd);
}

int main(void) {
    plan(5 + 9);
    test_race();
    test_half_way();
    return done_testing();
}
