/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Ports: a server dies and another takes over. What was not answered comes again, with the same ids in the same
 * order; what was is not asked twice.
 *
 * needs: holdfast
 */
#include "tests/user/ports.h"

#define NAME    "vdx"
#define DEV     "/dev/" NAME
#define SECTORS 64ul
#define READS   6

static struct shared {
    volatile unsigned seen, ids[READS];
    volatile unsigned long sectors[READS];
} *s;

/* The first server: looks at all the requests, answers `answers` of them, the last first, and is killed. */
static void first_server(void *arg) {
    int answers = *(int *)arg;
    lock_whole();
    serve(NAME, SECTORS);
    for (int i = 0; i < READS; i++) {
        struct port_request r = next_request();
        s->ids[i] = r.id, s->sectors[i] = r.sector;
        s->seen = (unsigned)i + 1;
    }
    for (int i = 0; i < answers; i++)
        if (answer(s->ids[READS - 1 - i], 0) != 0) _exit(1);
    s->seen = READS + 1;
    for (;;) pause();
}

static void wait_served(int keeper) {
    struct pollfd p = {.fd = keeper, .events = POLLIN};
    if (poll(&p, 1, -1) != 1) bail_out("poll of the keeper: %s", strerror(errno));
}

static void killed_after(int keeper, int answers) {
    struct client *c[READS];
    int again = 0, right = 0;
    s->seen = 0;
    pid_t first = fork();
    if (first == 0) first_server(&answers);
    wait_served(keeper);
    for (int i = 0; i < READS; i++) {
        c[i] = client_start(DEV, false, 512, (long)i * 512, 0);
        while (s->seen != (unsigned)i + 1 && !(i == READS - 1 && s->seen > READS)) sched_yield();
    }
    while (s->seen <= READS) sched_yield();
    for (int i = 0; i < answers; i++) right += client_result(c[READS - 1 - i]) == 512;
    kill(first, SIGKILL);
    waitpid(first, NULL, 0);
    struct client *late = client_start(DEV, false, 512, 40 * 512, 0);
    while (knob("debug.port.requests") != (uint64_t)(READS - answers + 1)) sched_yield();
    serve(NAME, SECTORS);
    for (int i = 0; i < READS - answers; i++) {
        struct port_request r = next_request();
        again += r.id == s->ids[i] && r.sector == s->sectors[i];
        answer(r.id, 0);
    }
    struct port_request r = next_request();
    is_int(again, READS - answers, "killed after %d answers: the rest comes again, same ids, same order", answers);
    is_int((long)r.sector, 40, "then what was asked while nobody served");
    is_int(unseen_requests(), 0, "and nothing else");
    answer(r.id, 0);
    for (int i = 0; i < READS - answers; i++) right += client_result(c[i]) == 512;
    right += client_result(late) == 512;
    is_int(right, READS + 1, "every reader has its bytes");
    serve_no_more();
}

static void nobody_left(int keeper) {
    struct client *c = client_start(DEV, false, 512, 0, 0);
    while (knob("debug.port.requests") != 1) sched_yield();
    is_int(waitpid(c->pid, NULL, WNOHANG), 0, "a kept device without a server lets its readers wait");
    is_int(errno_of(port_open(NAME, SECTORS + 1)), EINVAL, "it does not change its size");
    is_int(kill(c->pid, SIGTERM), 0, "even who is to die waits for the device");
    sched_yield();
    is_int(waitpid(c->pid, NULL, WNOHANG), 0, "as its frames do");
    close(keeper);
    int status;
    is_int(waitpid(c->pid, &status, 0), c->pid, "once nobody keeps the device all that waits ends");
    is_int(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGTERM, "and who was to die does");
    is_int((long)knob("debug.port.requests"), 0, "no request is left");
    is_int(knob_change("vm.stats.pins", 0), 0, "no pin");
}

int main(void) {
    needs_holdfast();
    plan(0);
    s = shared(sizeof *s);
    uint64_t pins = knob("vm.stats.pins");
    lock_whole();
    int keeper = (int)port_open(NAME, 0);
    ok(keeper >= 0, "a device can be kept before it is there");
    ok(open(DEV, O_RDONLY) < 0 && (errno == ENOENT || errno == ENXIO), "which does not make it");
    is_int(errno_of(mmap(NULL, PG, PROT_READ, MAP_SHARED, keeper, 0)), ENODEV, "a keeper has no ring");
    is_int(errno_of(port_serve(keeper, NULL, 0, 0)), EINVAL, "and nothing to answer");
    for (int answers = 0; answers <= READS; answers++) killed_after(keeper, answers);
    is_int(knob_change("vm.stats.pins", pins), 0, "all pins are back");
    nobody_left(keeper);
    return done_testing();
}
