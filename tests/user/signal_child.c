/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals in the lives of processes: SIGCHLD and what it says, children that nobody wants to wait for, SIGPIPE,
 * what fork and exec make of handlers, masks and what waits; dispositions that are refused.
 */
#include "tests/user/signals.h"

static volatile int count;
static siginfo_t info;

static void notes(int sig, siginfo_t *si, void *context) {
    (void)sig, (void)context;
    info = *si;
    count++;
}

static void exits(void *arg) {
    _exit((int)(long)arg);
}

static void dies(void *arg) {
    (void)arg;
    kill(getpid(), SIGTERM);
}

static pid_t child(void (*fn)(void *), void *arg) {
    pid_t pid = fork();
    if (pid) return pid;
    fn(arg);
    _exit(0);
}

static void told(void) {
    int status;
    handle_info(SIGCHLD, notes, SA_RESTART | SA_NOCLDSTOP);
    pid_t pid = child(exits, (void *)42);
    await(&count, 1);
    ok(count == 1 && info.si_code == CLD_EXITED && info.si_status == 42, "SIGCHLD: exited, with what");
    ok(info.si_pid == pid && info.si_uid == getuid() && info.si_signo == SIGCHLD, "and who");
    is_int(waitpid(pid, &status, WNOHANG), pid, "there it is to be waited for");
    count = 0;
    pid = child(dies, NULL);
    await(&count, 1);
    ok(info.si_code == CLD_KILLED && info.si_status == SIGTERM, "SIGCHLD: killed, by which");
    waitpid(pid, &status, 0);
}

static void unwanted(void) {
    int status;
    count = 0;
    handle_info(SIGCHLD, notes, SA_NOCLDWAIT | SA_RESTART);
    child(exits, NULL);
    ok(waitpid(-1, &status, 0) == -1 && errno == ECHILD, "SA_NOCLDWAIT: nothing to wait for");
    ok(await(&count, 1), "but the signal comes");
    signal(SIGCHLD, SIG_IGN);
    child(exits, NULL);
    ok(waitpid(-1, &status, 0) == -1 && errno == ECHILD, "SIG_IGN: nothing to wait for");
    signal(SIGCHLD, SIG_DFL);
    pid_t pid = child(exits, NULL);
    is_int(waitpid(pid, &status, 0), pid, "SIG_DFL: to be waited for");
}

static void pipes(void) {
    int p[2];
    count = 0;
    (void)!pipe(p);
    close(p[0]);
    handle_info(SIGPIPE, notes, 0);
    fails(write(p[1], "x", 1), EPIPE, "a pipe without readers");
    is_int(count, 1, "and SIGPIPE");
    signal(SIGPIPE, SIG_IGN);
    fails(write(p[1], "x", 1), EPIPE, "ignored, EPIPE alone");
    close(p[1]);
}

/* ---- fork ---- */

static void inherits(void *arg) {
    struct sigaction a;
    sigset_t now;
    (void)arg;
    sigaction(SIGUSR1, NULL, &a);
    sigprocmask(SIG_BLOCK, NULL, &now);
    if (a.sa_sigaction != notes || !sigismember(&now, SIGUSR2)) _exit(1);
    count = 0;
    raise(SIGUSR1);
    _exit(count == 1 ? 0 : 2);
}

static void forks(void) {
    handle_info(SIGUSR1, notes, 0);
    block(SIGUSR2);
    is_int(fate_of(inherits, NULL), 0, "fork: handlers and mask are inherited");
    unblock(SIGUSR2);
}

/* ---- exec ---- */

static char *self;

/* The new program's side: a bit for each thing that is not as it must be. */
static int after_exec(int timer) {
    struct sigaction a;
    sigset_t now;
    stack_t stack;
    long t[4] = {0};
    int wrong = 0;
    sigaction(SIGUSR1, NULL, &a);
    if (a.sa_handler != SIG_DFL) wrong |= 1;
    sigaction(SIGTERM, NULL, &a);
    if (a.sa_handler != SIG_IGN) wrong |= 2;
    sigprocmask(SIG_BLOCK, NULL, &now);
    if (!sigismember(&now, SIGUSR2)) wrong |= 4;
    sigpending(&now);
    if (!sigismember(&now, SIGUSR2)) wrong |= 8;
    sigaltstack(NULL, &stack);
    if (!(stack.ss_flags & SS_DISABLE)) wrong |= 16;
    syscall(SYS_getitimer, 0, t);
    if (!t[2] && !t[3]) wrong |= 32;
    if (syscall(SYS_timer_delete, timer) == 0) wrong |= 64;
    return wrong;
}

static void execs(void *arg) {
    char number[16], *argv[] = {self, "after-exec", number, NULL}, *envp[] = {NULL};
    const stack_t stack = {.ss_sp = arg, .ss_size = 16 * PG};
    const long t[4] = {0, 0, 1000, 0};
    int timer = -1;
    handle_info(SIGUSR1, notes, 0);
    signal(SIGTERM, SIG_IGN);
    block(SIGUSR2);
    raise(SIGUSR2);
    sigaltstack(&stack, NULL);
    syscall(SYS_setitimer, 0, t, NULL);
    if (syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer)) _exit(98);
    snprintf(number, sizeof number, "%d", timer);
    execve(self, argv, envp);
    _exit(99);
}

/* ---- refused ---- */

static void refused(void) {
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } a = {0};
    const struct sigaction old = {.sa_handler = SIG_IGN};
    fails(syscall(SYS_rt_sigaction, SIGKILL, &a, NULL, 8), EINVAL, "SIGKILL cannot be handled");
    fails(syscall(SYS_rt_sigaction, SIGSTOP, &a, NULL, 8), EINVAL, "nor SIGSTOP");
    is_int(syscall(SYS_rt_sigaction, SIGKILL, NULL, &a, 8), 0, "but asked for");
    fails(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL, "signal 0");
    fails(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL, "signal 65");
    fails(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 7), EINVAL, "a set of another size");
    fails(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8), EFAULT, "a bad action");
    fails(syscall(SYS_rt_sigaction, SIGUSR1, NULL, (void *)8, 8), EFAULT, "a bad place for the old one");
    fails(sigaction(SIGKILL, &old, NULL), EINVAL, "by way of libc, too");
    fails(syscall(SYS_rt_sigprocmask, 7, &a, NULL, 8), EINVAL, "a mask in a way that is none");
    fails(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)8, NULL, 8), EFAULT, "a bad mask");
    sigset_t all, now;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigprocmask(SIG_SETMASK, NULL, &now);
    ok(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGTERM), "all but those two");
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* A handler where no code is. */
static void nowhere(void *arg) {
    struct sigaction a = {.sa_handler = (void (*)(int))arg};
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    _exit(1);
}

/* Without the way back that libc gives it. */
static void no_restorer(void *arg) {
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } a = {.handler = (void *)inherits};
    (void)arg;
    syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8);
    raise(SIGUSR1);
    _exit(1);
}

static void odd(void) {
    is_int(fate_of(nowhere, (void *)4096), 1000 + SIGSEGV, "a handler in a hole");
    is_int(fate_of(nowhere, (void *)KERNEL), 1000 + SIGSEGV, "a handler in the kernel");
    is_int(fate_of(nowhere, (void *)0x8000000000000000ul), 1000 + SIGSEGV, "a handler nowhere");
    is_int(fate_of(nowhere, anon(1)), 1000 + SIGSEGV, "a handler that is data");
    is_int(fate_of(no_restorer, NULL), 1000 + SIGSEGV, "no way back");
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc == 3 && strcmp(argv[1], "after-exec") == 0) return after_exec(atoi(argv[2]));
    told();
    unwanted();
    pipes();
    forks();
    is_int(fate_of(execs, anon(16)), 0, "exec keeps what is ignored, blocked and pending and the alarm; the rest goes");
    refused();
    odd();
    return done_testing();
}
