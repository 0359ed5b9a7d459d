/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Calls whose n-th frame, or promise of page tables, has to be waited for, n = 1, 2, 3 ... until none has to: each does what it
 * does without a wait, contents and locks included, and the audit after it is clean.
 *
 * clauses: L1 L17 L18 A4 A8 W4 I1 I3
 * needs: holdfast
 * swap: 16M
 * disk: 1M
 * timeout: 240
 */
#include <aio.h>
#include <sys/uio.h>

#include "tests/user/swaps.h"

#define N    16ul
#define FAR  80ul
#define MOST 400u
#define STALL "debug.inject.stall"

static char *p;
static int fd;

/* ---- what is there before each ---- */

static void nothing(void) {}

static void written(void) {
    p = anon(N);
    put(p, N, 1);
}

static void locked(void) {
    written();
    mlock(p, N * PG);
}

/* Away, and on the disk: nothing is on its way any more, whose frame a touch would get back. */
static void away(void) {
    written();
    evict_all();
}

static void closed(void) {
    mlockall(MCL_FUTURE);
    p = map_pages(N, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
}

static void unpromised(void) {
    p = map_pages(N, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}

static void file(void) {
    fd = memfd(N);
    for (size_t i = 1; i < N; i += 2) pwrite(fd, "held", 4, (off_t)(i * PG));
}

static void file_away(void) {
    file();
    p = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    put(p, N, 1);
    evict_all();
}

static void disk(void) {
    p = anon(N);
    fd = open("/dev/vdb", O_RDWR);
}

/* ---- the calls: is all as it should be? ---- */

/* In a child that only looks. */
static bool child_has(unsigned generation) {
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(has(p, N, generation) ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool is_forked(void) {
    return child_has(1) && has(p, N, 1);
}

/* The parent writes what a child has as well, which then looks at its own. */
static bool is_copied(void) {
    int go[2], status = -1;
    char byte = 0;
    fflush(stdout);
    if (pipe(go) != 0) return false;
    pid_t child = fork();
    if (child == 0) _exit(read(go[0], &byte, 1) == 1 && has(p, N, 1) ? 0 : 1);
    put(p, N, 2);
    bool good = child > 0 && has(p, N, 2) && write(go[1], &byte, 1) == 1 && waitpid(child, &status, 0) == child && status == 0;
    close(go[0]);
    close(go[1]);
    return good;
}

static bool is_opened(void) {
    bool good = mprotect(p, N * PG, PROT_READ | PROT_WRITE) == 0 && resident(p, N) == N && lock_letter(p) == '#';
    if (good) put(p, N, 3);
    return good && has(p, N, 3);
}

static bool is_grown(void) {
    char *q = mremap(p, N * PG, FAR * PG, MREMAP_MAYMOVE);
    if (q == MAP_FAILED) return false;
    bool good = resident(q, FAR) == FAR && lock_letter(q + (FAR - 1) * PG) == '#';
    for (size_t i = 0; i < N; i++) good = good && has_as(q + i * PG, p + i * PG, 1);
    munmap(q + N * PG, (FAR - N) * PG);
    p = q;
    return good;
}

static bool is_locked(void) {
    return mlock(p, N * PG) == 0 && resident(p, N) == N && has(p, N, 1);
}

static bool is_locked_fresh(void) {
    return mlock(p, N * PG) == 0 && resident(p, N) == N;
}

static bool is_locked_all(void) {
    return mlockall(MCL_CURRENT) == 0 && resident(p, N) == N;
}

static bool is_aio_locked(void) {
    struct aiocb cb = {.aio_buf = p, .aio_nbytes = N * PG, .aio_sigevent.sigev_notify = SIGEV_NONE};
    const struct aiocb *list[] = {&cb};
    if (aio_mlock(&cb) != 0) return false;
    while (aio_error(&cb) == EINPROGRESS) aio_suspend(list, 1, NULL);
    return aio_error(&cb) == 0 && aio_return(&cb) == 0 && resident(p, N) == N && has(p, N, 1);
}

static bool is_mapped(void) {
    p = mmap(NULL, FAR * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED) return false;
    bool good = resident(p, FAR) == FAR;
    munmap(p + N * PG, (FAR - N) * PG);
    return good;
}

static bool is_populated(void) {
    return madvise(p, N * PG, MADV_POPULATE_WRITE) == 0 && resident(p, N) == N;
}

static bool is_written_to(void) {
    static char bytes[N * PG], back[N * PG];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i / 7 + i / PG);
    return pwrite(fd, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes && pread(fd, back, sizeof back, 0) == (ssize_t)sizeof back &&
           memcmp(bytes, back, sizeof bytes) == 0;
}

/* Holes are made by reading, too. */
static bool is_read(void) {
    char word[4];
    bool good = true;
    for (size_t i = 0; i < N; i++)
        good = good && pread(fd, word, 4, (off_t)(i * PG)) == 4 && memcmp(word, i % 2 ? "held" : "\0\0\0\0", 4) == 0;
    return good;
}

static bool is_back(void) {
    return has(p, N, 1);
}

/* From the disk into pages that nobody has touched. */
static bool is_pinned(void) {
    bool good = pread(fd, p, N * PG, 0) == (ssize_t)(N * PG) && resident(p, N) == N;
    put(p, N, 4);
    return good && pwrite(fd, p, N * PG, 0) == (ssize_t)(N * PG) && pread(fd, p, N * PG, 0) == (ssize_t)(N * PG) && has(p, N, 4);
}

static const struct {
    const char *what;
    void (*prepare)(void);
    bool (*run)(void);
} calls[] = {
    {"A8: fork of locked pages", locked, is_forked},
    {"fork of pages in swap", away, is_forked},
    {"a copy on write", written, is_copied},
    {"a copy of pages in swap", away, is_copied},
    {"touches of pages in swap", away, is_back},
    {"A4: mprotect of what MCL_FUTURE locks", closed, is_opened},
    {"L18: mremap of what is locked", locked, is_grown},
    {"mlock of pages in swap", away, is_locked},
    {"mlock of MAP_NORESERVE", unpromised, is_locked_fresh},
    {"mlockall", unpromised, is_locked_all},
    {"aio_mlock of pages in swap", away, is_aio_locked},
    {"mmap with MAP_POPULATE", nothing, is_mapped},
    {"MADV_POPULATE_WRITE", unpromised, is_populated},
    {"writes to a memfd", file, is_written_to},
    {"reads of a memfd with holes", file, is_read},
    {"touches of a memfd in swap", file_away, is_back},
    {"W4: reads and writes of a disk", disk, is_pinned},
};
#define CALLS (sizeof calls / sizeof *calls)

/* ---- the loop ---- */

static void clear(void) {
    munlockall();
    if (p) munmap(p, N * PG);
    if (fd > 0) close(fd);
    p = NULL;
    fd = 0;
}

/* True: the order stands still, nothing had to wait. */
static bool once(size_t i, unsigned n, unsigned *wrong) {
    calls[i].prepare();
    set_knob(STALL, n);
    bool good = calls[i].run();
    bool stands = knob(STALL) != 0;
    set_knob(STALL, 0);
    if (!good) ++*wrong, diag("%s: the wait for number %u", calls[i].what, n);
    if (!audit_clean()) ++*wrong, diag("%s: audit after number %u", calls[i].what, n);
    clear();
    return stands;
}

static void every_wait(size_t i) {
    unsigned n = 1, wrong = 0;
    while (n < MOST && wrong < 4 && !once(i, n, &wrong)) n++;
    is_int(wrong, 0, "%s: whichever of %u has to wait", calls[i].what, n - 1);
    ok(n > 1 && n < MOST, "some have to, and not for ever");
}

int main(void) {
    needs_holdfast();
    plan(2 * (int)CALLS);
    for (size_t i = 0; i < CALLS; i++) every_wait(i);
    return done_testing();
}
