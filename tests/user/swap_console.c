/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A program prints what is in swap, and the server that is to bring it is killed, with the request out: another comes. Who
 * starts it writes to the console, too, and must not have to wait for who waits for the page.
 *
 * needs: holdfast
 * swap: 64M
 * mem: 48M
 */
#include "tests/user/servers.h"
#include "tests/user/swaps.h"

#define PAGES 16ul
#define ROUNDS 3

static const char said[] = "# a line that was in swap\n";

/* The pages leave memory, nothing else does, and the first is printed. */
static _Noreturn void printer(int go) {
    char byte, *p = mlockall(MCL_CURRENT) == 0 ? anon(PAGES) : NULL;
    put(p, PAGES, 1);
    memcpy(p, said, sizeof said);
    out(p, PAGES);
    evict_all();
    read(go, &byte, 1);
    _exit(write(open("/dev/console", O_WRONLY), p, sizeof said - 1) == (ssize_t)sizeof said - 1 ? 0 : 1);
}

static void killed_meanwhile(int round) {
    int go[2], status = -1;
    pipe(go);
    fflush(stdout);
    pid_t pid = fork(), server, next;
    if (pid == 0) printer(go[0]);
    await_state(pid, "S"); /* at the pipe */
    hold_disk();
    write(go[1], "", 1);
    await_requests(1);
    server = find_server();
    kill(server, SIGKILL);
    while ((next = find_server()) == server || next == 0) moment();
    pass("round %d: another server comes while the page is waited for", round);
    go_disk();
    waitpid(pid, &status, 0);
    is_int(status, 0, "and the line is printed");
    close(go[0]), close(go[1]);
}

int main(void) {
    needs_holdfast();
    plan(2 * ROUNDS + 1);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) bail_out("mlockall: %s", strerror(errno));
    for (int i = 1; i <= ROUNDS; i++) killed_meanwhile(i);
    ok(server_is_back(), "the disk answers");
    return done_testing();
}
