/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mincore shows what is resident: pages come in when they are touched, locked, populated; they go when they are
 * thrown away; a hole is ENOMEM.
 *
 * clauses: L22 L16 L19
 */
#include "tests/user/support.h"

#define N 8

int main(void) {
    plan(15);
    char *p = anon(N);
    is_str(core_map(p, N), "00000000", "L22: nothing resident yet");
    p[PG] = 1;
    is_str(core_map(p, N), "01000000", "L22: a page written");
    mlock(p + 4 * PG, 2 * PG);
    is_str(core_map(p, N), "01001100", "L22: two pages locked");
    munlock(p + 4 * PG, 2 * PG);
    is_str(core_map(p, N), "01001100", "L16: and unlocked");
    is_int(madvise(p, 5 * PG, MADV_DONTNEED), 0, "L19: five pages thrown away");
    is_str(core_map(p, N), "00000100", "L22: three of them had been there");
    is_int(p[PG], 0, "L19: they come back as zeroes");
    unsigned char vec[N];
    is_int(mincore(p, N * PG, vec), 0, "L22: all in one call");
    ok((vec[1] & 1) && (vec[5] & 1) && !(vec[0] & 1) && !(vec[7] & 1), "L22: says the same");
    cut(p, 3, 1);
    fails(mincore(p, N * PG, vec), ENOMEM, "L22: over a hole");
    fails(mincore(p + 3 * PG, PG, vec), ENOMEM, "L22: in a hole");
    is_int(mincore(p + 4 * PG, 4 * PG, vec), 0, "L22: behind it");
    munmap(p, N * PG);
    int fd = memfd(N);
    char *a = map_fd(fd, N, PROT_READ | PROT_WRITE, MAP_SHARED), *b = map_fd(fd, N, PROT_READ, MAP_SHARED);
    a[2 * PG] = 1;
    is_str(core_map(b, N), "00100000", "L22: an object's page is resident for every mapping of it");
    p = map_pages(N, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    is_str(core_map(p, N), "00000000", "L22: PROT_NONE is mapped, not resident");
    p = map_pages(N, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
    is_str(core_map(p, N), "11111111", "L22: MAP_POPULATE brings in");
    munmap(a, N * PG), munmap(b, N * PG);
    close(fd);
    return done_testing();
}
