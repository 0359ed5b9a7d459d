/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A call that fails leaves every lock as it was: a hole at each position of the range, for mlock and munlock,
 * over ranges with every mixture of locked and unlocked pages before the failing point.
 *
 * clauses: L4 L8 L13
 * pitfalls: B26
 */
#include "tests/user/support.h"

#define N 6

/* N pages, a hole at `hole`, locked where the bit is set. */
static char *prepare(size_t hole, unsigned locked) {
    char *p = anon(N + 1); /* one more, so that holes at the end lie between mappings of ours */
    for (size_t i = 0; i < N; i++)
        if (locked >> i & 1) mlock(p + i * PG, PG);
    cut(p, hole, 1);
    return p;
}

/* For every mixture of locks around a hole: does `call` fail with ENOMEM and change nothing? */
static int survivors(size_t hole, int (*call)(const void *, size_t)) {
    int good = 0;
    for (unsigned locked = 0; locked < 1u << N; locked++) {
        char *p = prepare(hole, locked);
        const char *before = lock_map(p, N);
        long charge = vmlck();
        int e = errno_of(call(p, N * PG));
        const char *after = lock_map(p, N);
        if (e == ENOMEM && (!on_holdfast() || (strcmp(before, after) == 0 && charge == vmlck()))) good++;
        else if (good == (int)locked) diag("locks %s became %s, errno %d", before, after, e);
        munmap(p, (N + 1) * PG);
    }
    return good;
}

static void at_the_edges(void) {
    char *p = anon(4);
    cut(p, 0, 1);
    fails(mlock(p, 2 * PG), ENOMEM, "L8: a range that begins in a hole");
    fails(mlock(p + PG - 1, 2), ENOMEM, "L8: by one byte");
    is_int(mlock(p + PG, PG), 0, "L8: the range behind the hole is good");
    munmap(p, 4 * PG);
    fails(mlock(p, 4 * PG), ENOMEM, "L8: nothing mapped at all");
    fails(munlock(p, 4 * PG), ENOMEM, "L13: munlock of nothing mapped at all");
}

static void beyond_user_space(void) {
    fails(mlock((void *)KERNEL, PG), ENOMEM, "L8: an address of the kernel's");
    fails(mlock((void *)USER_END, PG), ENOMEM, "L8: the first address beyond user space");
    fails(mlock((void *)(USER_END - PG), 2 * PG), ENOMEM, "L8: across the end of user space");
    fails(mlock((void *)0x0000800000000000ul, PG), ENOMEM, "L8: a non-canonical address");
    fails(munlock((void *)KERNEL, PG), ENOMEM, "L13: munlock of an address of the kernel's");
    fails(mlock(NULL, PG), ENOMEM, "L8: the first page is never mapped");
}

static void never_clamped(void) {
    char *p = anon(3);
    cut(p, 2, 1);
    fails(mlock(p, 3 * PG), ENOMEM, "L8: a range that ends in a hole");
    if (on_holdfast()) is_str(lock_map(p, 2), "..", "L4: is not clamped to what is mapped");
    else skip(1, "Linux keeps the locks before the failing point");
    munlock(p, 2 * PG);
    fails(mlock(p, 1ul << 46), ENOMEM, "L8: a range of 64 TiB from a mapped page");
    is_int(munlockall(), 0, "L4: (cleaned up)");
    munmap(p, 2 * PG);
}

int main(void) {
    plan(29);
    for (size_t hole = 0; hole < N; hole++) {
        is_int(survivors(hole, mlock), 1 << N, "L4: mlock over a hole at page %zu leaves every mixture of locks", hole);
        is_int(survivors(hole, munlock), 1 << N, "L4: munlock over a hole at page %zu leaves every mixture", hole);
    }
    munlockall();
    at_the_edges();
    beyond_user_space();
    never_clamped();
    is_int(vmlck(), 0, "L4: nothing is charged at the end");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
