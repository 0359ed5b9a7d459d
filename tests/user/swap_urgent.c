/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * One CPU, where a real-time thread computes and never sleeps, and a more urgent one waits: for a frame, for a page in swap, for a
 * block device, for a server that has been killed. Those who work for it are as urgent as it meanwhile: it gets on, and the
 * one that computes sees that. When nobody waits any more, they are not.
 *
 *      tester 60      computes 10, until it sees that the other is done, or has counted very far
 *      waits 50       page-out, blockd and its supervisor: 1
 *
 * needs: holdfast
 * cpus: 1
 * mem: 32M
 * swap: 64M
 * timeout: 120
 */
#include "tests/user/servers.h"
#include "tests/user/swaps.h"

#define FAR   400000000ul /* steps: some seconds */
#define PAGES 64ul

enum { FRAMES, PAGE, DEVICE, KILLED, WAYS };

static struct shared_ {
    volatile unsigned long steps;
    volatile bool ready, done, right;
} *sh;

static void be_urgent(int priority) {
    if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = priority}) != 0)
        bail_out("SCHED_FIFO: %s", strerror(errno));
}

/* All that it runs on is locked. */
static _Noreturn void compute(void) {
    if (mlockall(MCL_CURRENT) != 0) _exit(1);
    be_urgent(10);
    while (!sh->done && sh->steps < FAR) sh->steps++;
    _exit(0);
}

/* More pages than there are frames, each found as it was written; or one page that is in swap, or a sector of the device. */
static bool wait_for_it(int way, char *p, size_t n, int fd) {
    char *sector = p + n * PG;
    if (way == DEVICE) return pread(fd, sector, PG, 0) == (ssize_t)PG;
    if (way == FRAMES) put(p, n, 2);
    return has(p, way == FRAMES ? n : 1, way == FRAMES ? 2 : 1);
}

static _Noreturn void waits(int way, int go) {
    size_t n = way == FRAMES ? ram_pages() * 3 / 2 : PAGES;
    char byte, *p = mlockall(MCL_CURRENT) == 0 ? anon(n + 1) : NULL;
    int fd = open("/dev/vda", O_RDONLY);
    p[n * PG] = 1;
    if (way != FRAMES) put(p, PAGES, 1), out(p, PAGES);
    evict_all();
    be_urgent(50);
    sh->ready = true;
    read(go, &byte, 1);
    sh->right = wait_for_it(way, p, n, fd);
    sh->done = true;
    _exit(0);
}

/* Once its request is out. */
static void kill_its_server(void) {
    while (knob("debug.port.requests") == 0) moment();
    kill(find_server(), SIGKILL);
    go_disk();
}

static void urgent(int way, const char *name) {
    int go[2];
    pipe(go);
    memset(sh, 0, sizeof *sh);
    fflush(stdout);
    pid_t waiter = fork(), other;
    if (waiter == 0) waits(way, go[0]);
    while (!sh->ready) moment();
    if ((other = fork()) == 0) compute();
    while (sh->steps == 0) moment();
    if (way == KILLED) hold_disk();
    write(go[1], "", 1);
    if (way == KILLED) kill_its_server();
    waitpid(other, NULL, 0);
    ok(sh->steps < FAR, "%s: it gets on while another computes", name);
    waitpid(waiter, NULL, 0);
    ok(sh->right, "and finds what it should");
    close(go[0]), close(go[1]);
}

/* Pages are on their way out, and nobody waits: the server is what it was, and does not disturb who computes. */
static void patient(void) {
    char *p = anon(PAGES);
    munlock(p, PAGES * PG);
    put(p, PAGES, 1);
    memset(sh, 0, sizeof *sh);
    pid_t other = fork();
    if (other == 0) compute();
    while (sh->steps == 0) moment();
    madvise(p, PAGES * PG, MADV_PAGEOUT);
    unsigned long from = sh->steps;
    while (sh->steps - from < FAR / 40) moment();
    ok(knob("debug.port.requests") > 0, "what nobody waits for is not urgent any more");
    sh->done = true;
    waitpid(other, NULL, 0);
    munmap(p, PAGES * PG);
}

int main(void) {
    static const char *const name[WAYS] = {"a frame", "a page in swap", "a block device", "a server that was killed"};
    needs_holdfast();
    plan(2 * WAYS + 2);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    sh = shared(sizeof *sh);
    be_urgent(60);
    for (int way = 0; way < WAYS; way++) urgent(way, name[way]);
    patient();
    ok(audit_clean(), "audit");
    return done_testing();
}
