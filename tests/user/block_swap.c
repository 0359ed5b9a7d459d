/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A disk's transfer goes straight into and out of the caller's frames, and has them until it ends (W4). While it waits for the
 * disk its memory is sent away, by advice and for want of room, forked, written, unmapped and mapped anew: the bytes go
 * where they were to go, and nowhere else.
 *
 * clauses: W4 L22 I1 I4 I8
 * needs: holdfast
 * mem: 24M
 * swap: 64M
 * disk: 1M
 * timeout: 120
 */
#include <pthread.h>

#include "tests/user/swaps.h"

#define N    48ul /* pages: three requests */
#define DISK "/dev/vdb"

static struct transfer {
    int fd;
    char *p;
    bool writes;
    long result;
} t;

static void *transfer(void *unused) {
    (void)unused;
    t.result = t.writes ? pwrite(t.fd, t.p, N * PG, 0) : pread(t.fd, t.p, N * PG, 0);
    return NULL;
}

/* Fills the disk's first pages as if they were at `place`. */
static void disk_put(const char *place, unsigned generation) {
    char *p = anon(N);
    for (size_t i = 0; i < N; i++) put_as(p + i * PG, place + i * PG, generation);
    if (pwrite(t.fd, p, N * PG, 0) != (long)(N * PG)) bail_out("pwrite: %s", strerror(errno));
    munmap(p, N * PG);
}

static bool disk_has(const char *place, unsigned generation) {
    char *p = anon(N);
    bool same = pread(t.fd, p, N * PG, 0) == (long)(N * PG);
    for (size_t i = 0; i < N; i++) same &= has_as(p + i * PG, place + i * PG, generation);
    munmap(p, N * PG);
    return same;
}

/* A child that looks at its memory, that of a fork amid the transfer, when it is told that it is over. */
static pid_t fork_now(char *p, unsigned generation, int told) {
    char byte;
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    _exit(read(told, &byte, 1) == 1 && has(p, N, generation) ? 0 : 1);
}

/* Everybody's memory becomes scarce: what may go is on its way, which waits for the disk like all else. */
static pid_t want_memory(void) {
    uint64_t stalls = knob("vm.swap.stalls");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char *p = anon(2 * ram_pages());
        for (size_t i = 0; i < 2 * ram_pages(); i++) p[i * PG] = 1;
        for (;;) pause();
    }
    while (knob("vm.swap.stalls") == stalls) sched_yield();
    return pid;
}

static int status_of(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

/*
 * Pages of generation 1 are written to a disk that has generation 2, or read over from it. All that is done meanwhile is done
 * by a process that is locked, but for those pages.
 */
static void amid(bool writes) {
    const char *what = writes ? "a write" : "a read";
    char *p = anon(N);
    pthread_t thread;
    int tell[2];
    uint64_t pins = knob("vm.stats.pins");
    if (pipe(tell) != 0) bail_out("pipe: %s", strerror(errno));
    munlock(p, N * PG);
    put(p, N, 1);
    disk_put(p, 2);
    t.p = p, t.writes = writes;
    hold_disk();
    if (pthread_create(&thread, NULL, transfer, NULL) != 0) bail_out("no thread");
    await_requests(N / 16);
    is_int((long)(knob("vm.stats.pins") - pins), (long)N, "W4: %s: all of its frames are pinned", what);
    madvise(p, N * PG, MADV_PAGEOUT);
    is_int((long)resident(p, N), (long)N, "W4: %s: by advice none of them goes", what);
    pid_t child = fork_now(p, 1, tell[0]);
    put(p, N / 2, 3);
    ok(audit_clean(), "I1 I4: %s: audit", what);
    munmap(p + N / 4 * PG, N / 2 * PG);
    char *other = mmap(p + N / 4 * PG, N / 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    put(other, N / 2, 4);
    pid_t greedy = want_memory();
    is_int((long)(resident(p, N / 4) + resident(p + 3 * N / 4 * PG, N / 4)), (long)N / 2, "W4: %s: nor for want of memory", what);
    ok(audit_clean(), "I1 I4: %s: audit, with half of it unmapped", what);
    go_disk();
    pthread_join(thread, NULL);
    is_int(t.result, (long)(N * PG), "W4: %s: the transfer ends", what);
    ok(has(other, N / 2, 4), "W4: %s: what is there anew is as it was written", what);
    kill(greedy, SIGKILL);
    is_int(status_of(greedy), SIGKILL, "%s: who wanted memory goes", what);
    ok(write(tell[1], "", 1) == 1 && status_of(child) == 0, "W4: %s: a child of fork has what there was", what);
    close(tell[0]), close(tell[1]);
    if (writes) {
        char *at = anon(N);
        bool same = pread(t.fd, at, N * PG, 0) == (long)(N * PG);
        for (size_t i = 0; i < N; i++) same &= has_as(at + i * PG, p + i * PG, i < N / 2 ? 3 : 1);
        ok(same, "W4: the disk has what was in the frames when it came to them");
        munmap(at, N * PG);
    } else {
        ok(has(p, N / 4, 2) && has(p + 3 * N / 4 * PG, N / 4, 2), "W4: what is left has what was read");
        ok(disk_has(p, 2), "W4: and the disk what it had");
    }
    is_int((long)(knob("vm.stats.pins") - pins), 0, "I4: %s: no pin is left", what);
    munmap(p, N * PG);
    ok(audit_clean(), "I8: %s: audit", what);
}

int main(void) {
    needs_holdfast();
    t.fd = open(DISK, O_RDWR);
    if (t.fd < 0) bail_out(DISK ": %s", strerror(errno));
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    amid(true);
    amid(false);
    munlockall();
    close(t.fd);
    return done_testing();
}
