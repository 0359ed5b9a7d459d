/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mlock of a range with a PROT_NONE region is ENOMEM and locks nothing; a lock that was there before the
 * protection went stays, is found by munlock, and leaks nothing.
 *
 * clauses: L9 L17 L4
 * pitfalls: B2 B26
 */
#include "tests/user/support.h"

static void refused(void) {
    char *p = anon(5);
    mprotect(p + 2 * PG, PG, PROT_NONE);
    fails(mlock(p, 5 * PG), ENOMEM, "L9: a range with a PROT_NONE page in the middle");
    if (on_holdfast()) is_str(lock_map(p, 5), ".....", "L4: locks nothing of it");
    else skip(1, "Linux keeps the locks, even the refused one");
    munlock(p, 5 * PG);
    fails(mlock(p + 2 * PG, PG), ENOMEM, "L9: the PROT_NONE page alone");
    munlock(p, 5 * PG);
    is_int(mlock(p, 2 * PG), 0, "L9: the pages before it can be locked");
    is_int(munlock(p, 5 * PG), 0, "L13: munlock over a PROT_NONE page that is not locked succeeds");
    is_str(lock_map(p, 5), ".....", "L13: and unlocks the others");
    if (on_holdfast()) {
        fails(mlock2(p, 5 * PG, MLOCK_ONFAULT), ENOMEM, "L9: mlock2 on fault likewise");
        is_str(lock_map(p, 5), ".....", "L4: and locks nothing");
    } else {
        skip(2, "Linux reserves for pages that cannot be touched");
        munlock(p, 5 * PG);
    }
    munmap(p, 5 * PG);
}

static void taken_away_while_locked(void) {
    char *p = anon(3);
    memset(p, 5, 3 * PG);
    mlock(p, 3 * PG);
    is_int(mprotect(p, 3 * PG, PROT_NONE), 0, "L17: locked pages become PROT_NONE");
    is_str(lock_map(p, 3), "###", "L17: they stay locked");
    is_str(core_map(p, 3), "111", "L17: and resident");
    is_int(munlock(p + PG, PG), 0, "L17: munlock finds them");
    is_str(lock_map(p, 3), "#.#", "L17: and unlocks");
    is_int(mprotect(p, 3 * PG, PROT_READ), 0, "L17: readable again");
    is_str(lock_map(p, 3), "#.#", "L17: with the locks that were left");
    ok(p[0] == 5 && p[PG] == 5 && p[2 * PG] == 5, "L17: and the contents");
    munmap(p, 3 * PG);
    is_int(vmlck(), 0, "L17: nothing is charged after munmap");
}

/* The lock ends while the pages are PROT_NONE: by munlock, munmap, exit. */
static void end_while_none(void *arg) {
    int how = *(int *)arg;
    char *p = anon(8);
    if (mlock(p, 8 * PG) != 0 || mprotect(p, 8 * PG, PROT_NONE) != 0) _exit(1);
    if (how == 0 && (munlock(p, 8 * PG) != 0 || munmap(p, 8 * PG) != 0)) _exit(2);
    if (how == 1 && munmap(p, 8 * PG) != 0) _exit(3);
    if (how == 2 && munlockall() != 0) _exit(4);
    if (how < 3 && vmlck() != 0) _exit(5);
}

int main(void) {
    plan(26);
    refused();
    taken_away_while_locked();
    static const char *names[] = {"munlock and munmap", "munmap", "munlockall", "exit"};
    int how = 0;
    as_root(end_while_none, &how); /* first-time costs */
    uint64_t before = knob("vm.stats.free_frames");
    for (; how < 4; how++) {
        is_int(as_root(end_while_none, &how), 0, "L17: the lock of PROT_NONE pages ended by %s", names[how]);
        is_int(knob_change("vm.stats.free_frames", before), 0, "I8: no frame is lost (%s)", names[how]);
    }
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
