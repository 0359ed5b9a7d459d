/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mincore over many pages, which the kernel answers piece by piece; and every bad vector and range.
 *
 * clauses: L22
 */
#include "tests/user/support.h"

#define N 9000ul /* pages: more than two pieces of 4096 */

static unsigned char vec[N + 1];

static bool vector_is(const size_t *in, size_t n) {
    for (size_t i = 0, k = 0; i < N; i++) {
        bool want = k < n && in[k] == i;
        if (want) k++;
        if ((vec[i] & 1) != want) return diag("page %zu", i), false;
    }
    return true;
}

int main(void) {
    static const size_t in[] = {0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 8999};
    plan(19);
    char *p = map_pages(N, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    madvise(p, N * PG, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) p[in[i] * PG] = 1;
    memset(vec, 8, sizeof vec);
    is_int(mincore(p, N * PG, vec), 0, "L22: %lu pages in one call", N);
    ok(vector_is(in, sizeof in / sizeof *in), "L22: each as it is");
    is_int(vec[N], 8, "L22: no byte more is written");
    memset(vec, 8, sizeof vec);
    is_int(mincore(p, N * PG - 1, vec), 0, "L22: a length that is not whole pages");
    ok(vector_is(in, sizeof in / sizeof *in) && vec[N] == 8, "L22: counts its last one");
    vec[0] = 8;
    is_int(mincore(p, 0, vec), 0, "L22: no pages");
    is_int(vec[0], 8, "L22: no answer");
    is_int(mincore(p, 0, NULL), 0, "L22: which needs no vector");
    fails(mincore(p + 1, PG, vec), EINVAL, "L22: inside a page");
    fails(mincore(p, SIZE_MAX, vec), ENOMEM, "L22: a length that wraps");
    fails(mincore(p, USER_END, vec), ENOMEM, "L22: beyond user space");
    fails(mincore((void *)KERNEL, PG, vec), ENOMEM, "L22: the kernel's memory");
    fails(mincore(p, PG, NULL), EFAULT, "L22: no vector");
    fails(mincore(p, PG, (void *)KERNEL), EFAULT, "L22: a vector in the kernel");
    fails(mincore(p, PG, (void *)(USER_END - 1)), EFAULT, "L22: at the last byte of user space");
    char *v = anon(3);
    cut(v, 2, 1);
    mprotect(v, PG, PROT_READ);
    fails(mincore(p, PG, (void *)v), EFAULT, "L22: read-only");
    fails(mincore(p, N * PG, (void *)(v + PG)), EFAULT, "L22: with a hole in it");
    is_int(mincore(p, PG, (void *)(v + 2 * PG - 1)), 0, "L22: that ends just before the hole");
    is_int(v[2 * PG - 1] & 1, 1, "L22: with the answer in its last byte");
    munmap(v, 2 * PG);
    munmap(p, N * PG);
    return done_testing();
}
