/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Contexts that a handler has changed before it returns: a child for each field that could be worth forging.
 * Either the child dies of SIGSEGV, or the field is put right, and then the child is what it was: in ring 3, with
 * interrupts on and no access to ports. And what may be changed is changed: registers, flags, the mask, RIP.
 */
#include "tests/user/signals.h"

/* ---- forging ---- */

static void (*forge)(struct kcontext *);

static void forges(int sig, siginfo_t *si, void *context) {
    (void)sig, (void)si;
    forge(context);
}

#define SEG(cs, ss) ((uint64_t)(cs) | (uint64_t)(ss) << 48)
#define IOPL   0x3000ul
#define IF     0x200ul
#define NT     0x4000ul
#define VM     0x20000ul
#define AC     0x40000ul
#define VIF    0x80000ul
#define VIP    0x100000ul
#define FROM(c) (*(uint64_t *)((c)->fpstate + 512)) /* XSTATE_BV */

static void cs_kernel(struct kcontext *c) { c->reg[R_CSGSFS] = SEG(0x10, 0x2b); }
static void cs_null(struct kcontext *c) { c->reg[R_CSGSFS] = SEG(0, 0x2b); }
static void cs_rpl0(struct kcontext *c) { c->reg[R_CSGSFS] = SEG(0x30, 0x2b); }
static void cs_data(struct kcontext *c) { c->reg[R_CSGSFS] = SEG(0x2b, 0x2b); }
static void cs_wild(struct kcontext *c) { c->reg[R_CSGSFS] = SEG(0xfff3, 0x2b); }
static void ss_kernel(struct kcontext *c) { c->reg[R_CSGSFS] = SEG(0x33, 0x18); }
static void ss_wild(struct kcontext *c) { c->reg[R_CSGSFS] = SEG(0x33, 0xfffb); }
static void rip_wild(struct kcontext *c) { c->reg[R_IP] = 0x8000000000000000ul; }
static void rip_edge(struct kcontext *c) { c->reg[R_IP] = 0x800000000000ul; }
static void rip_kernel(struct kcontext *c) { c->reg[R_IP] = KERNEL; }
static void rip_null(struct kcontext *c) { c->reg[R_IP] = 0; }
static void sp_wild(struct kcontext *c) { c->reg[R_SP] = 0x8000000000000000ul; }
static void sp_kernel(struct kcontext *c) { c->reg[R_SP] = KERNEL; }
static void fp_wild(struct kcontext *c) { c->fpstate = (uint8_t *)0x8000000000000000ul; }
static void fp_kernel(struct kcontext *c) { c->fpstate = (uint8_t *)KERNEL; }
static void fp_hole(struct kcontext *c) { c->fpstate = (uint8_t *)4096; }
static void mxcsr_reserved(struct kcontext *c) { *(uint32_t *)(c->fpstate + 24) = 0xffff1f80; }
static void header_bits(struct kcontext *c) { FROM(c) |= 1ul << 62; }
static void header_compact(struct kcontext *c) { ((uint64_t *)(c->fpstate + 512))[1] = 1ul << 63 | 3; }
static void header_reserved(struct kcontext *c) { ((uint64_t *)(c->fpstate + 512))[2] = 1; }
static void header_last(struct kcontext *c) { ((uint64_t *)(c->fpstate + 512))[7] = ~0ul; }

static void flags_iopl(struct kcontext *c) { c->reg[R_FL] |= IOPL; }
static void flags_if(struct kcontext *c) { c->reg[R_FL] &= ~IF; }
static void flags_nt(struct kcontext *c) { c->reg[R_FL] |= NT; }
static void flags_vm(struct kcontext *c) { c->reg[R_FL] |= VM | VIF | VIP; }
static void flags_high(struct kcontext *c) { c->reg[R_FL] |= 0xfffffffful << 32 | 1ul << 15 | 8 | 0x20; }
static void flags_none(struct kcontext *c) { c->reg[R_FL] = 0; }
static void fp_none(struct kcontext *c) { c->fpstate = NULL; }
static void magic_none(struct kcontext *c) { *(uint32_t *)(c->fpstate + 464) = 0; }
static void size_wild(struct kcontext *c) { *(uint32_t *)(c->fpstate + 480) = 0xffffffff; }
static void size_small(struct kcontext *c) { *(uint32_t *)(c->fpstate + 480) = 1; }
static void extended_wild(struct kcontext *c) { *(uint32_t *)(c->fpstate + 468) = 0xffffffff; }
static void mask_all(struct kcontext *c) { c->mask = ~0ul; }
static void stack_wild(struct kcontext *c) { c->stack.ss_sp = (void *)KERNEL, c->stack.ss_flags = 12345, c->stack.ss_size = ~0ul; }
static void link_wild(struct kcontext *c) { c->link = (void *)KERNEL, c->flags = ~0ul, c->reserved[3] = ~0ul; }
static void header_none(struct kcontext *c) { FROM(c) = 0; }

enum { DIES, LIVES, EITHER };

static const struct {
    const char *what;
    void (*forge)(struct kcontext *);
    int fate;
} forgeries[] = {
    {"CS of ring 0", cs_kernel, DIES},         {"CS 0", cs_null, EITHER},
    {"CS with RPL 0", cs_rpl0, EITHER},        {"CS a data segment", cs_data, DIES},
    {"CS out of the table", cs_wild, DIES},    {"SS of ring 0", ss_kernel, DIES},
    {"SS out of the table", ss_wild, DIES},    {"RIP not canonical", rip_wild, DIES},
    {"RIP just not canonical", rip_edge, DIES}, {"RIP in the kernel", rip_kernel, DIES},
    {"RIP 0", rip_null, DIES},                 {"RSP not canonical", sp_wild, DIES},
    {"RSP in the kernel", sp_kernel, DIES},    {"fpstate not canonical", fp_wild, DIES},
    {"fpstate in the kernel", fp_kernel, DIES}, {"fpstate in a hole", fp_hole, DIES},
    {"MXCSR's reserved bits", mxcsr_reserved, DIES}, {"XSTATE_BV: unknown components", header_bits, EITHER},
    {"XCOMP_BV", header_compact, EITHER},      {"XSAVE header: a reserved byte", header_reserved, EITHER},
    {"XSAVE header: its last bytes", header_last, EITHER},
    {"IOPL 3", flags_iopl, LIVES},             {"IF off", flags_if, LIVES},
    {"NT", flags_nt, LIVES},                   {"VM, VIF, VIP", flags_vm, LIVES},
    {"reserved flags", flags_high, LIVES},     {"no flags at all", flags_none, LIVES},
    {"no fpstate", fp_none, LIVES},            {"no magic number", magic_none, LIVES},
    {"xstate_size without end", size_wild, EITHER}, {"xstate_size 1", size_small, EITHER},
    {"extended_size without end", extended_wild, EITHER}, {"a full mask", mask_all, LIVES},
    {"a wild alternate stack", stack_wild, LIVES}, {"uc_link, uc_flags, reserved", link_wild, LIVES},
    {"XSTATE_BV 0", header_none, LIVES},
};

static uint64_t flags_now(void) {
    uint64_t f;
    __asm__ volatile("pushfq\npopq %0" : "=r"(f));
    return f;
}

/* What the child is after the return, as its exit status: 0 is right. */
static void returns(void *arg) {
    uint64_t cs, ss;
    (void)arg;
    handle_info(SIGUSR1, forges, 0);
    raise(SIGUSR1);
    uint64_t f = flags_now();
    __asm__ volatile("mov %%cs, %0\nmov %%ss, %1" : "=r"(cs), "=r"(ss));
    double x = 1.5, y = *(volatile double *)&x * 2;
    if ((cs & 3) != 3 || (ss & 3) != 3) _exit(1);
    if (!(f & IF) || (f & (IOPL | VM | VIF | VIP))) _exit(2);
    if (y != 3) _exit(3);
    if (getppid() <= 0) _exit(4);
    _exit(0);
}

static void forging(void) {
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        forge = forgeries[i].forge;
        int fate = fate_of(returns, NULL), want = forgeries[i].fate;
        bool died = fate == 1000 + SIGSEGV || (fate == 1000 + SIGBUS && !on_holdfast()), lived = fate == 0;
        ok((want != LIVES && died) || (want != DIES && lived), "%s: %s (%d)", forgeries[i].what,
           died ? "SIGSEGV" : "nothing gained", fate);
    }
}

/* A system call out of nowhere: no frame at all. */
static void no_frame(void *arg) {
    __asm__ volatile("movq %0, %%rsp\nmovl $15, %%eax\nsyscall\nud2" ::"r"(arg) : "rax", "memory");
}

/* ---- what may be changed ---- */

static volatile int count;

static void skips(int sig, siginfo_t *si, void *context) {
    struct kcontext *c = context;
    (void)sig, (void)si;
    count++;
    c->reg[R_IP] += 2; /* UD2's length */
    c->reg[R_AX] = 4711;
    c->reg[R_FL] |= 1;
    c->mask |= BIT(SIGUSR2);
    *(double *)(c->fpstate + 160) = 2.5; /* XMM0 */
    if (*(uint32_t *)(c->fpstate + 464) == 0x46505853) FROM(c) |= 2;
}

static void changing(void) {
    uint64_t rax = 0, carry = 0;
    double x = 0;
    sigset_t now;
    handle_info(SIGILL, skips, 0);
    __asm__ volatile("xorl %%eax, %%eax\nclc\nud2\nsbbq %1, %1\nmovq %%rax, %0\nmovsd %%xmm0, %2"
                     : "=r"(rax), "+r"(carry), "=m"(x)::"rax", "xmm0", "cc");
    is_int(count, 1, "the handler ran");
    is_int((long)rax, 4711, "RAX is what it wrote, and RIP");
    ok(carry == ~0ul, "and the carry flag");
    ok(x == 2.5, "and XMM0");
    sigprocmask(SIG_BLOCK, NULL, &now);
    ok(sigismember(&now, SIGUSR2), "and the mask");
    unblock(SIGUSR2);
}

static void clears_kill(struct kcontext *c) {
    c->mask = ~0ul;
}

static void unkillable(void *arg) {
    sigset_t now;
    (void)arg;
    forge = clears_kill;
    handle_info(SIGUSR1, forges, 0);
    raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    _exit(sigismember(&now, SIGKILL) || sigismember(&now, SIGSTOP));
}

int main(void) {
    forging();
    is_int(fate_of(no_frame, (void *)KERNEL), 1000 + SIGSEGV, "sigreturn with the stack in the kernel");
    is_int(fate_of(no_frame, (void *)0x8000000000000000ul), 1000 + SIGSEGV, "with the stack nowhere");
    is_int(fate_of(no_frame, (void *)64), 1000 + SIGSEGV, "with the stack in a hole");
    is_int(fate_of(no_frame, anon(4)), 1000 + SIGSEGV, "with nothing on the stack");
    is_int(fate_of(unkillable, NULL), 0, "a mask of all signals leaves SIGKILL and SIGSTOP out");
    changing();
    if (on_holdfast()) is_int((long)knob("debug.audit"), 0, "the kernel is whole");
    return done_testing();
}
