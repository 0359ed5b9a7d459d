/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * clone with every combination of the flags that say what is shared and made, and several signals for the end: it is
 * refused with what the rules below say, or makes exactly one thread or process; nothing else, and nothing is left.
 * And pointers to thread-local data, to registers and to tids that are none.
 *
 * On Linux the combinations are tried that it refuses too; what it has in excess of Holdfast is not asked of it.
 */
#include <asm/prctl.h>

#include "tests/user/threads.h"

#define F_PIDFD  0x00001000ul
#define F_PARENT 0x00008000ul
#define F_NEWNS  0x00020000ul
#define F_NEWUTS 0x04000000ul

static const unsigned long flag[] = {T_VM,     T_FS,    T_FILES, T_SIGHAND, T_VFORK, F_PARENT,
                                     T_THREAD, F_PIDFD, F_NEWNS, F_NEWUTS,  T_SETTLS};
#define FLAGS (sizeof flag / sizeof *flag)

/* A word by that a child says that it has run; shared with those that have a copy of all else. */
static volatile int *ran;
static char *stack;

static void run(void *arg) {
    (void)arg;
    __atomic_add_fetch(ran, 1, __ATOMIC_SEQ_CST);
}

/* 0: it works. -EINVAL: Linux's rules. -ENOSYS: what is left out here. */
static int rule(unsigned long f, unsigned sig) {
    const unsigned long share = T_FS | T_FILES | T_SIGHAND;
    if (f & (F_NEWNS | F_NEWUTS)) return -EINVAL;
    if ((f & T_THREAD && !(f & T_SIGHAND)) || (f & T_SIGHAND && !(f & T_VM))) return -EINVAL;
    if (f & F_PIDFD && f & T_THREAD) return -EINVAL;
    if (f & (F_PIDFD | F_PARENT)) return -ENOSYS;
    if (f & T_THREAD) return (f & share) != share || f & T_VFORK ? -ENOSYS : 0;
    if (f & share || (f & (T_VM | T_VFORK)) == T_VM) return -ENOSYS;
    return sig == SIGCHLD ? 0 : sig > 64 ? -EINVAL : -ENOSYS;
}

static int came(long r, bool thread) {
    int status = 0;
    if (r <= 0) return 1;
    if (!thread) return waitpid((pid_t)r, &status, 0) == r && status == 0 && *ran == 1 ? 0 : 1;
    while (threads_here() > 1) sched_yield();
    return *ran == 1 ? 0 : 1;
}

static int try(unsigned long f, unsigned sig, int *made) {
    int want = rule(f, sig);
    if (!on_holdfast() && (want != -EINVAL || f & (F_NEWNS | F_NEWUTS | F_PIDFD) || sig > 64)) return 0;
    *ran = 0;
    long r = raw_clone(f | sig, stack + 4 * PG, NULL, NULL, 0x1000, run, NULL);
    int wrong = want ? r != want : came(r, f & T_THREAD);
    if (want == 0) ++*made;
    if (wrong) diag("flags %#lx: %ld and not %d", f | sig, r, want);
    return wrong;
}

static void combinations(void) {
    static const unsigned sigs[] = {0, SIGCHLD, SIGUSR1, 65, 255};
    uint64_t threads = knob("kern.threads");
    for (size_t s = 0; s < sizeof sigs / sizeof *sigs; s++) {
        int wrong = 0, made = 0;
        for (unsigned c = 0; c < 1u << FLAGS && wrong < 10; c++) {
            unsigned long f = 0;
            for (size_t i = 0; i < FLAGS; i++) f |= c >> i & 1 ? flag[i] : 0;
            wrong += try(f, sigs[s], &made);
        }
        is_int(wrong, 0, "signal %u, %u combinations of flags, of which %d make something", sigs[s], 1u << FLAGS, made);
    }
    is_int(knob_change("kern.threads", threads), 0, "I8: no thread is left over");
}

/* The upper half of the flags means nothing, neither do those that there is nothing to do for. */
static void without_meaning(void) {
    static const unsigned long more[] = {0xfffffffful << 32, 1ul << 63, 0x2000, 0x00800000, 0x80000000ul, T_DETACHED, T_SYSVSEM};
    int wrong = 0;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        unsigned long f = T_VM | T_FS | T_FILES | T_SIGHAND | T_THREAD | more[i];
        *ran = 0;
        wrong += came(raw_clone(f, stack + 4 * PG, NULL, NULL, 0, run, NULL), true);
    }
    is_int(wrong, 0, "flags without a meaning change nothing");
}

/* ---- pointers ---- */

static const unsigned long no_address[] = {1ul << 47, (1ul << 47) + PG, 1ul << 62, 1ul << 63, 0xffff800000000000ul, KERNEL,
                                           ~0ul,      ~0xffful};

static void tls(void) {
    int wrong = 0, wrong_call = 0;
    unsigned long before = 0, after = 0;
    raw(SYS_arch_prctl, ARCH_GET_FS, &before);
    for (size_t i = 0; i < sizeof no_address / sizeof *no_address; i++) {
        *ran = 0;
        wrong += raw_clone(T_SHARE | T_SETTLS, stack + 4 * PG, NULL, NULL, no_address[i], run, NULL) != -EPERM || *ran;
        wrong += raw_clone(T_SETTLS | SIGCHLD, stack + 4 * PG, NULL, NULL, no_address[i], run, NULL) != -EPERM || *ran;
        wrong_call += raw(SYS_arch_prctl, ARCH_SET_FS, no_address[i]) != -EPERM;
        wrong_call += raw(SYS_arch_prctl, ARCH_GET_FS, no_address[i]) != -EFAULT;
    }
    raw(SYS_arch_prctl, ARCH_GET_FS, &after);
    is_int(wrong, 0, "CLONE_SETTLS with what is no user address: EPERM");
    is_int(wrong_call, 0, "ARCH_SET_FS the same; ARCH_GET_FS to there: EFAULT");
    ok(before == after, "and nothing has changed");
}

/* Thread-local data in a hole: the thread's own fault, and the process's end. */
static void looks_at_tls(void *arg) {
    (void)arg;
    long x;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(x));
}

static void with_tls_in_a_hole(void *arg) {
    raw_clone(T_SHARE | T_SETTLS, stack + 4 * PG, NULL, NULL, (unsigned long)arg, looks_at_tls, NULL);
    for (;;) sched_yield();
}

static void sets_it_so(void *arg) {
    raw(SYS_arch_prctl, ARCH_SET_FS, arg);
    looks_at_tls(NULL);
}

static void tls_in_holes(void) {
    char *hole = anon(3), *none = map_pages(1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    cut(hole, 1, 1);
    char *const at[] = {hole + PG, none, (char *)8, hole + PG - 4, (char *)USER_END - 4};
    int wrong = 0;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        for (int how = 0; how < 2; how++) {
            int status = as_root(how ? sets_it_so : with_tls_in_a_hole, at[i]);
            int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            if (sig != SIGSEGV && sig != SIGBUS) wrong++, diag("%p: status %#x", (void *)at[i], (unsigned)status);
        }
    is_int(wrong, 0, "thread-local data in holes: SIGSEGV when it is used");
}

static void tid_pointers(void) {
    char *readonly = map_pages(1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS), *hole = anon(2);
    cut(hole, 1, 1);
    volatile int *const at[] = {(int *)(hole + PG), (int *)readonly,     (int *)(hole + PG - 2), (int *)8,
                                (int *)KERNEL,      (int *)(1ul << 63), (int *)-2l};
    const unsigned long tids = T_PARENT_SETTID | 0x01000000ul | T_CHILD_CLEARTID;
    int wrong = 0;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        *ran = 0;
        wrong += came(raw_clone(T_SHARE | tids, stack + 4 * PG, at[i], at[i], 0, run, NULL), true);
        *ran = 0;
        long r = raw_clone(SIGCHLD | tids, stack + 4 * PG, at[i], at[i], 0, run, NULL);
        wrong += r == -EFAULT ? on_holdfast() : came(r, false); /* some Linuxes refuse it */
    }
    is_int(wrong, 0, "tids to be stored where nothing can be: they are not, and the thread runs");
}

int main(void) {
    stack = anon(4);
    ran = shared(PG);
    combinations();
    without_meaning();
    tls();
    tls_in_holes();
    tid_pointers();
    is_int(threads_here(), 1, "one thread at the end");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
