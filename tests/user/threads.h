/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads by clone(2) itself, without a library: the same file runs on Holdfast and on Linux.
 *
 *     struct raw_thread t;
 *     raw_start(&t, fn, arg);       fn(arg) runs in a thread of this process, on a stack of its own
 *     raw_join(&t);                 until the kernel says that it is gone (CLONE_CHILD_CLEARTID)
 *
 * A raw thread shares its creator's thread-local data, errno among them: it may use raw() and memory, and
 * nothing of libc. It must not print TAP.
 */
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/user/support.h"

#define T_VM             0x00000100ul
#define T_FS             0x00000200ul
#define T_FILES          0x00000400ul
#define T_SIGHAND        0x00000800ul
#define T_VFORK          0x00004000ul
#define T_THREAD         0x00010000ul
#define T_SYSVSEM        0x00040000ul
#define T_SETTLS         0x00080000ul
#define T_PARENT_SETTID  0x00100000ul
#define T_CHILD_CLEARTID 0x00200000ul
#define T_DETACHED       0x00400000ul
#define T_CHILD_SETTID   0x01000000ul
#define T_SHARE          (T_VM | T_FS | T_FILES | T_SIGHAND | T_THREAD | T_SYSVSEM)
#define T_ALL            (T_SHARE | T_PARENT_SETTID | T_CHILD_CLEARTID)

#define RAW_STACK (16 * PG)

/* A system call as it is: the result or -errno. */
UNUSED static long raw6(long n, long a, long b, long c, long d, long e, long f) {
    long r;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return r;
}

#define raw_pick_(n, a, b, c, d, e, f, ...) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define raw(...) raw_pick_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* The new flow of control calls fn(arg) on the stack that ends at `top`, and exits; tid, or -errno. */
UNUSED static long raw_clone(unsigned long flags, char *top, volatile int *parent_tid, volatile int *child_tid, unsigned long tls,
                             void (*fn)(void *), void *arg) {
    long r;
    register volatile int *r10 __asm__("r10") = child_tid;
    register unsigned long r8 __asm__("r8") = tls;
    void **sp = (void **)top - 2;
    sp[0] = (void *)fn;
    sp[1] = arg;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "pop %%rax\n\t"
                     "pop %%rdi\n\t"
                     "call *%%rax\n\t"
                     "mov $60, %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(r)
                     : "a"(56l), "D"(flags), "S"(sp), "d"(parent_tid), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return r;
}

struct raw_thread {
    volatile int tid;  /* stored before it runs, cleared when it is gone */
    int born;          /* the same for good */
    char *stack;
};

UNUSED static long raw_futex(volatile int *word, int op, int value, const struct timespec *timeout) {
    return raw(SYS_futex, word, op, value, timeout, 0, FUTEX_BITSET_MATCH_ANY);
}

/* The tid, or -errno. */
UNUSED static long raw_start(struct raw_thread *t, void (*fn)(void *), void *arg) {
    t->stack = mmap(NULL, RAW_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t->stack == MAP_FAILED) return -errno;
    long tid = raw_clone(T_ALL, t->stack + RAW_STACK, &t->tid, &t->tid, 0, fn, arg);
    if (tid < 0) munmap(t->stack, RAW_STACK);
    t->born = (int)tid;
    return tid;
}

UNUSED static void raw_begin(struct raw_thread *t, void (*fn)(void *), void *arg) {
    long tid = raw_start(t, fn, arg);
    if (tid < 0) bail_out("no thread for the test: %s", strerror((int)-tid));
}

UNUSED static void raw_join(struct raw_thread *t) {
    int tid;
    while ((tid = t->tid) != 0) raw_futex(&t->tid, FUTEX_WAIT, tid, NULL);
    munmap(t->stack, RAW_STACK);
}

/* Sleep until the word is something else; whoever changes it wakes by raw_post. */
UNUSED static void raw_wait_while(volatile int *word, int value) {
    while (*word == value) raw_futex(word, FUTEX_WAIT, value, NULL);
}

UNUSED static void raw_post(volatile int *word, int value) {
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    raw_futex(word, FUTEX_WAKE, 1 << 30, NULL);
}

/* For ever, unless killed. */
UNUSED static void raw_sleep(void *word) {
    for (;;) raw_futex(word, FUTEX_WAIT, *(volatile int *)word, NULL);
}

UNUSED static long threads_here(void) {
    return proc_number("/proc/self/status", "Threads");
}
