/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The swap server is killed at its n-th request, for n = 1 to 200: no page is lost, old, or in another's place, and the
 * audit holds after each.
 *
 * needs: holdfast
 * swap: 64M
 * mem: 48M
 * timeout: 400
 */
#include "tests/user/servers.h"

#define ROUNDS 200
#define PAGES  1600ul

static uint64_t word(uint64_t page, unsigned generation, unsigned i) {
    return (page << 24 | generation << 8 | i) * 0x9e3779b97f4a7c15ul | 1;
}

static int wrong_pages(const uint64_t *p, unsigned generation) {
    int wrong = 0;
    for (uint64_t page = 0; page < PAGES; page++)
        for (unsigned i = 0; i < 512; i += 73) wrong += p[page * 512 + i] != word(page, generation, i);
    return wrong;
}

static void fill(uint64_t *p, unsigned generation) {
    for (uint64_t page = 0; page < PAGES; page++)
        for (unsigned i = 0; i < 512; i += 73) p[page * 512 + i] = word(page, generation, i);
}

/* In as many goes as it takes; and until nothing is on its way, else it would be taken back without a read. */
static void all_out(void *p) {
    static unsigned char in[PAGES];
    for (bool some = true; some;) {
        if (madvise(p, PAGES * PG, MADV_PAGEOUT) != 0) _exit(9);
        while (knob("debug.port.requests") != 0) moment();
        mincore(p, PAGES * PG, in);
        some = memchr(in, 1, PAGES) != NULL;
    }
}

/* Out and in, changed, out and in again. */
static int work(unsigned n) {
    uint64_t *p = (uint64_t *)anon(PAGES);
    fill(p, n);
    all_out(p);
    if (wrong_pages(p, n)) return 2;
    fill(p, n + 1);
    all_out(p);
    return wrong_pages(p, n + 1) ? 4 : 0;
}

/* The last of them may still be read ahead. */
static long requests_left(void) {
    for (int i = 0; i < 10000 && knob("debug.port.requests") != 0; i++) moment();
    return (long)knob("debug.port.requests");
}

int main(void) {
    needs_holdfast();
    int bad = 0, reached = 0, broken = 0;
    plan(6);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    ok(find_server() > 0, "there is a server");
    for (unsigned n = 1; n <= ROUNDS && !bad; n++) {
        bool fewer;
        bad = killed_at(n, work, &fewer);
        if (bad) diag("killed at request %u: %d", n, bad);
        reached += !fewer;
        if (knob("debug.audit") != 0) broken++;
    }
    is_int(bad, 0, "killed at request 1 to %d, the program finds every page as it left it", ROUNDS);
    is_int(reached, ROUNDS, "there were that many requests each time");
    is_int(broken, 0, "the audit held after each");
    ok(server_is_back(), "the disk goes on");
    is_int(requests_left(), 0, "no request is left");
    return done_testing();
}
