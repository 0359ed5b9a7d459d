/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The stack that a handler runs on: the alternate one, its rules, and stacks on which no frame can stand:
 * unmapped, for reading alone, in the kernel, nowhere. Those are SIGSEGV, once, and no loop.
 */
#include <pthread.h>
#include <sys/auxv.h>

#include "tests/user/signals.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
#define SIZE 65536ul

static char *alt;
static volatile int count;
static volatile uintptr_t frame;
static stack_t inside;
static volatile int error_inside;

static bool on_alt(uintptr_t p) {
    return p > (uintptr_t)alt && p <= (uintptr_t)alt + SIZE;
}

static void looks(int sig) {
    (void)sig;
    count++;
    frame = (uintptr_t)__builtin_frame_address(0);
    sigaltstack(NULL, &inside);
    const stack_t off = {.ss_flags = SS_DISABLE};
    error_inside = sigaltstack(&off, NULL) ? errno : 0;
}

static void set_alt(int flags) {
    const stack_t s = {.ss_sp = alt, .ss_size = SIZE, .ss_flags = flags};
    if (sigaltstack(&s, NULL)) bail_out("sigaltstack: %s", strerror(errno));
}

static void rules(void) {
    stack_t s = {.ss_sp = alt, .ss_size = 2047}, old;
    fails(sigaltstack(&s, NULL), ENOMEM, "a stack that is too small");
    s = (stack_t){.ss_sp = alt, .ss_size = SIZE, .ss_flags = 64};
    fails(sigaltstack(&s, NULL), EINVAL, "unknown flags");
    fails(sigaltstack((void *)8, NULL), EFAULT, "a bad address");
    sigaltstack(NULL, &old);
    is_int(old.ss_flags, SS_DISABLE, "at first there is none");
    unsigned long least = getauxval(51); /* AT_MINSIGSTKSZ */
    ok(least == 0 || (least > 440 + 512 && least < SIZE), "the kernel says how large a frame is (%lu)", least);
    set_alt(0);
    sigaltstack(NULL, &old);
    ok(old.ss_sp == alt && old.ss_size == SIZE && old.ss_flags == 0, "then it is what was set");
}

static void use(void) {
    stack_t old;
    handle(SIGUSR1, looks, 0);
    raise(SIGUSR1);
    ok(!on_alt(frame), "without SA_ONSTACK: the usual stack");
    set_alt(0);
    handle(SIGUSR1, looks, SA_ONSTACK);
    raise(SIGUSR1);
    ok(on_alt(frame), "SA_ONSTACK: the alternate one");
    is_int(inside.ss_flags, SS_ONSTACK, "and it is said to be in use");
    is_int(error_inside, EPERM, "and may not be changed");
    sigaltstack(NULL, &old);
    is_int(old.ss_flags, 0, "not any more afterwards");
    set_alt((int)SS_AUTODISARM);
    raise(SIGUSR1);
    ok(on_alt(frame) && (inside.ss_flags & SS_DISABLE) && !error_inside, "SS_AUTODISARM: inside there is none");
    sigaltstack(NULL, &old);
    ok(old.ss_sp == alt && old.ss_flags == (int)SS_AUTODISARM, "and afterwards again");
}

static volatile int depth;

static void nests(int sig) {
    frame = (uintptr_t)__builtin_frame_address(0);
    if (depth++ == 0) {
        uintptr_t outer = frame;
        raise(sig);
        ok(on_alt(frame) && frame < outer, "a handler within a handler goes on below it");
    }
}

/* ---- stacks that are none ---- */

static void segv(int sig) {
    (void)sig;
    _exit(on_alt((uintptr_t)__builtin_frame_address(0)) ? 7 : 8);
}

static void on_stack(void *sp) {
    __asm__ volatile("movq %0, %%rsp\n"
                     "movl %1, %%eax\nsyscall\nmovl %%eax, %%edi\nmovl $10, %%esi\nmovl $200, %%eax\nsyscall\nud2"
                     ::"r"(sp), "i"(SYS_gettid) : "memory", "rax", "rdi", "rsi");
    __builtin_unreachable();
}

static void no_handler(void *sp) {
    handle(SIGUSR1, looks, 0);
    on_stack(sp);
}

static void same_handler(void *sp) {
    handle(SIGUSR1, looks, 0);
    handle(SIGSEGV, segv, 0);
    on_stack(sp);
}

static void alt_handler(void *sp) {
    handle(SIGUSR1, looks, 0);
    handle(SIGSEGV, segv, SA_ONSTACK);
    set_alt(0);
    on_stack(sp);
}

static void overflowing(int sig) {
    raise(sig);
}

/* Each handler needs more of the alternate stack, until there is none left. */
static void overflow(void *arg) {
    (void)arg;
    set_alt(0);
    handle(SIGUSR1, overflowing, SA_ONSTACK | SA_NODEFER);
    raise(SIGUSR1);
    _exit(9);
}

static void gone(void *arg) {
    (void)arg;
    handle(SIGUSR1, looks, SA_ONSTACK);
    set_alt(0);
    munmap(alt, SIZE);
    raise(SIGUSR1);
    _exit(9);
}

/* sigsuspend's old mask is what a handler returns to, also if the first one that was due could not run. */
static void segv_looks(int sig, siginfo_t *si, void *context) {
    const struct kcontext *c = context;
    (void)sig, (void)si;
    _exit((c->mask & (BIT(SIGUSR1) | BIT(SIGUSR2))) == (BIT(SIGUSR1) | BIT(SIGUSR2)) ? 7 : 8);
}

static void suspended(void *sp) {
    static const uint64_t none = 0;
    handle(SIGUSR1, looks, 0);
    handle_info(SIGSEGV, segv_looks, SA_ONSTACK);
    set_alt(0);
    block(SIGUSR1);
    block(SIGUSR2);
    raise(SIGUSR1);
    __asm__ volatile("movq %0, %%rsp\nmovl $8, %%esi\nmovl %1, %%eax\nsyscall\nud2"
                     ::"r"(sp), "i"(SYS_rt_sigsuspend), "D"(&none) : "memory", "rax", "rsi");
    __builtin_unreachable();
}

static void bad_stacks(void) {
    char *ro = map_pages(4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS), *cut_off = anon(4);
    munmap(cut_off, 3 * PG);
    const struct {
        const char *what;
        void *sp;
    } stacks[] = {
        {"unmapped", (void *)0x10000ul},          {"for reading alone", ro + 4 * PG},
        {"the kernel's", (void *)KERNEL},         {"not canonical", (void *)0x8000000000000000ul},
        {"0", NULL},                              {"too near its end", cut_off + 3 * PG + 256},
        {"-1", (void *)~0ul},
    };
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        is_int(fate_of(no_handler, stacks[i].sp), 1000 + SIGSEGV, "a stack that is %s: SIGSEGV", stacks[i].what);
        is_int(fate_of(same_handler, stacks[i].sp), 1000 + SIGSEGV, "its handler cannot run there either");
        is_int(fate_of(alt_handler, stacks[i].sp), 7, "but on the alternate stack it can");
    }
    is_int(fate_of(suspended, (void *)0x10000ul), 7, "in sigsuspend, the mask to return to is the old one all the same");
    is_int(fate_of(overflow, NULL), 1000 + SIGSEGV, "an alternate stack that is full");
    is_int(fate_of(gone, NULL), 1000 + SIGSEGV, "an alternate stack that is gone");
}

/* ---- alternate stacks that are none ---- */

struct alt_case {
    char *sp;
    bool in_thread;
};

/* SIGSEGV has a handler, and it is to run on the bad stack as well: the end, and not a loop. */
static void *on_bad_alt(void *arg) {
    const struct alt_case *c = arg;
    const stack_t s = {.ss_sp = c->sp, .ss_size = SIZE};
    if (sigaltstack(&s, NULL)) _exit(6);
    handle(SIGUSR1, looks, SA_ONSTACK | SA_NODEFER);
    handle(SIGSEGV, segv, SA_ONSTACK | SA_NODEFER);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    _exit(9);
}

static void bad_alt(void *arg) {
    const struct alt_case *c = arg;
    pthread_t t;
    if (!c->in_thread) on_bad_alt(arg);
    pthread_create(&t, NULL, on_bad_alt, arg);
    pthread_join(t, NULL);
}

static void bad_alts(void) {
    char *ro = map_pages(SIZE / PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS), *none = anon(SIZE / PG), *torn = anon(SIZE / PG);
    mprotect(none, SIZE, PROT_NONE);
    munmap(torn + SIZE - 2 * PG, PG); /* its top page is there, the frame does not fit */
    const struct {
        const char *what;
        char *sp;
    } alts[] = {
        {"for reading alone", ro},
        {"PROT_NONE", none},
        {"torn in its upper part", torn + PG - 64},
        {"the kernel's", (char *)KERNEL},
        {"not canonical", (char *)0x8000000000000000ul},
        {"at 0", NULL},
        {"at the end of all", (char *)-SIZE},
    };
    for (size_t i = 0; i < sizeof alts / sizeof *alts; i++)
        for (int thread = 0; thread < 2; thread++) {
            struct alt_case c = {alts[i].sp, thread};
            is_int(fate_of(bad_alt, &c), 1000 + SIGSEGV, "an alternate stack that is %s, %s: SIGSEGV, once", alts[i].what,
                   thread ? "of a second thread" : "of the first");
        }
}

/* The 128 bytes below the stack pointer belong to the program. */
static void red_zone(void) {
    uint64_t before = 0x1122334455667788ul, after = 0;
    handle(SIGTRAP, looks, 0);
    __asm__ volatile("movq %1, -8(%%rsp)\nmovq %1, -128(%%rsp)\nint3\nmovq -8(%%rsp), %0\nxorq -128(%%rsp), %0"
                     : "=&r"(after) : "r"(before) : "memory");
    is_int((long)after, 0, "the red zone is left alone");
}

int main(void) {
    alt = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rules();
    use();
    set_alt(0);
    handle(SIGUSR2, nests, SA_ONSTACK | SA_NODEFER);
    raise(SIGUSR2);
    bad_stacks();
    bad_alts();
    red_zone();
    return done_testing();
}
