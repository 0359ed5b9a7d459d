/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * waitid: what siginfo says, choosing children, and looking without taking away.
 */
#include "tests/user/support.h"

static pid_t child_exits(int code) {
    pid_t pid = fork();
    if (pid == 0) _exit(code);
    return pid;
}

static siginfo_t empty(void) {
    siginfo_t info;
    memset(&info, 0xee, sizeof info);
    return info;
}

static void exited(void) {
    siginfo_t info = empty();
    pid_t pid = child_exits(42);
    is_int(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0, "WNOWAIT looks");
    ok(info.si_signo == SIGCHLD && info.si_code == CLD_EXITED && info.si_status == 42 && info.si_pid == pid,
       "and says who, how and with what");
    info = empty();
    is_int(waitid(P_ALL, 0, &info, WEXITED), 0, "the child is still there to be waited for");
    ok(info.si_pid == pid && info.si_status == 42, "and says the same");
    fails(waitid(P_PID, (id_t)pid, &info, WEXITED), ECHILD, "then it is gone");
}

static void killed(void) {
    siginfo_t info = empty();
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) pause();
    }
    is_int(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0, "WNOHANG: 0 while it lives");
    is_int(info.si_pid, 0, "and si_pid is 0");
    kill(pid, SIGUSR1);
    is_int(waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED), 0, "by its process group");
    ok(info.si_code == CLD_KILLED && info.si_status == SIGUSR1 && info.si_pid == pid, "killed, by which signal, who");
}

static void arguments(void) {
    siginfo_t info;
    fails(waitid(P_ALL, 0, &info, 0), EINVAL, "no kind of event asked for");
    fails(waitid(P_ALL, 0, &info, WEXITED | 0x100), EINVAL, "an unknown option");
    fails(waitid((idtype_t)77, 0, &info, WEXITED), EINVAL, "an unknown kind of number");
    fails(waitid(P_PID, 0, &info, WEXITED), EINVAL, "no process has number 0");
    fails(waitid(P_ALL, 0, &info, WEXITED), ECHILD, "no children");
    pid_t pid = child_exits(1);
    is_int(waitid(P_ALL, 0, NULL, WEXITED), 0, "nobody has to want to know");
    fails(waitpid(pid, NULL, 0), ECHILD, "it waits all the same");
}

int main(void) {
    plan(5 + 4 + 7);
    exited();
    killed();
    arguments();
    return done_testing();
}
