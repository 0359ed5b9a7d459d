/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mprotect splits locked regions and every piece keeps its lock; what becomes writable or accessible is made
 * ready inside the call, so that no touch of a locked page ever faults.
 *
 * clauses: L17 L2 I7
 * pitfalls: B9 B23
 */
#include "tests/user/support.h"

#define N 8
#define RW (PROT_READ | PROT_WRITE)

static void pieces(void) {
    char *p = anon(N);
    mlock(p, N * PG);
    int wrong = 0;
    for (size_t from = 0; from < N; from++)
        for (size_t n = 1; from + n <= N; n++) {
            static const int prots[] = {PROT_READ, PROT_NONE, RW};
            for (int i = 0; i < 3; i++) {
                wrong += mprotect(p + from * PG, n * PG, prots[i]) != 0;
                wrong += strcmp(lock_map(p, N), "########") != 0 || strcmp(core_map(p, N), "11111111") != 0;
            }
            wrong += faults_writing(p, N) != 0 || vmlck() != N;
        }
    is_int(wrong, 0, "L17: every part, read-only, PROT_NONE and back: always locked, resident, never a fault");
    mprotect(p + 2 * PG, 3 * PG, PROT_READ);
    is_int(munlock(p + 3 * PG, 3 * PG), 0, "L17: munlock across the pieces");
    is_str(lock_map(p, N), "###...##", "L17: unlocks its range");
    is_int(vmlck(), 5, "L17: and gives back its charge");
    munmap(p, N * PG);
}

static void read_only_made_writable(void) {
    char *p = map_pages(N, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    faults_reading(p, N);
    mlock(p, N * PG);
    is_int(mprotect(p, N * PG, RW), 0, "L17: a locked read-only range made writable");
    is_int(faults_writing(p, N), 0, "L17: is copied inside mprotect: no write faults");
    munmap(p, N * PG);
    int fd = memfd(N);
    if (pwrite(fd, "q", 1, PG) != 1) bail_out("pwrite");
    p = map_fd(fd, N, PROT_READ, MAP_PRIVATE);
    mlock(p, N * PG);
    is_int(mprotect(p, N * PG, RW), 0, "L17: a private mapping of an object likewise");
    is_int(faults_writing(p, N), 0, "L17: no write faults");
    char c = 0;
    is_int(pread(fd, &c, 1, PG) == 1 ? c : -1, 'q', "L17: the object does not see the writes");
    munmap(p, N * PG);
    close(fd);
}

static void opened(void) {
    char *p = anon(N);
    mlock(p, N * PG);
    mprotect(p, N * PG, PROT_NONE);
    if (on_holdfast()) is_int(vmlck(), 0, "I3: pages that are not accessible are not charged");
    else skip(1, "Linux charges them");
    is_int(mprotect(p + PG, 2 * PG, PROT_READ), 0, "L17: two pages readable again");
    is_int(faults_reading(p + PG, 2), 0, "L17: without a fault");
    is_int(mprotect(p + PG, 2 * PG, RW), 0, "L17: and writable");
    is_int(faults_writing(p + PG, 2), 0, "L17: without a fault");
    if (on_holdfast()) is_int(vmlck(), 2, "L17: and charged");
    else skip(1, "Linux charges all");
    is_int(munlock(p, N * PG), 0, "L17: munlock over all of it");
    is_int(vmlck(), 0, "L17: nothing is charged");
    is_int(mprotect(p, N * PG, RW), 0, "L17: made accessible after the lock is gone");
    is_str(lock_map(p, N), "........", "L17: it is not locked");
    munmap(p, N * PG);
}

static char *p;
static long seen;

static void after_fork(void *arg) {
    long *faults_seen = arg;
    mprotect(p, N * PG, PROT_READ);
    if (mlock(p, N * PG) != 0 || mprotect(p, N * PG, RW) != 0) _exit(1);
    *faults_seen = faults_writing(p, N);
    if (p[0] != 4) _exit(2);
}

int main(void) {
    plan(23);
    pieces();
    read_only_made_writable();
    opened();
    long *answer = shared(sizeof *answer);
    p = anon(N);
    memset(p, 3, N * PG);
    is_int(as_root(after_fork, answer), 0, "L17: a child locks read-only what it shares with its parent, then makes it writable");
    seen = *answer;
    is_int(seen, 0, "L17: no write faults: copied inside mprotect");
    is_int(p[0], 3, "L17: and the parent's pages are its own");
    ok(audit_clean(), "I2: the audit agrees");
    return done_testing();
}
