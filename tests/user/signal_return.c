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
static void flags_rf(struct kcontext *c) { c->reg[R_FL] |= 0x10000ul | 0x200000ul; }
static void flags_tf(struct kcontext *c) { c->reg[R_FL] |= 0x100ul; }
static void rip_minus(struct kcontext *c) { c->reg[R_IP] = ~0ul; }
static void x87_wild(struct kcontext *c) { memset(c->fpstate, 0xff, 24); } /* control, status, tags; MXCSR comes after */

/* The vector registers somewhere else: not aligned, or at the end of what is mapped, with n bytes of them there. */
static void fp_moved(struct kcontext *c, char *to, size_t n) {
    memcpy(to, c->fpstate, n);
    c->fpstate = (uint8_t *)to;
}

static char *before_hole(void) {
    char *p = anon(4);
    cut(p, 2, 2);
    return p + 2 * PG;
}

static void fp_odd(struct kcontext *c) { fp_moved(c, anon(2) + 1, 4096); }
static void fp_eight(struct kcontext *c) { fp_moved(c, anon(2) + 8, 4096); }
static void fp_torn(struct kcontext *c) { fp_moved(c, before_hole() - 256, 256); }
static void fp_legacy(struct kcontext *c) { fp_moved(c, before_hole() - 512, 512); }
static void fp_headless(struct kcontext *c) { fp_moved(c, before_hole() - 520, 520); }

static unsigned bit; /* which, of the header's 512 */

static void header_bit(struct kcontext *c) {
    ((uint64_t *)(c->fpstate + 512))[bit / 64] ^= 1ul << bit % 64;
}

static void segment_bit(struct kcontext *c) {
    c->reg[R_CSGSFS] ^= 1ul << bit;
}

static void mxcsr_bit(struct kcontext *c) {
    *(uint32_t *)(c->fpstate + 24) ^= 1u << bit;
}

static void flag_bit(struct kcontext *c) {
    c->reg[R_FL] ^= 1ul << bit;
}

enum { DIES, LIVES, EITHER, TRAPS }; /* TRAPS: SIGTRAP, by the CPU that was asked to step */

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
    {"XSTATE_BV 0", header_none, LIVES},       {"RF, ID", flags_rf, LIVES},
    {"TF", flags_tf, TRAPS},                   {"RIP -1", rip_minus, DIES},
    {"x87 state without sense", x87_wild, EITHER}, {"fpstate at an odd address", fp_odd, EITHER},
    {"fpstate at a multiple of 8", fp_eight, EITHER}, {"fpstate half in a hole", fp_torn, DIES},
    {"fpstate's extended part in a hole", fp_legacy, EITHER}, {"fpstate's header in a hole", fp_headless, EITHER},
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
        if (want == TRAPS) {
            is_int(fate, 1000 + SIGTRAP, "%s: SIGTRAP", forgeries[i].what);
            continue;
        }
        bool died = fate == 1000 + SIGSEGV || (fate == 1000 + SIGBUS && !on_holdfast()), lived = fate == 0;
        ok((want != LIVES && died) || (want != DIES && lived), "%s: %s (%d)", forgeries[i].what,
           died ? "SIGSEGV" : "nothing gained", fate);
    }
}

/* One bit after the other: the child dies of it, or is what it was. */
static void each_bit(void (*by)(struct kcontext *), unsigned bits, const char *what) {
    int died = 0, lived = 0;
    forge = by;
    for (bit = 0; bit < bits; bit++) {
        int fate = fate_of(returns, NULL);
        if (fate == 0) lived++;
        else if (fate == 1000 + SIGSEGV || fate == 1000 + SIGBUS || fate == 1000 + SIGTRAP || fate == 1000 + SIGFPE) died++;
        else diag("bit %u: %d", bit, fate);
    }
    is_int(died + lived, (long)bits, "%s: each bit (%d ended by a signal)", what, died);
}

static void bits(void) {
    each_bit(header_bit, 512, "XSAVE header");
    each_bit(mxcsr_bit, 32, "MXCSR");
    each_bit(flag_bit, 64, "RFLAGS");
    each_bit(segment_bit, 64, "CS, GS, FS, SS");
}

/* ---- single steps, through system calls ---- */

static volatile int steps;

static void stops(struct kcontext *c) {
    c->reg[R_FL] &= ~0x100ul;
}

static void counts_steps(int sig, siginfo_t *si, void *context) {
    (void)sig;
    if (si->si_code != TRAP_TRACE && si->si_code != SI_USER && si->si_code != SI_KERNEL) steps = -1000;
    if (++steps == 200) stops(context);
}

/* The kernel runs untraced while the program is stepped; the flag is there again behind each call. */
static void stepping(void *arg) {
    long pid = getpid();
    (void)arg;
    handle_info(SIGTRAP, counts_steps, 0);
    __asm__ volatile("pushfq\norq $0x100, (%%rsp)\npopfq" ::: "memory", "cc");
    for (int i = 0; i < 1000 && steps < 200; i++) {
        long r = SYS_getpid;
        __asm__ volatile("syscall" : "+a"(r)::"rcx", "r11", "memory");
        if (r != pid) _exit(1);
    }
    _exit(steps == 200 && !(flags_now() & 0x100) ? 0 : 2);
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
    char *edge = before_hole();
    is_int(fate_of(no_frame, edge - 128), 1000 + SIGSEGV, "with a frame half in a hole");
    is_int(fate_of(no_frame, edge - 131), 1000 + SIGSEGV, "and not aligned either");
    is_int(fate_of(no_frame, map_pages(4, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS)), 1000 + SIGSEGV, "in PROT_NONE");
    bits();
    is_int(fate_of(stepping, NULL), 0, "stepped through system calls: each step is ring 3's, and the end of it is");
    is_int(fate_of(unkillable, NULL), 0, "a mask of all signals leaves SIGKILL and SIGSTOP out");
    changing();
    if (on_holdfast()) is_int((long)knob("debug.audit"), 0, "the kernel is whole");
    return done_testing();
}
