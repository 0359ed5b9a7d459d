/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * W4 with swap: a disk is read into private pages, and amid the transfer all that may leave memory does, the process forks, and
 * writes to the pages or unmaps them. The frames stay the transfer's until it ends: what was read is where it was asked for,
 * the child has memory of its own, and no other is written over.
 *
 *      reader thread   pread of 64 pages: four requests to a slow disk
 *      main thread     evicts, forks, unmaps, meanwhile; a round counts if the read had not ended when it was done
 *      others          read from the disk, too, so that it takes its time
 *
 * clauses: I1 I4 W4
 * needs: holdfast
 * mem: 32M
 * swap: 32M
 * disk: 8M/slow
 * timeout: 200
 */
#include <pthread.h>

#include "tests/user/disks.h"
#include "tests/user/swaps.h"

#define PAGES  64ul
#define BYTES  (PAGES * PG)
#define OTHERS 6
#define ROUNDS 3 /* that count, of each kind */
#define MOST   60

static struct {
    char *to;
    long result;
    bool ended;
} reading;

static int disk;
static unsigned wrong_child;
static volatile bool *go_on;

static void *read_it(void *unused) {
    (void)unused;
    reading.result = pread(disk, reading.to, BYTES, 0);
    __atomic_store_n(&reading.ended, true, __ATOMIC_RELEASE);
    return NULL;
}

static bool ended(void) {
    return __atomic_load_n(&reading.ended, __ATOMIC_ACQUIRE);
}

/* Nobody waits for them: they keep the disk busy until they are killed. */
static _Noreturn void other(void) {
    char *p = anon(PAGES);
    for (;;)
        if (pread(disk, p, BYTES, 4l << 20) != (ssize_t)BYTES) _exit(1);
}

/* The parent writes, while the child has the same pages, what the disk has there: were it given a copy to write to, the device's
 * bytes would go to the other. Then the child writes to its own. */
static void fork_and_write(char *p) {
    pid_t pid;
    int status = -1;
    *go_on = false;
    if ((pid = fork()) == 0) {
        while (!*go_on) sched_yield();
        put(p, PAGES, 7);
        _exit(has(p, PAGES, 7) ? 0 : 1);
    }
    for (size_t i = 0; i < BYTES; i += PG) pattern(p + i, 8, i, 1);
    *go_on = true;
    waitpid(pid, &status, 0);
    wrong_child += status != 0;
}

/* Other memory, where the frames would be if they had been let go. */
static char *in_their_place(char *p) {
    munmap(p, BYTES);
    char *q = mmap(p, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (q == MAP_FAILED) bail_out("mmap: %s", strerror(errno));
    put(q, 2 * PAGES, 8);
    return q;
}

/* True: all was done before the read had ended. *good: everything was as it should be. */
static bool disturb(bool unmap, bool *good) {
    char *p = anon(PAGES), *q = NULL;
    pthread_t t;
    put(p, PAGES, 6);
    out(p, PAGES);
    reading.to = p;
    __atomic_store_n(&reading.ended, false, __ATOMIC_RELEASE);
    if (pthread_create(&t, NULL, read_it, NULL) != 0) bail_out("no thread");
    while (!ended() && proc_pages("/proc/self/status", "VmPin") != (long)PAGES) sched_yield();
    evict_all();
    fork_and_write(p);
    if (unmap) q = in_their_place(p);
    bool counts = !ended();
    pthread_join(t, NULL);
    if (q) *good = has(q, 2 * PAGES, 8);
    else *good = reading.result == (long)BYTES && is_pattern(p, BYTES, 0, 1);
    munmap(q ? q : p, q ? 2 * BYTES : BYTES);
    return counts;
}

static void rounds(bool unmap, const char *what) {
    unsigned counted = 0, wrong = 0;
    for (unsigned i = 0; i < MOST && counted < ROUNDS; i++) {
        bool good;
        counted += disturb(unmap, &good);
        wrong += !good;
    }
    is_int(counted, ROUNDS, "%s: all of it amid the transfer", what);
    is_int(wrong, 0, "W4: every byte is where it should be");
}

int main(void) {
    pid_t others[OTHERS];
    needs_holdfast();
    plan(7);
    go_on = shared(PG);
    disk = open("/dev/vdb", O_RDWR);
    char *p = anon(PAGES);
    pattern(p, BYTES, 0, 1);
    if (pwrite(disk, p, BYTES, 0) != (ssize_t)BYTES) bail_out("/dev/vdb: %s", strerror(errno));
    uint64_t pins = knob("vm.stats.pins");
    for (int i = 0; i < OTHERS; i++)
        if ((others[i] = fork()) == 0) other();
    rounds(false, "evicted and forked");
    rounds(true, "evicted, forked and unmapped");
    is_int(wrong_child, 0, "each child has had memory of its own");
    for (int i = 0; i < OTHERS; i++) kill(others[i], SIGKILL), waitpid(others[i], NULL, 0);
    is_int(knob_change("vm.stats.pins", pins), 0, "all pins are back");
    ok(audit_clean(), "audit");
    return done_testing();
}
