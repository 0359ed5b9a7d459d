/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Handlers: called with the right arguments on the right stack, once, and returning to where the program
 * was, all of its registers as they were: general, flags, x87, SSE and AVX, whether it was computing or in a call.
 */
#include <errno.h>

#include "tests/user/signals.h"
#include "tests/user/vectors.h"

static volatile sig_atomic_t count, last;
static siginfo_t info;
static volatile uintptr_t context, frame;

static void counts(int sig) {
    count++;
    last = sig;
}

static void looks(int sig, siginfo_t *si, void *uc) {
    counts(sig);
    info = *si;
    context = (uintptr_t)uc;
    frame = (uintptr_t)__builtin_frame_address(0);
}

/* ---- called ---- */

static void calls(void) {
    handle(SIGUSR1, counts, 0);
    raise(SIGUSR1);
    is_int(count, 1, "a handler runs once");
    is_int(last, SIGUSR1, "and is told the signal");
    raise(SIGUSR1);
    is_int(count, 2, "it stays");
    handle(SIGUSR1, counts, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    ok(now.sa_handler == SIG_DFL, "SA_RESETHAND: one call, then the default");
    handle_info(SIGUSR2, looks, 0);
    kill(getpid(), SIGUSR2);
    ok(info.si_signo == SIGUSR2 && info.si_code == SI_USER, "SA_SIGINFO: signal and code");
    ok(info.si_pid == getpid() && info.si_uid == getuid(), "from whom");
    raise(SIGUSR2);
    is_int(info.si_code, SI_TKILL, "raise is tgkill");
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    ok(frame < here - 128 && frame > here - 65536, "it runs below the red zone, on the same stack");
    ok(context % 16 == 0 && (frame + 16) % 16 == 0, "stack and context are aligned");
}

/* ---- masks ---- */

static volatile sig_atomic_t depth, deepest;
static sigset_t inside;

static void nests(int sig) {
    if (++depth > deepest) deepest = depth;
    sigprocmask(SIG_BLOCK, NULL, &inside);
    if (depth < 3) raise(sig);
    depth--;
}

static void masks(void) {
    sigset_t outside;
    deepest = 0;
    handle(SIGUSR1, nests, SA_NODEFER);
    raise(SIGUSR1);
    is_int(deepest, 3, "SA_NODEFER: a handler within itself");
    struct sigaction a = {.sa_handler = counts};
    sigaddset(&a.sa_mask, SIGUSR2);
    sigaddset(&a.sa_mask, SIGKILL);
    a.sa_handler = nests;
    depth = 5;
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    ok(sigismember(&inside, SIGUSR1) && sigismember(&inside, SIGUSR2) && !sigismember(&inside, SIGTERM),
       "inside, itself and sa_mask are blocked");
    ok(!sigismember(&inside, SIGKILL), "but never SIGKILL");
    sigprocmask(SIG_BLOCK, NULL, &outside);
    ok(!sigismember(&outside, SIGUSR1) && !sigismember(&outside, SIGUSR2), "and not any more afterwards");
    depth = 0;
}

static void blocked(void) {
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handle(SIGUSR1, counts, 0);
    sigprocmask(SIG_BLOCK, &set, &old);
    count = 0;
    raise(SIGUSR1);
    raise(SIGUSR1);
    is_int(count, 0, "a blocked signal waits");
    sigpending(&pending);
    ok(sigismember(&pending, SIGUSR1), "and can be seen to");
    sigprocmask(SIG_SETMASK, &old, NULL);
    is_int(count, 1, "unblocked, it comes, once");
    raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    handle(SIGUSR1, counts, 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    is_int(count, 2, "ignored meanwhile, it is gone");
}

/* ---- registers ---- */

#define REGS 13
static const char *const reg_names[REGS] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
                                            "r8",  "r9",  "r10", "r11", "r12", "r13"};

struct regs {
    uint64_t in[REGS], out[REGS], flags_in, flags_out;
    uint8_t vin[16][32], vout[16][32];
    double x87_in, x87_out;
    uint32_t mxcsr_in, mxcsr_out;
    uint16_t control_in, control_out;
};

/* Loads everything, takes a breakpoint, stores everything. r14 holds r, r15 the stack. */
#define GPRS(op)                                                                                                    \
    op(0, rax) op(1, rbx) op(2, rcx) op(3, rdx) op(4, rsi) op(5, rdi) op(7, r8) op(8, r9) op(9, r10) op(10, r11)      \
        op(11, r12) op(12, r13) op(6, rbp)
#define GLOAD(i, r)  "movq %c[in]+8*" #i "(%%r14), %%" #r "\n"
#define GSTORE(i, r) "movq %%" #r ", %c[out]+8*" #i "(%%r14)\n"
#define BODY(L, S)                                                                                             \
    __asm__ volatile("pushq %%rbp\n"                                                                           \
                     "movq %0, %%r14\n" LOAD_FLOAT EACH_VECTOR(L) "pushq %c[fin](%%r14)\npopfq\n" GPRS(GLOAD)  \
                     "int3\n" GPRS(GSTORE) "pushfq\npopq %c[fout](%%r14)\ncld\n" EACH_VECTOR(S) STORE_FLOAT    \
                     "popq %%rbp\n"                                                                            \
                     :                                                                                         \
                     : "r"(r), [in] "i"(offsetof(struct regs, in)), [out] "i"(offsetof(struct regs, out)),     \
                       [fin] "i"(offsetof(struct regs, flags_in)), [fout] "i"(offsetof(struct regs, flags_out)), \
                       VECTOR_FIELDS(struct regs)                                                              \
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", \
                       "memory", "cc", VECTORS_LOST)

__attribute__((target("avx"), noinline)) static void trap_avx(struct regs *r) {
    __asm__ volatile("subq $256, %%rsp" ::: "memory");
    BODY(LOAD_AVX, STORE_AVX);
    __asm__ volatile("addq $256, %%rsp\nvzeroupper" ::: "memory");
}

__attribute__((noinline)) static void trap_sse(struct regs *r) {
    __asm__ volatile("subq $256, %%rsp" ::: "memory");
    BODY(LOAD_SSE, STORE_SSE);
    __asm__ volatile("addq $256, %%rsp" ::: "memory");
}

static bool clean_start;

/* A handler that leaves no register as it was. */
__attribute__((target("avx"))) static void ruins_avx(void) {
#define ONES(n) "vpcmpeqd %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\nvinsertf128 $1, %%xmm" #n ", %%ymm" #n ", %%ymm" #n "\n"
    __asm__ volatile(EACH_VECTOR(ONES) ::: "memory", VECTORS_LOST);
}

static void ruins(int sig) {
    uint32_t mxcsr, other = 0x1f80 | 0x6000;
    uint16_t control, status;
    __asm__ volatile("stmxcsr %0\nfnstcw %1\nfnstsw %2" : "=m"(mxcsr), "=m"(control), "=m"(status));
    clean_start = mxcsr == 0x1f80 && control == 0x37f && (status & 0x3800) == 0;
    counts(sig);
    if (has_avx()) ruins_avx();
    __asm__ volatile("ldmxcsr %0\nfninit\nfldz\nfldz\nfldz\nstd\ncld" ::"m"(other));
}

static void fill(struct regs *r) {
    uint8_t *p = (uint8_t *)r;
    for (size_t i = 0; i < sizeof *r; i++) p[i] = (uint8_t)(i * 37 + 11);
    memset(r->out, 0, sizeof r->out);
    memset(r->vout, 0, sizeof r->vout);
    r->flags_in = 0x202 | 1 | 0x40 | 0x80 | 0x400 | 0x800; /* CF ZF SF DF OF */
    r->mxcsr_in = MXCSR_USUAL | MXCSR_DOWN;
    r->control_in = CONTROL_USUAL | CONTROL_UP;
    r->x87_in = 3.25;
}

static void registers(void) {
    static struct regs r;
    bool avx = has_avx();
    size_t width = avx ? 32 : 16;
    int same = 0;
    ok(!avx || avx_enabled(), "a CPU that has AVX is used with it");
    handle(SIGTRAP, ruins, 0);
    count = 0;
    fill(&r);
    if (avx) trap_avx(&r);
    else trap_sse(&r);
    float_as_usual();
    is_int(count, 1, "a breakpoint's handler ran");
    ok(clean_start, "it began with fresh floating-point registers");
    for (int i = 0; i < REGS; i++) is_int((long)r.out[i], (long)r.in[i], "%s is as it was", reg_names[i]);
    is_int((long)(r.flags_out & 0xcd5), (long)(r.flags_in & 0xcd5), "the flags are");
    for (int i = 0; i < 16; i++) same += memcmp(r.vin[i], r.vout[i], width) == 0;
    is_int(same, 16, "all vector registers are, %zu bytes of each", width);
    ok(r.x87_out == 3.25, "the x87 stack is");
    is_int((int)(r.mxcsr_out & 0xffc0), (int)(r.mxcsr_in & 0xffc0), "MXCSR is");
    is_int(r.control_out, r.control_in, "the x87's control word is");
}

int main(void) {
    calls();
    masks();
    blocked();
    registers();
    return done_testing();
}
