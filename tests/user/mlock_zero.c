/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A range of no bytes touches no page: success, nothing changes, whatever the address is.
 *
 * clauses: L7
 * pitfalls: B29
 */
#include "tests/user/support.h"

int main(void) {
    plan(17);
    char *p = anon(3);
    cut(p, 1, 1);
    is_int(mlock(p, 0), 0, "L7: mlock of no bytes, aligned");
    is_str(lock_map(p, 3), "._.", "L7: locks nothing");
    is_int(mlock(p + PG, 0), 0, "L7: in a hole");
    is_int(mlock(NULL, 0), 0, "L7: at NULL");
    is_int(mlock((void *)KERNEL, 0), 0, "L7: at an address of the kernel's");
    is_int(mlock2(p, 0, MLOCK_ONFAULT), 0, "L7: mlock2 likewise");
    is_int(munlock(p + PG, 0), 0, "L7: munlock of no bytes in a hole");
    is_int(vmlck(), 0, "L7: nothing is charged");
    mlock(p, PG);
    is_int(munlock(p, 0), 0, "L7: munlock of no bytes on a locked page");
    is_str(lock_map(p, 3), "#_.", "L7: leaves it locked");
    if (on_holdfast()) {
        is_int(mlock(p + 2 * PG + 1, 0), 0, "L7: an address inside a page");
        is_str(lock_map(p, 3), "#_.", "L7: locks nothing either");
        is_int(munlock(p + 1, 0), 0, "L7: munlock of no bytes inside a locked page");
        is_str(lock_map(p, 3), "#_.", "L7: leaves it locked");
        is_int(mlock(p + PG + 1, 0), 0, "L7: an address inside a hole");
        is_int(mlock((void *)UINTPTR_MAX, 0), 0, "L7: the last byte of all");
    } else {
        skip(6, "Linux locks one page when the address is inside it");
    }
    fails(mlock2(p, 0, -1), EINVAL, "L14: bad flags are looked at first, even for no bytes");
    munlockall();
    return done_testing();
}
