/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A disk that does not answer, and requests that need a page from it, or a frame that it keeps: they can be cancelled, their
 * process can end, others are served; and when the disk answers at last, nothing is left over. Who watches is locked.
 *
 * clauses: P1 C2 C6 L4 X3 X4 X5 I4 I5 I8
 * pitfalls: A2
 * needs: holdfast
 * mem: 48M
 * swap: 128M
 * timeout: 120
 */
#include <pthread.h>

#include "tests/user/aio_support.h"
#include "tests/user/swaps.h"

#define PAGES 32ul
#define MANY  5 /* more requests than there are workers */

static const char *self;
static char *p;
static struct aiocb cb, cbs[MANY];

static void await_quiet_disk(void) {
    while (knob("debug.port.requests") != 0) sched_yield();
}

/* Pages that are in swap, and nowhere else. */
static char *away(void) {
    char *area = anon(PAGES);
    put(area, PAGES, 1);
    out(area, PAGES);
    await_quiet_disk();
    return area;
}

/* A request that is in the midst of it: the disk has been asked for its first page, and does not answer. */
static void get_stuck(void) {
    if (!p) p = away();
    hold_disk();
    must_submit(&cb, p, PAGES * PG);
    if (!await_knob("vfs.aio.stalled", 1)) _exit(90);
    await_requests(1);
}

/* ---- what the children do ---- */

/* Frames that have a slot when nothing else is in memory that might have one: everything else of this process is locked. */
static long cached(void) {
    evict_all();
    return (long)knob("vm.swap.cached");
}

static void cancels(void) {
    mlockall(MCL_CURRENT);
    p = away();
    long had = cached(), locked = vmlck();
    get_stuck();
    if (aio_error(&cb) != EINPROGRESS) _exit(1);
    if (aio_cancel(-1, &cb) != AIO_CANCELED) _exit(2);
    if (aio_error(&cb) != ECANCELED || aio_return(&cb) != -1) _exit(3);
    if (vmlck() != locked || strspn(lock_map(p, PAGES), ".") != PAGES) _exit(4);
    if (knob("debug.port.requests") == 0 || !audit_clean()) _exit(5);
    go_disk();
    await_quiet_disk();
    if (cached() != had) _exit(6); /* what was read for nobody has gone again */
    if (lock_by_request(p, PAGES * PG) != 0 || vmlck() != locked + (long)PAGES) _exit(7);
    hold_disk();
    _exit(has(p, PAGES, 1) ? 0 : 8);
}

static void exits(void) {
    get_stuck();
    _exit(0);
}

static void executes(void) {
    char *const argv[] = {(char *)self, (char *)"after-exec", NULL}, *const envp[] = {NULL};
    get_stuck();
    execve(self, argv, envp);
    _exit(1);
}

static void waits(void) {
    get_stuck();
    for (;;) pause();
}

/* In a call that waits for the request, since that has the range. */
static void unmaps(void) {
    get_stuck();
    munmap(p, PG);
    _exit(1);
}

static void *ends_all(void *execs) {
    char *const argv[] = {(char *)self, (char *)"after-exec", NULL}, *const envp[] = {NULL};
    await_state(getpid(), "D");
    if (execs) execve(self, argv, envp);
    _exit(0);
}

static void unmaps_while_another(void *execs) {
    pthread_t t;
    get_stuck();
    if (pthread_create(&t, NULL, ends_all, execs) != 0) _exit(2);
    munmap(p, PG);
    _exit(1);
}

static void unmaps_while_another_exits(void) {
    unmaps_while_another(NULL);
}

static void unmaps_while_another_execs(void) {
    unmaps_while_another((void *)self);
}

static pid_t start(void (*what)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        what();
        _exit(91);
    }
    return pid;
}

/* ---- who watches ---- */

static struct books before;
static uint64_t slots;

static void remember(void) {
    slots = slots_used();
    before = books();
}

static void nothing_left(const char *what) {
    ok(audit_clean(), "I4 I5: %s: audit", what);
    go_disk();
    await_quiet_disk();
    ok(audit_clean(), "I4: %s: audit, when the disk has answered", what);
    ok(same_books(before, books()), "P1: %s: nothing of it is left", what);
    ok(slots_used() <= slots, "I8: %s: nor a slot", what);
}

static void ends(void (*what)(void), const char *how, int sig) {
    remember();
    pid_t pid = start(what);
    if (sig) {
        await_knob("vfs.aio.stalled", 1);
        await_state(pid, what == unmaps ? "D" : "S");
        kill(pid, sig);
    }
    is_int(wait_for(pid), sig ? 1000 + sig : 0, "P1: %s, while the disk does not answer", how);
    nothing_left(how);
}

/* Requests of one process hang, as many as there are workers and more; another's are done meanwhile. */
static void hangs_with_many(void) {
    char *area[MANY];
    for (int i = 0; i < MANY; i++) area[i] = away();
    hold_disk();
    for (int i = 0; i < MANY; i++) must_submit(&cbs[i], area[i], PAGES * PG);
    for (;;) pause();
}

static void asks_for_what_is_there(void) {
    char *here = anon(PAGES);
    put(here, PAGES, 2);
    _exit(lock_by_request(here, PAGES * PG) == 0 && vmlck() == (long)PAGES ? 0 : 1);
}

static void others(void) {
    remember();
    pid_t pid = start(hangs_with_many);
    ok(await_knob("vfs.aio.stalled", MANY), "X4: %d requests wait for the disk", MANY);
    is_int(wait_for(start(asks_for_what_is_there)), 0, "X3 X4: another process's request is done meanwhile");
    is_int((long)knob("vfs.aio.active"), 0, "X4: no worker waits with one in its hand");
    kill(pid, SIGKILL);
    is_int(wait_for(pid), 1000 + SIGKILL, "P1: killed with all of them");
    nothing_left("many");
}

/* The place for the name of what has ended is away: whoever waits for the disk there has no lock that others need. */
static struct aiocb **place;

static void *takes(void *arg) {
    (void)arg;
    return (void *)(aio_waitcomplete(place, NULL) == 0 ? &cb : NULL);
}

static void waits_for_the_place(void) {
    pthread_t t;
    void *done;
    char *here = anon(1);
    here[0] = 1;
    place = (struct aiocb **)anon(1);
    put((char *)place, 1, 3);
    hold(HOLD);
    must_submit(&cb, here, PG);
    if (pthread_create(&t, NULL, takes, NULL) != 0) _exit(1);
    while (*(struct aiocb *volatile *)place != NULL) sched_yield(); /* it sleeps, or is about to */
    out(place, 1);
    await_quiet_disk();
    hold_disk();
    hold(GO);
    await_requests(1);
    if (aio_error(&cb) != 0) _exit(2);
    if (wait_for(start(asks_for_what_is_there)) != 0) _exit(3);
    go_disk();
    pthread_join(t, &done);
    _exit(done == &cb && *place == &cb && aio_error(&cb) == -1 ? 0 : 4);
}

/* ---- a frame that page-out cannot make free ---- */

static void fills_memory(void) {
    size_t pages = 3 * ram_pages() / 2;
    char *area = anon(pages);
    for (size_t i = 0; i < pages; i++) area[i * PG] = 1;
    for (;;) pause();
}

static void lacks_frames(void) {
    p = anon(PAGES);
    mlockall(MCL_CURRENT); /* the watcher has what it needs, but for these: */
    munlock(p, PAGES * PG);
    madvise(p, PAGES * PG, MADV_DONTNEED);
    remember();
    uint64_t stalls = knob("vm.swap.stalls");
    hold_disk();
    pid_t pid = start(fills_memory);
    while (knob("vm.swap.stalls") == stalls) sched_yield();
    must_submit(&cb, p, PAGES * PG);
    ok(await_knob("vfs.aio.stalled", 1), "X4: a request waits for frames, and the disk does not take what has to go");
    is_int(aio_cancel(-1, &cb), AIO_CANCELED, "C2: it is cancelled");
    fails(aio_return(&cb), ECANCELED, "C6: as its result says");
    is_str(lock_map(p, PAGES), "................................", "L4: nothing is locked");
    must_submit(&cb, p, PAGES * PG);
    ok(await_knob("vfs.aio.stalled", 1), "X4: another one waits");
    kill(pid, SIGKILL);
    is_int(wait_for(pid), 1000 + SIGKILL, "P1: who waits for a frame in a fault can be killed as well");
    is_int(outcome(&cb), 0, "X7: the frames are the request's, which ends well");
    ok(knob("debug.port.requests") > 0, "X4: and the disk has not answered yet");
    munlock(p, PAGES * PG);
    madvise(p, PAGES * PG, MADV_DONTNEED);
    nothing_left("frames");
}

int main(int argc, char **argv) {
    if (argc > 1) return vmlck() == 0 && aio_error(&cb) == -1 ? 0 : 43; /* after exec */
    aio_test();
    self = argv[0];
    warm_up();
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    ends(cancels, "aio_cancel", 0);
    ends(exits, "exit", 0);
    ends(executes, "exec", 0);
    ends(waits, "SIGKILL", SIGKILL);
    ends(waits, "SIGTERM", SIGTERM);
    ends(unmaps, "SIGKILL in munmap", SIGKILL);
    ends(unmaps_while_another_exits, "exit beside munmap", 0);
    ends(unmaps_while_another_execs, "exec beside munmap", 0);
    others();
    ends(waits_for_the_place, "aio_waitcomplete", 0);
    munlockall();
    lacks_frames();
    return done_testing();
}
