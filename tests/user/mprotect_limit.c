/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mprotect that would have to charge or bring in more than may be had fails before it changes anything.
 *
 * clauses: L17 L10 A4
 * needs: holdfast
 */
#include "tests/user/support.h"

#define N 8
#define RW (PROT_READ | PROT_WRITE)

struct seen {
    int open, part, again, refill, cap;
    long charge, charge_part;
    char locks[16], core[16];
    bool accessible;
};

/* Six of eight pages are locked and PROT_NONE; meanwhile others fill the limit of six. */
static void no_room_left(void *arg) {
    struct seen *s = arg;
    char *p = anon(N), *q = anon(N);
    memset(p, 1, N * PG);
    if (mlock(p, 6 * PG) != 0 || mprotect(p, 6 * PG, PROT_NONE) != 0) _exit(1);
    s->refill = errno_of(mlock(q, 4 * PG)); /* what is not accessible is not charged */
    s->open = errno_of(mprotect(p, 6 * PG, RW));
    s->charge = vmlck();
    strcpy(s->locks, lock_map(p, N));
    s->accessible = signal_reading(p) == 0;
    s->part = errno_of(mprotect(p, 2 * PG, RW));
    s->charge_part = vmlck();
    munlock(q, 4 * PG);
    s->again = errno_of(mprotect(p, 6 * PG, RW));
    strcpy(s->core, core_map(p, N));
}

/* Under the system's cap, as root. */
static void no_room_below_the_cap(void *arg) {
    struct seen *s = arg;
    uint64_t cap = knob("vm.max_user_wired");
    char *p = anon(N), *q = anon(N);
    if (mlock(p, 6 * PG) != 0 || mprotect(p, 6 * PG, PROT_NONE) != 0 || mlock(q, 4 * PG) != 0) _exit(1);
    set_knob("vm.max_user_wired", knob("vm.stats.locked") + 5);
    s->cap = errno_of(mprotect(p, 6 * PG, RW));
    s->charge = vmlck();
    set_knob("vm.max_user_wired", cap);
    s->again = errno_of(mprotect(p, 6 * PG, RW));
}

/* No frames: a locked read-only NORESERVE region made writable must be promised first. */
static void no_frames(void) {
    uint64_t total = knob("vm.stats.total_frames");
    char *p = mmap(NULL, total * PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok(p != MAP_FAILED, "L17: a read-only mapping of all of RAM");
    is_int(mlock(p, 4 * PG), 0, "L17: four pages of it locked");
    int e = errno_of(mprotect(p, total * PG, RW));
    ok(e == ENOMEM || e == EAGAIN, "L17: made writable, it cannot be had (errno %d)", e);
    is_str(lock_map(p, N), "####....", "L17: the locks are as they were");
    is_int(signal_writing(p), SIGSEGV, "L17: it is read-only still");
    is_int(faults_reading(p, 4), 0, "L2: and takes no fault");
    munmap(p, total * PG);
}

int main(void) {
    needs_holdfast();
    plan(0);
    struct seen *s = shared(sizeof *s);
    is_int(as_user(6, no_room_left, s), 0, "L17: as nobody with a limit of six pages");
    is_int(s->refill, 0, "L17: locked pages made PROT_NONE leave their charge to others");
    ok(s->open == ENOMEM || s->open == EAGAIN, "L17: to open them again is too much (errno %d)", s->open);
    is_int(s->charge, 4, "L17: the charge is as it was");
    is_str(s->locks, "######..", "L17: the locks are as they were");
    ok(!s->accessible, "L17: the protection is as it was");
    is_int(s->part, 0, "L17: a part that fits can be opened");
    is_int(s->charge_part, 6, "L17: and is charged");
    is_int(s->again, 0, "L17: when the others unlock, all can");
    is_str(s->core, "11111111", "L17: and was resident all the time");
    is_int(as_root(no_room_below_the_cap, s), 0, "L17: the same under the system's cap");
    ok(s->cap == ENOMEM || s->cap == EAGAIN, "L17: root is refused (errno %d)", s->cap);
    is_int(s->charge, 4, "L17: and charged as before");
    is_int(s->again, 0, "L17: the cap restored, it is good");
    no_frames();
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
