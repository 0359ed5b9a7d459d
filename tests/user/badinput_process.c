/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every pointer that a process call takes, bad in every way: EFAULT, and nothing has happened.
 *
 *      what it points at       ways to be bad
 *      read by the kernel      NULL, page zero, a hole, the last byte before a hole, the end of user space and
 *      written by the kernel   beyond, the kernel, not canonical; and for writing: memory that is read-only
 */
#include <sys/syscall.h>
#include <time.h>

#include "tests/user/support.h"

enum { IN = 1, OUT = 2, NULL_OK = 4, FOUR_BYTES = 8 };

/* Argument number `at` is the pointer; what it has to be a pointer to is larger than one byte. */
struct call {
    const char *name;
    long number;
    int at, kind;
    long arg[6];
};

static const struct call calls[] = {
    {"uname", SYS_uname, 0, OUT, {0}},
    {"sysinfo", SYS_sysinfo, 0, OUT, {0}},
    {"getrlimit", SYS_getrlimit, 1, OUT, {RLIMIT_NOFILE}},
    {"setrlimit", SYS_setrlimit, 1, IN, {RLIMIT_NOFILE}},
    {"prlimit64 old", SYS_prlimit64, 3, OUT | NULL_OK, {0, RLIMIT_NOFILE}},
    {"prlimit64 new", SYS_prlimit64, 2, IN | NULL_OK, {0, RLIMIT_NOFILE}},
    {"getrusage", SYS_getrusage, 1, OUT, {RUSAGE_SELF}},
    {"times", SYS_times, 0, OUT | NULL_OK, {0}},
    {"time", SYS_time, 0, OUT | NULL_OK, {0}},
    {"gettimeofday", SYS_gettimeofday, 0, OUT | NULL_OK, {0}},
    {"clock_gettime", SYS_clock_gettime, 1, OUT, {CLOCK_MONOTONIC}},
    {"clock_getres", SYS_clock_getres, 1, OUT | NULL_OK, {CLOCK_MONOTONIC}},
    {"nanosleep", SYS_nanosleep, 0, IN, {0}},
    {"clock_nanosleep", SYS_clock_nanosleep, 2, IN, {CLOCK_MONOTONIC}},
    {"rt_sigaction new", SYS_rt_sigaction, 1, IN | NULL_OK, {SIGUSR1, 0, 0, 8}},
    {"rt_sigaction old", SYS_rt_sigaction, 2, OUT | NULL_OK, {SIGUSR1, 0, 0, 8}},
    {"rt_sigprocmask new", SYS_rt_sigprocmask, 1, IN | NULL_OK, {SIG_BLOCK, 0, 0, 8}},
    {"rt_sigprocmask old", SYS_rt_sigprocmask, 2, OUT | NULL_OK, {SIG_BLOCK, 0, 0, 8}},
    {"rt_sigpending", SYS_rt_sigpending, 0, OUT, {0, 8}},
    {"sigaltstack new", SYS_sigaltstack, 0, IN | NULL_OK, {0}},
    {"sigaltstack old", SYS_sigaltstack, 1, OUT | NULL_OK, {0}},
    {"getrandom", SYS_getrandom, 0, OUT | FOUR_BYTES, {0, 4}},
    {"sched_getaffinity", SYS_sched_getaffinity, 2, OUT, {0, 128}},
    {"arch_prctl", SYS_arch_prctl, 1, OUT, {0x1003}}, /* ARCH_GET_FS */
    {"getresuid real", SYS_getresuid, 0, OUT | FOUR_BYTES, {0}},
    {"getresgid real", SYS_getresgid, 0, OUT | FOUR_BYTES, {0}},
    {"execve path", SYS_execve, 0, IN, {0}},
    {"execve argv", SYS_execve, 1, IN | NULL_OK, {0}},
    {"execve envp", SYS_execve, 2, IN | NULL_OK, {0}},
    {"futex word", SYS_futex, 0, IN | FOUR_BYTES, {0}},
};
#define CALLS (sizeof calls / sizeof *calls)

static const char *program; /* a path that execve can run: this one, which is never reached */
static char *hole, *readonly, *good;

/* Answers 0 when it is refused as it should be. */
static int try(const struct call *c, uint64_t pointer) {
    long a[6];
    memcpy(a, c->arg, sizeof a);
    if (c->number == SYS_execve && c->at != 0) a[0] = (long)program;
    if (c->number == SYS_getresuid || c->number == SYS_getresgid) a[1] = a[2] = (long)good;
    a[c->at] = (long)pointer;
    long r = syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return r == -1 && errno == EFAULT ? 0 : 1;
}

static int all_ways(const struct call *c) {
    const uint64_t bad[] = {0,          8,          (uint64_t)hole + 8, (uint64_t)hole - 4, USER_END - 4, USER_END,
                            USER_END + 8, KERNEL,   0x800000000000ul,  1ul << 63,          UINT64_MAX - 7};
    bool one_string = c->number == SYS_execve && c->at == 0;
    int wrong = 0;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (bad[i] == 0 && (c->kind & NULL_OK)) continue;
        if (bad[i] == (uint64_t)hole - 4 && (c->kind & FOUR_BYTES)) continue; /* that fits */
        if (bad[i] == (uint64_t)hole - 4 && one_string) memset(hole - 4, 'x', 4);
        int refused = try(c, bad[i]);
        if (refused != 0) diag("%s: %#lx was not refused with EFAULT (errno %d)", c->name, (unsigned long)bad[i], errno);
        wrong += refused;
    }
    if ((c->kind & OUT) && try(c, (uint64_t)readonly) != 0) {
        diag("%s: read-only memory was not refused", c->name);
        wrong++;
    }
    return wrong;
}

/* What the calls above might have changed. */
struct state {
    struct rlimit files;
    sigset_t mask, pending;
    struct sigaction usr1;
    stack_t stack;
    uint64_t id;
};

static struct state look(void) {
    struct state s;
    memset(&s, 0, sizeof s);
    getrlimit(RLIMIT_NOFILE, &s.files);
    sigprocmask(SIG_BLOCK, NULL, &s.mask);
    sigpending(&s.pending);
    sigaction(SIGUSR1, NULL, &s.usr1);
    s.id = (uint64_t)getuid() << 32 | getgid();
    return s;
}

static bool same(const struct state *a, const struct state *b) {
    return a->files.rlim_cur == b->files.rlim_cur && a->files.rlim_max == b->files.rlim_max && a->id == b->id &&
           a->usr1.sa_handler == b->usr1.sa_handler && memcmp(&a->mask, &b->mask, 8) == 0 &&
           memcmp(&a->pending, &b->pending, 8) == 0;
}

/* Bytes that a refused call for writing has no business with. */
static bool untouched(void) {
    for (size_t i = 0; i < PG; i++)
        if (readonly[i] != 0) return false;
    return true;
}

int main(int argc, char **argv) {
    if (argc == 0) return 0;
    program = argv[0];
    plan(CALLS + 3);
    good = anon(1);
    readonly = map_pages(1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    hole = anon(3) + PG;
    cut(hole, 0, 1); /* last: nothing may be mapped there again */
    struct state before = look();
    for (unsigned i = 0; i < CALLS; i++) is_int(all_ways(&calls[i]), 0, "%s: every bad pointer is EFAULT", calls[i].name);
    struct state after = look();
    ok(same(&before, &after), "limits, masks, dispositions and identity are as they were");
    ok(untouched(), "and so is memory");
    ok(audit_clean(), "audit");
    return done_testing();
}
