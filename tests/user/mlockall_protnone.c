/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * PROT_NONE regions under mlockall are skipped, not refused, and not charged; made accessible later, their
 * pages are charged, brought in and locked inside mprotect, so that no touch ever faults.
 *
 * clauses: A4 L17 L2
 * pitfalls: B23 C4
 */
#include "tests/user/support.h"

#define N 8

static void under_current(void) {
    char *p = map_pages(N, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    char *q = anon(N);
    is_int(mlockall(MCL_CURRENT), 0, "A4: MCL_CURRENT with a PROT_NONE region about");
    is_str(lock_map(q, N), "########", "A4: locks what is accessible");
    is_str(core_map(p, N), "00000000", "A4: and does not bring in what is not");
    munlockall();
    munmap(p, N * PG), munmap(q, N * PG);
}

static void under_future(void) {
    is_int(mlockall(MCL_FUTURE), 0, "A4: MCL_FUTURE");
    char *p = mmap(NULL, N * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok(p != MAP_FAILED, "A4: a PROT_NONE region can be mapped");
    is_str(core_map(p, N), "00000000", "A4: none of it is brought in");
    if (on_holdfast()) is_int(vmlck(), 0, "A4: or charged");
    else skip(1, "Linux charges it");
    is_int(mprotect(p + 2 * PG, 3 * PG, PROT_READ | PROT_WRITE), 0, "A4: three pages of it made accessible");
    is_str(core_map(p, N), "00111000", "A4: are brought in by mprotect");
    is_int(faults_writing(p + 2 * PG, 3), 0, "L17: and take no fault");
    is_int(strspn(lock_map(p + 2 * PG, 3), "#"), 3, "A4: and are locked");
    if (on_holdfast()) is_int(vmlck(), 3, "A4: and charged");
    else skip(1, "Linux charges it all");
    is_int(mprotect(p, PG, PROT_READ), 0, "A4: one page made readable");
    if (on_holdfast()) {
        is_int(faults_reading(p, 1), 0, "L17: takes no fault either");
        is_int(vmlck(), 4, "A4: and is charged");
    } else {
        skip(2, "Linux brings in what becomes writable alone");
    }
    munlockall();
    is_int(vmlck(), 0, "A5: munlockall ends it");
    is_int(mprotect(p, N * PG, PROT_READ | PROT_WRITE), 0, "A10: made accessible after munlockall");
    is_int(strspn(lock_map(p, N), "."), N, "A10: a page is not locked");
    munmap(p, N * PG);
}

struct seen {
    int current, map, open, over;
    long charge;
};

/* A thread stack of 8 MiB, reserved, under a limit that would never hold it. */
static void big_reservation(void *arg) {
    struct seen *s = arg;
    s->current = errno_of(mlockall(MCL_FUTURE));
    char *p = mmap(NULL, 2048 * PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    s->map = p == MAP_FAILED ? errno : 0;
    if (p == MAP_FAILED) return;
    s->open = errno_of(mprotect(p, 16 * PG, PROT_READ | PROT_WRITE));
    s->charge = vmlck();
    s->over = errno_of(mprotect(p, 65 * PG, PROT_READ | PROT_WRITE));
}

int main(void) {
    plan(24);
    under_current();
    under_future();
    struct seen *s = shared(sizeof *s);
    as_user(64, big_reservation, s);
    is_int(s->current, 0, "A4: as nobody with a limit of 64 pages, under MCL_FUTURE");
    if (on_holdfast()) {
        is_int(s->map, 0, "A4: 8 MiB that cannot be touched can be reserved");
        is_int(s->open, 0, "A4: 16 pages of it be opened");
        is_int(s->charge, 16, "A4: for a charge of 16");
        ok(s->over == ENOMEM || s->over == EAGAIN, "L17: 65 are too many (errno %d)", s->over);
    } else {
        skip(4, "Linux refuses the reservation");
    }
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
