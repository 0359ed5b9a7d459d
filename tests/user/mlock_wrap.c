/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * addr+len that wraps is EINVAL before anything is rounded: lengths near SIZE_MAX must not round to nothing
 * and succeed, from addresses aligned and not.
 *
 * clauses: L6
 * pitfalls: B20
 */
#include "tests/user/support.h"

static const size_t lengths[] = {SIZE_MAX,        SIZE_MAX - 1,    SIZE_MAX - 4094, SIZE_MAX - 4095,
                                 SIZE_MAX - 4096, SIZE_MAX - 8191, SIZE_MAX / 2 + 1};

/* Linux rounds first: there the call may succeed having locked nothing. */
static void refused(int (*call)(const void *, size_t), const char *name, char *p, size_t len) {
    uintptr_t end;
    bool wraps = __builtin_add_overflow((uintptr_t)p, len, &end) || end > UINTPTR_MAX - (PG - 1);
    int want = wraps ? EINVAL : ENOMEM;
    int e = errno_of(call(p, len));
    if (on_holdfast()) is_int(e, want, "L6: %s(page+%lu, SIZE_MAX-%zu)", name, (uintptr_t)p % PG, SIZE_MAX - len);
    else skip(1, "Linux rounds before it checks");
}

static int mlock2_plain(const void *p, size_t len) {
    return mlock2(p, len, 0);
}

static int mlock2_onfault(const void *p, size_t len) {
    return mlock2(p, len, MLOCK_ONFAULT);
}

int main(void) {
    static const size_t offsets[] = {0, 1, 4095};
    plan(89);
    char *p = anon(4);
    mlock(p + PG, PG);
    for (size_t o = 0; o < 3; o++) {
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            refused(mlock, "mlock", p + offsets[o], lengths[l]);
            refused(munlock, "munlock", p + offsets[o], lengths[l]);
            refused(mlock2_plain, "mlock2", p + offsets[o], lengths[l]);
            refused(mlock2_onfault, "mlock2 ONFAULT", p + offsets[o], lengths[l]);
        }
    }
    if (on_holdfast()) {
        is_str(lock_map(p, 4), ".#..", "L6: none of them changed a lock");
        fails(mlock((void *)(UINTPTR_MAX - 4094), 4000), EINVAL, "L6: the rounded end wraps, the exact end does not");
        fails(mlock((void *)UINTPTR_MAX, 1), EINVAL, "L6: the last byte of the address space");
        fails(munlock((void *)(UINTPTR_MAX - PG + 1), PG), EINVAL, "L6: the last page of the address space");
        is_int(vmlck(), 1, "L6: the charge is what it was");
    } else {
        skip(5, "Linux rounds before it checks");
    }
    munlockall();
    return done_testing();
}
