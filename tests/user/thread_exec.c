/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * exec in a process of several threads, by any of them: the pid stays, the others are gone, and the one that is left
 * is the first. vfork lends its memory until the child calls exec or ends.
 */
#include <sys/syscall.h>

#include "tests/user/threads.h"

static char *self;
static volatile int word_;

static void in_futex(void *arg) {
    (void)arg;
    raw_sleep((void *)&word_);
}

static volatile int told_;

static void until_told(void *arg) {
    (void)arg;
    raw_wait_while(&told_, 0);
}

static void in_loop(void *arg) {
    (void)arg;
    for (;;) __asm__ volatile("pause");
}

static void exec_self(void *arg) {
    char *const argv[] = {self, arg, NULL}, *const envp[] = {NULL};
    raw(SYS_execve, self, argv, envp);
    raw(SYS_exit_group, 77);
}

static void exec_nothing(void *arg) {
    char *const argv[] = {arg, NULL}, *const envp[] = {NULL};
    word_ = (int)raw(SYS_execve, arg, argv, envp);
}

static void others(void) {
    static struct raw_thread t[4];
    for (int i = 0; i < 4; i++) raw_begin(&t[i], i % 2 ? in_loop : in_futex, NULL);
}

static void by_first(void *arg) {
    others();
    exec_self(arg);
}

static void by_other(void *arg) {
    struct raw_thread t;
    others();
    raw_begin(&t, exec_self, arg);
    raw_sleep((void *)&word_);
}

static void by_all(void *arg) {
    static struct raw_thread t[6];
    for (int i = 0; i < 6; i++)
        if (raw_start(&t[i], exec_self, arg) < 0) break;
    exec_self(arg);
}

/* Told the pid that it is to have: 0 for good. */
static int after_exec(const char *pid) {
    if (atoi(pid) != getpid()) return 10;
    if (raw(SYS_gettid) != getpid()) return 11;
    if (threads_here() != 1) return 12;
    return audit_clean() ? 0 : 13;
}

static int run(void (*how)(void *)) {
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char text[16];
        snprintf(text, sizeof text, "%d", getpid());
        how(text);
        _exit(78);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void fails_alone(void) {
    struct raw_thread t[2];
    raw_begin(&t[0], until_told, NULL);
    raw_begin(&t[1], exec_nothing, "/nowhere");
    raw_join(&t[1]);
    is_int(word_, -ENOENT, "an exec that fails");
    is_int(threads_here(), 2, "leaves the other threads alone");
    raw_post(&told_, 1);
    raw_join(&t[0]);
}

/* ---- vfork ---- */

static volatile int lent;

/* clone as posix_spawn uses it: a stack of its own, so that the parent's is not written on. */
static long spawn(void (*fn)(void *), void *arg) {
    static char *stack;
    if (!stack) stack = anon(8);
    return raw_clone(T_VM | T_VFORK | SIGCHLD, stack + 8 * PG, NULL, NULL, 0, fn, arg);
}

static void write_and_end(void *arg) {
    for (int i = 0; i < 50; i++) raw(SYS_sched_yield);
    lent = (int)(long)arg;
    raw(SYS_exit_group, 3);
}

static void exec_no_pid(void *arg) {
    lent = 2;
    char *const argv[] = {self, "spawned", NULL}, *const envp[] = {NULL};
    (void)arg;
    raw(SYS_execve, self, argv, envp);
    raw(SYS_exit_group, 77);
}

static void limit_and_end(void *arg) {
    struct rlimit r = {5 * PG, 5 * PG};
    (void)arg;
    raw(SYS_prlimit64, 0, RLIMIT_MEMLOCK, &r, 0);
    raw(SYS_setuid, NOBODY);
    raw(SYS_exit_group, 0);
}

static int reap(long pid) {
    int status = -1;
    waitpid((pid_t)pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void borrowed(void) {
    uint64_t spaces = knob("vm.stats.spaces");
    long pid = spawn(write_and_end, (void *)1);
    is_int(lent, 1, "vfork: what the child wrote is there, when the parent goes on at its end");
    is_int(reap(pid), 3, "and its status");
    pid = spawn(exec_no_pid, NULL);
    is_int(lent, 2, "or when it calls exec");
    is_int(reap(pid), 0, "which runs");
    char *p = anon(8);
    pid = spawn(limit_and_end, NULL);
    is_int(reap(pid), 0, "a child that sets limits and gives up its uid");
    is_int(mlock(p, 8 * PG), 0, "takes nothing from its parent: L12");
    munlock(p, 8 * PG);
    is_int(knob_change("vm.stats.spaces", spaces), 0, "I8: no space is left over");
}

/* The parent is killed while it waits: the child goes on in the memory of both. */
static void wait_long(void *arg) {
    volatile int *told = arg;
    told[0] = (int)raw(SYS_getpid);
    while (!told[1]) raw(SYS_sched_yield);
    told[2] = 1;
    raw(SYS_exit_group, 0);
}

static void killed_waiting(void) {
    volatile int *told = shared(PG);
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        spawn(wait_long, (void *)told);
        _exit(1);
    }
    while (!told[0]) sched_yield();
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a parent that waits for its vfork can be killed");
    told[1] = 1;
    while (!told[2]) sched_yield();
    pass("and its child goes on in the memory that was lent");
    while (on_holdfast() && kill(told[0], 0) == 0) sched_yield(); /* process 1 is its parent now */
}

int main(int argc, char **argv) {
    if (argc == 2) return strcmp(argv[1], "spawned") == 0 ? 0 : after_exec(argv[1]);
    self = on_holdfast() ? argv[0] : "/proc/self/exe";
    uint64_t threads = knob("kern.threads");
    plan(3 + 2 + 7 + 2 + 2);
    is_int(run(by_first), 0, "exec by the first thread: alone, pid and tid as they were");
    is_int(run(by_other), 0, "exec by another: it has the pid now");
    is_int(run(by_all), 0, "exec by seven at once: one of them wins");
    fails_alone();
    borrowed();
    killed_waiting();
    is_int(knob_change("kern.threads", threads), 0, "I8: no thread is left");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
