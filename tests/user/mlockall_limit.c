/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mlockall against RLIMIT_MEMLOCK, judged on the total of accessible pages, and what MCL_FUTURE does to the calls
 * that map beyond it: mmap EAGAIN with nothing mapped, brk fails and the break stays.
 *
 * clauses: A3 A6 L10 L18
 * pitfalls: B13 B28
 */
#include "tests/user/support.h"

struct seen {
    int current, fits, future, map, map_fits, brk, map_over, none, remap, moved;
    long total, charge, charge_after;
    char locks[8], core[8];
    bool break_stays, nothing_mapped;
};

/* All accessible pages, as mlockall counts them; Linux counts what is not accessible too. */
static long accessible(void) {
    if (!on_holdfast()) return proc_pages("/proc/self/status", "VmSize");
    if (mlockall(MCL_CURRENT) != 0) _exit(80);
    long n = vmlck();
    munlockall();
    return n;
}

static void become_nobody(size_t limit) {
    set_memlock(limit * PG);
    if (setuid(NOBODY) != 0) _exit(81);
}

static void judged_on_the_total(void *arg) {
    struct seen *s = arg;
    char *p = anon(4);
    s->total = accessible();
    become_nobody((size_t)s->total + 4 - 1);
    char *more = anon(4);
    munlockall();
    s->current = errno_of(mlockall(MCL_CURRENT));
    strcpy(s->locks, lock_map(p, 4));
    s->charge = vmlck();
    munmap(more, PG);
    s->fits = errno_of(mlockall(MCL_CURRENT));
    s->charge_after = vmlck();
}

static void current(void) {
    struct seen *s = shared(sizeof *s);
    is_int(as_root(judged_on_the_total, s), 0, "A3: a process whose limit is one page less than it has");
    is_int(s->current, ENOMEM, "A3: mlockall(MCL_CURRENT) is ENOMEM");
    is_str(s->locks, "....", "A3: and locks nothing");
    is_int(s->charge, 0, "A3: and charges nothing");
    is_int(s->fits, 0, "A3: one page less mapped, it is good");
    ok(s->charge_after > 0, "A3: and charged");
}

#define LIMIT 16

static void future_beyond(void *arg) {
    struct seen *s = arg;
    char *hint = map_pages(64, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    munmap(hint, 64 * PG);
    s->future = errno_of(mlockall(MCL_FUTURE));
    s->map = errno_of(mmap(hint, (LIMIT + 1) * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    s->nothing_mapped = strspn(lock_map(hint, 64), "_") == 64;
    char *old = sbrk(0);
    s->brk = errno_of(brk(old + (LIMIT + 2) * PG));
    s->break_stays = sbrk(0) == old;
    s->charge = vmlck();
    char *p = mmap(NULL, LIMIT * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    s->map_fits = p == MAP_FAILED ? errno : 0;
    s->charge_after = vmlck();
    s->map_over = errno_of(mmap(NULL, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    s->remap = errno_of(mremap(p, LIMIT * PG, (LIMIT + 1) * PG, MREMAP_MAYMOVE));
    s->none = errno_of(mmap(NULL, PG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    munmap(p, PG);
    s->moved = errno_of(mmap(NULL, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void future(void) {
    struct seen *s = shared(sizeof *s);
    is_int(as_user(LIMIT, future_beyond, s), 0, "A6: as nobody with a limit of %d pages, under MCL_FUTURE", LIMIT);
    is_int(s->future, 0, "A3: which is not judged by the limit");
    is_int(s->map, EAGAIN, "A6: mmap of one page too many is EAGAIN");
    ok(s->nothing_mapped, "A6: and nothing is mapped");
    is_int(s->brk, ENOMEM, "A6: brk beyond the limit fails");
    ok(s->break_stays, "A6: and the break stays");
    is_int(s->charge, 0, "A6: nothing is charged");
    is_int(s->map_fits, 0, "A6: exactly the limit can be mapped");
    is_int(s->charge_after, LIMIT, "A6: and is charged");
    is_int(s->map_over, EAGAIN, "A6: and then not a page");
    is_int(s->remap, EAGAIN, "L18: nor by mremap");
    if (on_holdfast()) is_int(s->none, 0, "A4: a page that cannot be touched can be mapped");
    else skip(1, "Linux charges it");
    is_int(s->moved, 0, "A6: a page unmapped makes room for another");
}

int main(void) {
    plan(21);
    current();
    future();
    is_int(vmlck(), 0, "A7: none of this reaches the parent");
    ok(audit_clean(), "I3: the audit agrees");
    return done_testing();
}
