/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * clone's flags and arguments: every wrong combination is refused with Linux's error and leaves nothing; bad pointers
 * end the new thread or are ignored, never the kernel.
 */
#include "tests/user/threads.h"

#define NEWNS   0x00020000ul
#define PIDFD   0x00001000ul
#define NEWUSER 0x10000000ul
#define NEWPID  0x20000000ul

static void nothing(void *arg) {
    (void)arg;
}

static long refused(unsigned long flags) {
    static char *stack;
    if (!stack) stack = anon(4);
    return raw_clone(flags, stack + 4 * PG, NULL, NULL, 0, nothing, NULL);
}

static void flags(void) {
    is_int(refused(T_SHARE & ~T_SIGHAND), -EINVAL, "CLONE_THREAD without CLONE_SIGHAND");
    is_int(refused(T_SHARE & ~T_VM), -EINVAL, "CLONE_SIGHAND without CLONE_VM");
    is_int(refused(T_SIGHAND | SIGCHLD), -EINVAL, "the same for a process");
    is_int(refused(T_THREAD | T_VM), -EINVAL, "CLONE_THREAD with CLONE_VM alone");
    is_int(refused(NEWNS | T_FS | SIGCHLD), -EINVAL, "CLONE_NEWNS with CLONE_FS");
    is_int(refused(T_SHARE | NEWUSER), -EINVAL, "a thread with a user namespace of its own");
    is_int(refused(T_SHARE | NEWPID), -EINVAL, "a thread with a pid namespace of its own");
    is_int(refused(PIDFD | T_DETACHED | SIGCHLD), -EINVAL, "CLONE_PIDFD with CLONE_DETACHED");
    is_int(threads_here(), 1, "and no thread has come of it");
}

/* What Linux has and Holdfast leaves out. */
static void left_out(void) {
    if (!on_holdfast()) return skip(4, "Linux offers these");
    is_int(refused(T_VM | SIGCHLD), -ENOSYS, "a process that shares memory without waiting");
    is_int(refused(T_SHARE & ~T_FILES), -ENOSYS, "a thread with descriptors of its own");
    is_int(refused(T_FILES | SIGCHLD), -ENOSYS, "a process that shares descriptors");
    is_int(raw(SYS_clone3, 0, 0), -ENOSYS, "clone3");
}

/* ---- TLS ---- */

static void tls(void) {
    char *stack = anon(4);
    volatile int tid = 0;
    const unsigned long all = T_SHARE | T_SETTLS | T_PARENT_SETTID | T_CHILD_CLEARTID;
    is_int(raw_clone(all, stack + 4 * PG, &tid, &tid, 1ul << 47, nothing, NULL), -EPERM, "a TLS pointer beyond user space");
    is_int(raw_clone(all, stack + 4 * PG, &tid, &tid, 1ul << 63, nothing, NULL), -EPERM, "one that is not canonical");
    is_int(raw_clone(all, stack + 4 * PG, &tid, &tid, KERNEL, nothing, NULL), -EPERM, "one of the kernel's");
    is_int(tid, 0, "none of them ran");
    long born = raw_clone(all, stack + 4 * PG, &tid, &tid, 0x1000, nothing, NULL);
    ok(born > 0, "one that nothing is mapped at is the thread's own affair");
    while (tid) raw_futex(&tid, FUTEX_WAIT, tid, NULL);
    pass("and it ends well if it does not look");
}

/* ---- the pointers for the tid ---- */

static void tid_pointers(void) {
    char *stack = anon(4);
    volatile int both[2] = {0, 0};
    int *bad = (int *)8;
    long tid = raw_clone(T_SHARE | T_PARENT_SETTID | T_CHILD_SETTID, stack + 4 * PG, &both[0], &both[1], 0, nothing, NULL);
    while (both[1] == 0) sched_yield();
    ok(both[0] == tid && both[1] == tid, "CLONE_PARENT_SETTID and CLONE_CHILD_SETTID store it");
    while (threads_here() > 1) sched_yield();
    tid = raw_clone(T_SHARE | T_PARENT_SETTID | T_CHILD_SETTID | T_CHILD_CLEARTID, stack + 4 * PG, bad, bad, 0, nothing, NULL);
    ok(tid > 0, "bad pointers are ignored");
    while (threads_here() > 1) sched_yield();
    pass("and the thread ends");
}

/* ---- stacks ---- */

struct stack_case {
    char *top;
};

static void with_stack(void *arg) {
    const struct stack_case *c = arg;
    /* The registers' first use of the stack faults: nothing can be put there beforehand. */
    long r;
    register long r10 __asm__("r10") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "push %%rax\n\t"
                     "mov $60, %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(r)
                     : "a"(56l), "D"(T_SHARE), "S"(c->top), "d"(0l), "r"(r10)
                     : "rcx", "r11", "memory");
    raw_sleep(&(int){0});
}

static void stacks(void) {
    char *hole = anon(2), *readonly = anon(1);
    cut(hole, 0, 1);
    mprotect(readonly, PG, PROT_READ);
    struct stack_case cases[] = {{hole + PG}, {readonly + PG}, {(char *)KERNEL}, {(char *)(1ul << 63)}, {(char *)8}};
    const char *names[] = {"unmapped", "read-only", "the kernel's", "not canonical", "at the bottom"};
    for (int i = 0; i < 5; i++) {
        int status = as_root(with_stack, &cases[i]);
        int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        ok(sig == SIGSEGV || sig == SIGBUS, "a stack that is %s: the process ends by a signal (%d)", names[i], sig);
    }
}

int main(void) {
    plan(9 + 4 + 6 + 3 + 5 + 1);
    flags();
    left_out();
    tls();
    tid_pointers();
    stacks();
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
