/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mlockall(MCL_CURRENT): every accessible page of the process is resident and locked when it returns: private,
 * shared, read-only, program, data and stack. What is mapped later is not.
 *
 * clauses: A1 A4 A10
 */
#include "tests/user/support.h"

#define N 8

static char data[3 * PG] = {1};
static const char constant[2 * PG] = {1};

static char *page_of(const void *p) {
    return (char *)((uintptr_t)p & ~(PG - 1));
}

int main(void) {
    plan(26);
    char local = 1;
    int fd = memfd(N);
    char *priv = anon(N), *ro = map_pages(N, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    char *obj = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED);
    char *heap = malloc(20 * PG);
    is_int(mlockall(MCL_CURRENT), 0, "A1: mlockall(MCL_CURRENT)");
    is_str(lock_map(priv, N), "########", "A1: private pages are locked");
    is_str(core_map(priv, N), "11111111", "A1: and resident");
    is_str(lock_map(ro, N), "########", "A1: read-only pages are locked");
    is_str(core_map(ro, N), "11111111", "A1: and resident");
    is_str(lock_map(obj, N), "########", "A1: shared pages are locked");
    is_str(core_map(obj, N), "11111111", "A1: and resident");
    is_str(lock_map(page_of(data + PG), 1), "#", "A1: the program's data");
    is_str(lock_map(page_of(constant + PG), 1), "#", "A1: its constants");
    is_str(lock_map(page_of((void *)(uintptr_t)main), 1), "#", "A1: its code");
    is_str(lock_map(page_of(&local), 1), "#", "A1: its stack");
    is_str(lock_map(page_of(heap + 10 * PG), 1), "#", "A1: its heap");
    is_int(faults_writing(priv, N) + faults_writing(obj, N) + faults_reading(ro, N), 0, "L2: no touch faults");
    is_int(faults_writing(data, 3) + faults_writing(heap, 20), 0, "L2: of data and heap neither");
    ok(vmlck() >= 3 * N + 20, "A1: all of it is charged (%ld pages)", vmlck());
    long charge = vmlck();
    char *later = anon(N);
    is_str(lock_map(later, N), "........", "A1: what is mapped later is not locked");
    is_int(vmlck(), charge, "A1: or charged");
    is_int(mlockall(MCL_CURRENT), 0, "A1: a second time");
    is_str(lock_map(later, N), "########", "A1: catches what has come");
    is_int(vmlck(), charge + N, "A1: and charges that alone");
    is_int(munlock(priv, N * PG), 0, "L3: munlock of a part");
    is_str(lock_map(priv, N), "........", "L3: ends the lock there");
    is_int(vmlck(), charge, "L3: and the charge");
    is_int(munlockall(), 0, "A5: munlockall");
    is_int(vmlck(), 0, "A5: ends the rest");
    ok(audit_clean(), "I2: the audit agrees");
    free(heap);
    return done_testing();
}
