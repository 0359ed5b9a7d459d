/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * fork, exit and wait: every status arrives, nobody else's child does, and a zombie stays until it is
 * waited for. What waiting tells of the children is charged to the parent once.
 */
#include <sys/times.h>

#include "tests/user/support.h"

static pid_t child_exits(int code) {
    pid_t pid = fork();
    if (pid == 0) _exit(code);
    return pid;
}

static void statuses(void) {
    int wrong = 0, status;
    for (int code = 0; code < 256; code++) {
        pid_t pid = child_exits(code);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != code) wrong++;
    }
    is_int(wrong, 0, "each exit status from 0 to 255 arrives");
    waitpid(child_exits(0x1203), &status, 0);
    is_int(status, 0x0300, "of a larger one, the low eight bits");
}

static void selection(void) {
    int status;
    pid_t a = child_exits(1), b = child_exits(2);
    is_int(waitpid(b, &status, 0), b, "waitpid waits for the child it names");
    is_int(status, 0x200, "and tells its status");
    is_int(kill(a, 0), 0, "the other, waited for by nobody, is still there");
    is_int(waitpid(-getpgrp(), &status, 0), a, "it is found by its process group");
    fails(kill(a, 0), ESRCH, "and is gone then");
    fails(waitpid(a, &status, 0), ECHILD, "a child cannot be waited for twice");
    fails(waitpid(-1, &status, 0), ECHILD, "nor one that there never was");
    fails(waitpid(getpid(), NULL, 0), ECHILD, "nobody is his own child");
    fails(waitpid(getppid(), NULL, 0), ECHILD, "nor his parent's parent");
    fails(waitpid(-1, NULL, 0x1000), EINVAL, "unknown options");
}

static void no_hang(void) {
    int go[2], status = 77;
    char c;
    if (pipe(go) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        _exit(read(go[0], &c, 1) == 0 ? 9 : 1);
    }
    is_int(waitpid(pid, &status, WNOHANG), 0, "WNOHANG: 0 while the child lives");
    is_int(status, 77, "and the status is left alone");
    close(go[1]);
    close(go[0]);
    is_int(waitpid(pid, &status, 0), pid, "without it, wait sleeps until the end");
    is_int(status, 0x900, "a pipe told the child when");
}

static void ids(void) {
    pid_t *seen = shared(4096), me = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        seen[0] = getpid();
        seen[1] = getppid();
        seen[2] = getpgrp();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    is_int(seen[0], pid, "the child's getpid is what fork told the parent");
    is_int(seen[1], me, "its getppid is the parent");
    is_int(seen[2], getpgrp(), "its process group is the parent's");
    ok(pid != me, "and it is somebody else");
}

/* Only the parent's own children are its to wait for; their faults and time are added up when it does. */
static void usage(void) {
    struct rusage before, after, of_child;
    int status;
    getrusage(RUSAGE_CHILDREN, &before);
    pid_t pid = fork();
    if (pid == 0) {
        char *p = anon(64);
        faults_writing(p, 64);
        _exit(0);
    }
    if (wait4(pid, &status, 0, &of_child) != pid) bail_out("wait4");
    getrusage(RUSAGE_CHILDREN, &after);
    ok(of_child.ru_minflt >= 64, "wait4 tells the child's faults (%ld)", of_child.ru_minflt);
    is_int(after.ru_minflt - before.ru_minflt, of_child.ru_minflt, "RUSAGE_CHILDREN grows by them");
}

int main(void) {
    plan(2 + 10 + 4 + 4 + 2 + 3);
    statuses();
    selection();
    no_hang();
    ids();
    usage();
    pid_t pid = child_exits(4);
    int status = 0;
    while (kill(pid, 0) == 0 && waitpid(-1, &status, WNOHANG) == 0) sched_yield();
    is_int(status, 0x400, "polling with WNOHANG finds the end as well");
    if (on_holdfast()) {
        pid = child_exits(6);
        fails(wait4(pid, (int *)KERNEL, 0, NULL), EFAULT, "a status that cannot be stored");
        is_int(waitpid(pid, &status, 0), pid, "leaves the zombie to be waited for");
    } else {
        skip(2, "Linux takes the zombie away all the same");
    }
    return done_testing();
}
