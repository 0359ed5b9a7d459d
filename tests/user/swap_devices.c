/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Swap devices that are full, that fail, and that vanish: what goes elsewhere, what stays in memory, what is lost, and that
 * nobody else notices.
 *
 * clauses: L1 L4 L10 X2 X7 I1 I4 I8
 * needs: holdfast
 * mem: 48M
 * disks: 1M 16M 16M/write@48/read@163
 */
#include "tests/user/aio_support.h"
#include "tests/user/disks.h"
#include "tests/user/swaps.h"

#define SMALL 255ul /* pages of 1 MiB, but for the first */
#define N     32ul

static void on(const char *device, int priority) {
    if (swapon(device, SWAP_FLAG_PREFER | priority) != 0) bail_out("swapon %s: %s", device, strerror(errno));
}

/* Pages of a device that are in use, as /proc/swaps has it; -1: it is none of swap's. */
static long used_of(const char *device) {
    char line[128], name[32];
    long size, used, found = -1;
    FILE *f = fopen("/proc/swaps", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%31s %*s %ld %ld", name, &size, &used) == 3 && strcmp(name, device) == 0) found = used / 4;
    if (f) fclose(f);
    return found;
}

static char *fresh(size_t pages, unsigned generation) {
    char *p = anon(pages);
    put(p, pages, generation);
    return p;
}

/* ---- full ---- */

static void full(void) {
    on("/dev/vda", 2);
    on("/dev/vdb", 1);
    char *p = fresh(3 * SMALL, 1);
    out(p, SMALL / 2);
    ok(used_of("/dev/vda") >= (long)SMALL / 2, "the device of higher priority is used first");
    is_int(used_of("/dev/vdb"), 0, "and the other not at all");
    out(p, 3 * SMALL);
    is_int(used_of("/dev/vda"), (long)SMALL, "until it is full");
    ok(used_of("/dev/vdb") >= 2 * (long)SMALL, "then the other");
    ok(has(p, 3 * SMALL, 1), "all of it comes back, from both");
    out(p, 3 * SMALL);
    is_int(errno_of(swapoff("/dev/vda")), 0, "the full one is turned off");
    is_int(used_of("/dev/vda"), -1, "and is swap no more");
    ok(has(p, 3 * SMALL, 1), "nothing is lost");
    munmap(p, 3 * SMALL * PG);
    is_int(errno_of(swapoff("/dev/vdb")), 0, "and the other");
    ok(audit_clean(), "I1: audit");
}

/* ---- failing ---- */

static char *area;

static void touch(void *page) {
    _exit(*(volatile char *)page == 0);
}

static int signal_touching(const char *page) {
    int status = as_root(touch, (void *)page);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void send(char *p, size_t pages) {
    out(p, pages);
    while (knob("debug.port.requests") != 0) sched_yield();
}

/* Of a device on which nothing is yet, page i of an area goes to page i + 1. Sector 48 is in its page 6: the first 16 pages,
 * written in one go, are not written. Sector 163 is in its page 20. */
static void failing(void) {
    uint64_t errors = knob("vm.swap.errors"), bad = knob("vm.swap.bad");
    on("/dev/vdc", 1);
    area = fresh(N, 2);
    send(area, 16);
    send(area + 16 * PG, 16);
    is_int((long)(knob("vm.swap.errors") - errors), 16, "a write of 16 pages fails");
    uint64_t read = knob("vm.swap.read");
    ok(has(area, 16, 2), "they stayed in memory");
    is_int((long)(knob("vm.swap.read") - read), 0, "and nothing was read for them");
    ok(has(area + 16 * PG, 3, 2), "the others come back");
    is_int(signal_touching(area + 19 * PG), SIGBUS, "but for one that cannot be read: SIGBUS");
    ok(has(area + 20 * PG, N - 20, 2), "alone, though it was read with others");
    ok(audit_clean(), "I4: audit");
    put(area, 16, 3);
    out(area, 16);
    ok(has(area, 16, 3), "what stayed goes elsewhere the next time");
    munmap(area, N * PG);
    is_int((long)(knob("vm.swap.bad") - bad), 16, "the places that could not be written are not used again");
    area = fresh(N, 4);
    send(area, N);
    munmap(area, N * PG);
    is_int((long)(knob("vm.swap.bad") - bad), 16, "and no other fails");
    is_int(errno_of(swapoff("/dev/vdc")), 0, "with what was lost unmapped, it can be turned off");
}

/* ---- vanishing ---- */


static void vanishing(pid_t server) {
    on("/dev/vdb", 1);
    area = fresh(N, 5);
    char *here = fresh(N, 6), *later = fresh(N, 7);
    send(area, N);
    if (mlockall(MCL_CURRENT | MCL_ONFAULT) != 0) bail_out("mlockall: %s", strerror(errno));
    munlock(area, N * PG), munlock(later, N * PG);
    struct aiocb cb;
    hold_disk();
    must_submit(&cb, area, N * PG);
    await_requests(1);
    blockd_end(server);
    go_disk();
    is_int(outcome(&cb), EAGAIN, "X2 X7: a device vanishes while a request waits for a page from it: EAGAIN");
    is_int(signal_touching(area), SIGBUS, "SIGBUS for who needs what was there");
    is_int(errno_of(mlock(area, N * PG)), EAGAIN, "L10: EAGAIN for mlock");
    is_int(lock_by_request(area, N * PG), EAGAIN, "X2: and for aio_mlock, asked for now");
    is_str(lock_map(area, N), "................................", "L4: nothing of it is locked");
    ok(has(here, N, 6), "L1: who is in memory goes on");
    is_int(as_root(touch, fresh(1, 8)), 0, "and so do others");
    madvise(later, N * PG, MADV_PAGEOUT);
    while (knob("debug.port.requests") != 0) sched_yield();
    ok(has(later, N, 7), "what was to go there stays");
    is_int(errno_of(swapoff("/dev/vdb")), EIO, "what was lost keeps it in use");
    ok(audit_clean(), "I4: audit");
    munmap(area, N * PG);
    is_int(errno_of(swapoff("/dev/vdb")), 0, "until nobody has it any more");
    ok(has(later, N, 7), "the rest is there");
    munlockall();
    munmap(here, N * PG), munmap(later, N * PG);
    ok(audit_clean(), "I4 I8: audit");
}

int main(void) {
    needs_holdfast();
    pid_t a = blockd_start("00:03.0", "vda"), b = blockd_start("00:04.0", "vdb"), c = blockd_start("00:05.0", "vdc");
    full();
    failing();
    vanishing(b);
    blockd_end(a);
    blockd_end(c);
    return done_testing();
}
