/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A touch past the end of an object is SIGBUS, to the page; growing it makes the same address good.
 *
 * clauses: L21
 */
#include "tests/user/support.h"

#define N 4
#define RW (PROT_READ | PROT_WRITE)

static void edges(int flags, const char *kind) {
    int fd = memfd(2);
    char *p = map_fd(fd, N, RW, flags);
    is_int(signal_reading(p + 2 * PG - 1), 0, "L21: %s: the last byte before the end", kind);
    is_int(signal_reading(p + 2 * PG), SIGBUS, "L21: %s: the first byte after it", kind);
    is_int(signal_writing(p + 3 * PG), SIGBUS, "L21: %s: writing there", kind);
    ftruncate(fd, 2 * PG + 1);
    is_int(signal_writing(p + 2 * PG), 0, "L21: %s: grown by a byte, a page is good", kind);
    is_int(signal_writing(p + 3 * PG - 1), 0, "L21: %s: to its end", kind);
    is_int(signal_reading(p + 3 * PG), SIGBUS, "L21: %s: and no further", kind);
    ftruncate(fd, 0);
    is_int(signal_reading(p), SIGBUS, "L21: %s: an empty object", kind);
    ftruncate(fd, N * PG);
    is_int(p[0], 0, "L21: %s: grown, zeroes", kind);
    munmap(p, N * PG);
    close(fd);
}

int main(void) {
    plan(21);
    edges(MAP_SHARED, "shared");
    edges(MAP_PRIVATE, "private");
    int fd = memfd(N);
    char *p = map_fd(fd, N, RW, MAP_SHARED);
    p[PG] = 1;
    is_int(ftruncate(fd, PG), 0, "L21: an object cut under a mapping that is in use");
    is_int(signal_reading(p + PG), SIGBUS, "L21: the page is gone at once");
    unsigned char vec[N];
    is_int(mincore(p, N * PG, vec), 0, "L22: it is mapped still");
    is_int(vec[1] & 1, 0, "L22: and not resident");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
