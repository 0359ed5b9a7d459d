/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Faults with a handler: the signal, si_code and si_addr of each, the context that goes with it, and that a
 * handler may mend the cause or leave by siglongjmp. A fault that is blocked or ignored is the end.
 */
#include <setjmp.h>

#include "tests/user/signals.h"

static sigjmp_buf out;
static volatile int sig_seen, code_seen, count;
static volatile uint64_t addr_seen, ip_seen, trap_seen, err_seen, cr2_seen;

static void leaves(int sig, siginfo_t *si, void *context) {
    const struct kcontext *uc = context;
    sig_seen = sig, code_seen = si->si_code, addr_seen = (uint64_t)si->si_addr;
    ip_seen = uc->reg[R_IP], trap_seen = uc->reg[R_TRAP], err_seen = uc->reg[R_ERR], cr2_seen = uc->reg[R_CR2];
    count++;
    siglongjmp(out, 1);
}

#define DOES(what) \
    do {                                        \
        sig_seen = 0;                           \
        if (sigsetjmp(out, 1) == 0) { what; }   \
    } while (0)

static void saw(int sig, int code, uint64_t addr, const char *what) {
    ok(sig_seen == sig && code_seen == code && addr_seen == addr, "%s: signal %d code %d address %#lx", what, sig_seen,
       code_seen, (unsigned long)addr_seen);
}

static void *volatile nowhere = (void *)8;

static void memory(void) {
    char *p = anon(2), *ro = map_pages(1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    char *file = map_fd(memfd(1), 2, PROT_READ | PROT_WRITE, MAP_SHARED);
    munmap(p + PG, PG);
    DOES(p[PG + 5] = 1);
    saw(SIGSEGV, SEGV_MAPERR, (uint64_t)p + PG + 5, "nothing is mapped");
    ok(trap_seen == 14 && (err_seen & 7) == 6 && cr2_seen == (uint64_t)p + PG + 5, "the context says page fault, by writing");
    DOES((void)*(volatile char *)nowhere);
    saw(SIGSEGV, SEGV_MAPERR, 8, "page zero");
    ok((err_seen & 7) == 4, "by reading");
    DOES(ro[7] = 1);
    saw(SIGSEGV, SEGV_ACCERR, (uint64_t)ro + 7, "a page for reading alone");
    DOES(((void (*)(void))p)());
    saw(SIGSEGV, SEGV_ACCERR, (uint64_t)p, "running what is data");
    ok(ip_seen == (uint64_t)p && (err_seen & 16), "the context says where, and that it was a fetch");
    DOES((void)*(volatile char *)(file + PG + 3));
    saw(SIGBUS, BUS_ADRERR, (uint64_t)file + PG + 3, "beyond a file's end");
    DOES((void)*(volatile char *)KERNEL);
    ok(sig_seen == SIGSEGV, "the kernel's memory");
    DOES((void)*(volatile char *)0x8000000000000000ul);
    saw(SIGSEGV, SI_KERNEL, 0, "no address at all");
    DOES(((void (*)(void))KERNEL)());
    ok(sig_seen == SIGSEGV, "a jump into the kernel");
}

static volatile int zero;
extern char at_ud2[], at_div[];

static void instructions(void) {
    DOES(__asm__ volatile(".globl at_ud2\nat_ud2: ud2"));
    saw(SIGILL, ILL_ILLOPN, (uint64_t)at_ud2, "an undefined instruction");
    DOES(__asm__ volatile("xorl %%edx, %%edx\nmovl $1, %%eax\n.globl at_div\nat_div: divl %0" ::"m"(zero) : "eax", "edx"));
    saw(SIGFPE, FPE_INTDIV, (uint64_t)at_div, "division by zero");
    DOES(__asm__ volatile("int3"));
    ok(sig_seen == SIGTRAP && code_seen == SI_KERNEL, "a breakpoint");
    DOES(__asm__ volatile("hlt"));
    saw(SIGSEGV, SI_KERNEL, 0, "HLT");
    DOES(__asm__ volatile("pushfq\norl $0x100, (%%rsp)\npopfq\nnop\nnop" ::: "memory", "cc"));
    ok(sig_seen == SIGTRAP && code_seen == TRAP_TRACE, "a single step (%d)", code_seen);
}

static void floats(void) {
    uint32_t usual = 0x1f80, strict = 0;
    uint16_t x87 = 0x37f, x87_strict = 0x340;
    double one = 1, nil = 0;
    DOES(__asm__ volatile("ldmxcsr %0\ndivsd %1, %%xmm0" ::"m"(strict), "m"(nil) : "xmm0"));
    __asm__ volatile("ldmxcsr %0" ::"m"(usual));
    if (!sig_seen) skip(1, "the machine raises no exceptions of SSE (QEMU does not)");
    else ok(sig_seen == SIGFPE && (code_seen == FPE_FLTDIV || code_seen == FPE_FLTINV), "SSE: division by zero (%d)", code_seen);
    DOES(__asm__ volatile("fnclex\nfldcw %0\nfldl %1\nfdivl %2\nfwait\nfstp %%st(0)" ::"m"(x87_strict), "m"(one), "m"(nil)));
    __asm__ volatile("fninit\nfldcw %0" ::"m"(x87));
    ok(sig_seen == SIGFPE && code_seen == FPE_FLTDIV, "x87: division by zero (%d)", code_seen);
}

/* ---- mending ---- */

static char *hole;

static void mends(int sig, siginfo_t *si, void *context) {
    (void)sig, (void)si, (void)context;
    count++;
    mprotect(hole, PG, PROT_READ | PROT_WRITE);
}

static void mending(void) {
    hole = map_pages(1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    handle_info(SIGSEGV, mends, 0);
    count = 0;
    *(volatile char *)hole = 42;
    ok(count == 1 && *hole == 42, "the handler made the page, and the instruction went on");
}

/* ---- no way out ---- */

static void touches(void *arg) {
    *(volatile char *)arg = 1;
}

static void blocked_fault(void *arg) {
    handle_info(SIGSEGV, leaves, 0);
    block(SIGSEGV);
    touches(arg);
}

static void ignored_fault(void *arg) {
    signal(SIGSEGV, SIG_IGN);
    touches(arg);
}

static void again_inside(int sig) {
    (void)sig;
    touches(NULL);
}

static void faults_in_handler(void *arg) {
    handle(SIGSEGV, again_inside, 0);
    touches(arg);
}

int main(void) {
    static const int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (int i = 0; i < 5; i++) handle_info(sigs[i], leaves, 0);
    memory();
    instructions();
    floats();
    count = 0;
    for (int i = 0; i < 1000; i++) DOES(touches(NULL));
    is_int(count, 1000, "a thousand faults, a thousand jumps out");
    mending();
    is_int(fate_of(blocked_fault, NULL), 1000 + SIGSEGV, "a fault that is blocked is the end");
    is_int(fate_of(ignored_fault, NULL), 1000 + SIGSEGV, "a fault that is ignored is the end");
    is_int(fate_of(faults_in_handler, NULL), 1000 + SIGSEGV, "a fault in the fault's handler is the end");
    return done_testing();
}
