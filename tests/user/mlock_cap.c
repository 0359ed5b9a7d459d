/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The system-wide cap on locked pages, vm.max_user_wired: read and set through one knob, binding for uid 0 too,
 * exact to the page, never above RAM less the reserve.
 *
 * clauses: B2 L10 L12 A3
 * needs: holdfast
 */
#include "tests/user/support.h"

#define CAP "vm.max_user_wired"

static void reading_and_setting(uint64_t cap, uint64_t total) {
    ok(cap > 0 && cap < total, "B2: the cap leaves a reserve: %lu of %lu frames", (unsigned long)cap, (unsigned long)total);
    is_int(set_knob(CAP, cap / 2), 0, "B2: it can be set");
    is_int(knob(CAP), cap / 2, "B2: and reads as it was set");
    fails(set_knob(CAP, total + 1), EINVAL, "B2: not above RAM");
    fails(set_knob(CAP, total), EINVAL, "B2: nor without a reserve");
    fails(set_knob(CAP, ~0ull), EINVAL, "B2: nor all bits set");
    is_int(knob(CAP), cap / 2, "B2: a refusal changes nothing");
    set_knob(CAP, cap);
}

static void exact(uint64_t cap) {
    uint64_t locked = knob("vm.stats.locked");
    char *p = anon(8);
    set_knob(CAP, locked + 4);
    fails(mlock(p, 5 * PG), ENOMEM, "L10: over the cap is ENOMEM, for root too");
    is_str(lock_map(p, 8), "........", "L4: and locks nothing");
    is_int(mlock(p, 4 * PG), 0, "B2: exactly to the cap is good");
    is_int(knob("vm.stats.locked") - locked, 4, "B2: the system's count has it");
    is_int(mlock(p, 4 * PG), 0, "L11: again, at the cap");
    fails(mlock(p + 4 * PG, 1), ENOMEM, "L10: one byte more");
    fails(mlock2(p + 4 * PG, PG, MLOCK_ONFAULT), ENOMEM, "L10: on fault too");
    fails(mlockall(MCL_CURRENT), ENOMEM, "A3: mlockall beyond the cap");
    is_str(lock_map(p, 8), "####....", "A3: changes nothing");
    is_int(mlockall(MCL_FUTURE), 0, "A3: MCL_FUTURE alone is not judged");
    fails(mmap(NULL, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EAGAIN, "A6: a mapping then is");
    munlockall();
    is_int(knob("vm.stats.locked"), locked, "B2: munlockall gives all of it back");
    set_knob(CAP, cap);
    munmap(p, 8 * PG);
}

static void below_what_is_locked(uint64_t cap) {
    char *p = anon(8);
    mlock(p, 4 * PG);
    is_int(set_knob(CAP, 1), 0, "B2: set below what is locked");
    is_str(lock_map(p, 8), "####....", "B2: that unlocks nothing");
    is_int(mlock(p, 4 * PG), 0, "L11: what is locked can be locked again");
    fails(mlock(p + 4 * PG, PG), ENOMEM, "B2: and nothing more");
    is_int(munlock(p, 8 * PG), 0, "L12: munlock is free");
    set_knob(CAP, cap);
    is_int(mlock(p, 8 * PG), 0, "B2: the cap restored, there is room");
    munmap(p, 8 * PG);
}

static void try_to_set(void *arg) {
    int *e = arg;
    e[0] = errno_of(set_knob(CAP, 5));
    e[1] = knob(CAP) != ~0ull;
}

int main(void) {
    needs_holdfast();
    plan(0);
    uint64_t cap = knob(CAP);
    reading_and_setting(cap, knob("vm.stats.total_frames"));
    exact(cap);
    below_what_is_locked(cap);
    int *e = shared(2 * sizeof *e);
    as_user(4, try_to_set, e);
    is_int(e[0], EPERM, "B2: another uid cannot set it");
    is_int(e[1], 1, "B2: but read it");
    is_int(knob(CAP), cap, "B2: it is what it was");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
