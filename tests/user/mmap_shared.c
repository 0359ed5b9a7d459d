/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Shared memory is one: between two mappings at once, between processes, at different offsets; private mappings
 * of it see it until they write. An object lives until its last mapping and descriptor are gone.
 *
 * clauses: L15 L22 I8
 */
#include "tests/user/support.h"

#define N 6
#define RW (PROT_READ | PROT_WRITE)

static char *common;

static void child_writes(void *arg) {
    common[0] = 1;
    common[(N - 1) * PG] = *(char *)arg;
}

static void between_processes(void) {
    char c = 77;
    common = shared(N * PG);
    is_int(common[0], 0, "L15: shared memory starts as zeroes");
    as_root(child_writes, &c);
    ok(common[0] == 1 && common[(N - 1) * PG] == 77, "L15: the parent sees what a child writes");
    is_str(core_map(common, N), "100001", "L22: only what was touched is resident");
    munmap(common, N * PG);
}

static void at_offsets(void) {
    int fd = memfd(N);
    char *a = map_fd(fd, N, RW, MAP_SHARED);
    char *b = mmap(NULL, 2 * PG, RW, MAP_SHARED, fd, 3 * PG);
    char *priv = map_fd(fd, N, RW, MAP_PRIVATE);
    ok(b != MAP_FAILED, "L15: a second mapping from the fourth page on");
    a[3 * PG + 5] = 1;
    b[PG] = 2;
    ok(b[5] == 1 && a[4 * PG] == 2, "L15: shows the same bytes both ways");
    is_int(priv[4 * PG], 2, "L15: a private mapping shows them too");
    priv[4 * PG] = 9;
    is_int(b[PG], 2, "L15: what it writes is its own");
    a[4 * PG + 1] = 4;
    is_int(priv[4 * PG + 1], 0, "L15: from then on it keeps its copy");
    char text[4] = "";
    is_int(pread(fd, text, 2, 4 * PG), 2, "L15: read sees the object");
    ok(text[0] == 2 && text[1] == 4, "L15: as the mappings do");
    is_int(pwrite(fd, "z", 1, 3 * PG), 1, "L15: write to it");
    ok(a[3 * PG] == 'z' && b[0] == 'z' && priv[3 * PG] == 'z', "L15: shows in all mappings");
    close(fd);
    a[0] = 3;
    is_int(munmap(a, N * PG), 0, "L15: the descriptor closed, one mapping gone");
    ok(b[PG] == 2 && priv[4 * PG] == 9, "L15: the others live on");
    munmap(b, 2 * PG), munmap(priv, N * PG);
}

static void protections(void) {
    int fd = memfd(2);
    char *r = map_fd(fd, 2, PROT_READ, MAP_SHARED);
    is_int(signal_writing(r), SIGSEGV, "L15: a read-only mapping cannot be written");
    is_int(mprotect(r, 2 * PG, RW), 0, "L17: but made writable, since the descriptor is");
    r[0] = 1;
    is_int(r[0], 1, "L17: and then it can");
    munmap(r, 2 * PG);
    close(fd);
}

static void all_of_it(void *arg) {
    (void)arg;
    int fd = memfd(N);
    for (int i = 0; i < 4; i++) memset(map_fd(fd, N, RW, i % 2 ? MAP_SHARED : MAP_PRIVATE), i, N * PG);
    if (fork() == 0) _exit(0);
    wait(NULL);
}

int main(void) {
    plan(19);
    between_processes();
    at_offsets();
    protections();
    as_root(all_of_it, NULL);
    uint64_t before = knob("vm.stats.free_frames");
    as_root(all_of_it, NULL);
    is_int(knob_change("vm.stats.free_frames", before), 0, "I8: exit gives every frame back");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
