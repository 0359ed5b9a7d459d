/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Only munlockall, exec and exit end MCL_FUTURE: another mlockall(MCL_CURRENT) does not, nor do munlock, munmap
 * or a refused call. munlockall always succeeds.
 *
 * clauses: A5 A3 A10
 * pitfalls: B30 B13
 */
#include "tests/user/support.h"

static bool future(void) {
    char *p = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return true; /* judged, so in force */
    bool locked = lock_letter(p) == '#';
    munmap(p, PG);
    return locked;
}

struct seen {
    int current, after, all, both;
    bool future_after, future_all, future_both;
};

static void refused(void *arg) {
    struct seen *s = arg;
    char *p = map_pages(64, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    s->both = errno_of(mlockall(MCL_CURRENT | MCL_FUTURE));
    s->future_both = future();
    s->after = errno_of(mlockall(MCL_FUTURE));
    s->future_after = future();
    s->current = errno_of(mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
    s->all = errno_of(munlockall());
    s->future_all = future();
    munmap(p, 64 * PG);
}

int main(void) {
    plan(20);
    is_int(munlockall(), 0, "A5: munlockall with nothing locked");
    is_int(mlockall(MCL_FUTURE), 0, "A5: MCL_FUTURE");
    ok(future(), "A1: is in force");
    char *p = anon(4);
    munlock(p, 4 * PG);
    is_str(lock_map(p, 4), "....", "A5: munlock unlocks what it names");
    ok(future(), "A5: but does not end MCL_FUTURE");
    munmap(p, 4 * PG);
    ok(future(), "A5: munmap does not");
    mlockall(0);
    ok(future(), "A5: a refused mlockall does not");
    is_int(mlockall(MCL_CURRENT), 0, "A5: mlockall(MCL_CURRENT)");
    if (on_holdfast()) ok(future(), "A5: does not end MCL_FUTURE");
    else skip(1, "Linux ends MCL_FUTURE there");
    is_int(munlockall(), 0, "A5: munlockall");
    ok(!future(), "A5: does");
    is_int(munlockall(), 0, "A5: and again");
    struct seen *s = shared(sizeof *s);
    is_int(as_user(32, refused, s), 0, "A3: as nobody with a limit below what is mapped");
    is_int(s->both, ENOMEM, "A3: CURRENT and FUTURE together are refused");
    ok(!s->future_both, "A3: and FUTURE is not left on");
    is_int(s->after, 0, "A3: FUTURE alone is not judged by the limit");
    ok(s->future_after, "A3: and in force");
    is_int(s->current, ENOMEM, "A3: a refusal while it is in force");
    is_int(s->all, 0, "A5: munlockall without privilege");
    ok(!s->future_all, "A5: ends it");
    return done_testing();
}
