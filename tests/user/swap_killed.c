/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The server of swap is killed at its n-th request, for n = 1 to 200, while twice RAM is written again and verified: no page is
 * lost, or comes back old, zero or in another's place.
 *
 *     tester   locked: lets n requests go to the server, kills it, lets the rest go       (knobs debug.port.hold, .step)
 *     worker   two times RAM: page after page is found as it was left, and written again; never waited for
 *
 * clauses: I1 I4
 * needs: holdfast
 * mem: 24M
 * swap: 64M
 * timeout: 300
 */
#include "tests/user/servers.h"
#include "tests/user/swaps.h"

#define KILLS 200u

struct shared_ {
    volatile unsigned long done; /* pages found as they should be, and written */
    volatile long bad;
    volatile bool stop;
};

static struct shared_ *sh;

static _Noreturn void worker(size_t pages) {
    char *area = anon(pages);
    for (size_t i = 0; i < pages; i++) put_as(area + i * PG, area + i * PG, 0);
    unsigned g = 0;
    for (; !sh->stop; g++) {
        for (size_t i = 0; i < pages; i++) {
            char *p = area + i * PG;
            if (!has_as(p, p, g)) sh->bad++;
            put_as(p, p, g + 1);
            sh->done++;
        }
    }
    for (size_t i = 0; i < pages; i++)
        if (!has_as(area + i * PG, area + i * PG, g)) sh->bad++;
    _exit(0);
}

int main(void) {
    needs_holdfast();
    size_t pages = 2 * ram_pages();
    uint64_t errors = knob("vm.swap.errors");
    sh = shared(sizeof *sh);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) worker(pages);
    while (sh->done == 0) sched_yield();
    if (mlockall(MCL_CURRENT) != 0) bail_out("mlockall: %s", strerror(errno));
    unsigned killed = 0, unclean = 0;
    pid_t server, old = 0;
    for (unsigned n = 1; n <= KILLS; n++, old = server) {
        while ((server = find_server()) == old || server == 0) sched_yield(); /* may want memory: not while the disk is held */
        set_knob("debug.port.hold", 1);
        set_knob("debug.port.step", n);
        while (knob("debug.port.step") != 0) sched_yield();
        killed += kill(server, SIGKILL) == 0;
        set_knob("debug.port.hold", 0);
        unclean += !audit_at_work();
    }
    is_int(killed, KILLS, "the server was killed at request 1, 2 ... %u", KILLS);
    is_int(unclean, 0, "I1 I4: audit after each");
    sh->stop = true;
    int status = -1;
    waitpid(child, &status, 0);
    is_int(status, 0, "who needs the pages has noticed nothing");
    is_int(sh->bad, 0, "none of %zu pages, found %lu times, was another than it should be", pages, sh->done);
    ok(sh->done > pages, "all were written again meanwhile");
    is_int(knob_change("vm.swap.errors", errors), 0, "no transfer failed");
    evict_all();
    is_int((long)knob("debug.port.requests"), 0, "no request is left");
    return done_testing();
}
