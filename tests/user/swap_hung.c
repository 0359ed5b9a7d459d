/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A disk that does not answer: who waits for it can be killed all the same, for a page in a fault, in mlock and in a system call,
 * and for more to leave, in madvise and swapoff; ends at once (P1), and when the disk answers at last, nothing is left over. And
 * another swap device can be turned off meanwhile.
 *
 * needs: holdfast
 * swap: 32M,32M
 * mem: 48M
 * timeout: 60
 */
#include <sys/swap.h>

#include "tests/user/servers.h"

#define PAGES 32ul
#define SOME  100ul
#define MANY  1000ul /* more than can be on their way at once */

enum { FAULT, LOCK, CALL, SEND, SWAPOFF, WAYS };

static void send(unsigned long pages) {
    char *p = anon(pages);
    munlock(p, pages * PG);
    memset(p, 7, pages * PG);
    madvise(p, pages * PG, MADV_PAGEOUT);
}

static void use(char *p, int way, int fd) {
    if (way == LOCK) mlock(p, PAGES * PG);
    else if (way == CALL) write(fd, p, PG);
    else if (way == SEND) send(MANY);
    else if (way == SWAPOFF) send(SOME), swapoff("/dev/vda");
    else *(volatile char *)p = 1;
}

static _Noreturn void child(int way, int ready, int go) {
    static unsigned char in[PAGES];
    char *p = anon(PAGES), byte = 0;
    do {
        memset(p, 7, PAGES * PG);
        madvise(p, PAGES * PG, MADV_PAGEOUT);
        while (knob("debug.port.requests") != 0) moment();
        mincore(p, PAGES * PG, in);
    } while (memchr(in, 1, PAGES));
    write(ready, &byte, 1);
    read(go, &byte, 1);
    use(p, way, ready);
    _exit(1);
}

static int killed_while_waiting(int way) {
    int ready[2], go[2], status = 0;
    char byte;
    if (pipe(ready) != 0 || pipe(go) != 0) return -1;
    pid_t pid = fork();
    if (pid == 0) child(way, ready[1], go[0]);
    read(ready[0], &byte, 1);
    set_knob("debug.port.hold", 1);
    write(go[1], &byte, 1);
    while (knob("debug.port.requests") == 0) moment();
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    long waiting = (long)knob("debug.port.requests");
    set_knob("debug.port.hold", 0);
    for (int i = 0; i < 2; i++) close(ready[i]), close(go[i]);
    return waiting < 1 ? -2 : WIFSIGNALED(status) ? WTERMSIG(status) : -3;
}

/* Pages are being written to the first device, which is used first; the second is turned off, and on again. */
static void other_device(void) {
    set_knob("debug.port.hold", 1);
    send(SOME);
    ok(knob("debug.port.requests") > 0 && swapoff("/dev/vdb") == 0, "a device that is not used can be turned off");
    set_knob("debug.port.hold", 0);
    is_int(swapon("/dev/vdb", 0), 0, "and on");
}

int main(void) {
    static const char *const name[WAYS] = {"a fault", "mlock", "write", "MADV_PAGEOUT", "swapoff"};
    needs_holdfast();
    plan(4 + WAYS);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    for (int way = 0; way < WAYS; way++)
        is_int(killed_while_waiting(way), SIGKILL, "P1: killed in %s while the disk does not answer", name[way]);
    other_device();
    for (int i = 0; i < 10000 && knob("debug.port.requests") != 0; i++) moment();
    is_int((long)knob("debug.port.requests"), 0, "the disk answers in the end");
    is_int((long)knob("debug.audit"), 0, "the audit holds");
    return done_testing();
}
