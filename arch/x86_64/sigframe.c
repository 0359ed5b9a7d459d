/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signal frames. The drawing is in arch/sigframe.h.
 *
 * The vector registers are saved into the thread's own area and copied out from there. On the way back they are
 * copied in first, judged there, and loaded from there, so that no other thread of the program can change them
 * between the look and the load; what the look cannot know the CPU refuses (fpu_restore).
 *
 * What a forged frame may hold and what becomes of it:
 *      CS, SS          anything but ring 3's own: refused
 *      RFLAGS          the bits that POPF may change in ring 3, the rest stay (IF on, IOPL 0, NT and VM off)
 *      RIP             not canonical: refused; the kernel's half: a page fault of ring 3
 *      RSP             anything: ring 3 faults when it uses it
 *      MXCSR, header   reserved bits, unknown or compacted components: refused
 */
#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/ucontext.h>

#include "arch/sigframe.h"
#include "arch/uaccess.h"
#include "arch/x86_64/x86.h"
#include "libc/core/string.h"

struct rt_sigframe {
    uint64_t restorer;
    struct ucontext uc;
    siginfo_t info;
};

_Static_assert(sizeof(struct sigcontext) == 256 && offsetof(struct rt_sigframe, info) == 312 &&
                   sizeof(struct rt_sigframe) == 440, "Linux's frame");

#define SW_RESERVED 464 /* bytes of an FXSAVE area that are software's (SDM Vol. 1, 10.5.1) */
#define RFLAGS_DF 0x400ul
#define RFLAGS_TF 0x100ul
#define RFLAGS_RF 0x10000ul
/* AC OF DF TF SF ZF AF PF CF RF: what Linux takes back. */
#define RFLAGS_USER 0x50dd5ul

#define UC_FLAGS (UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS)
#define CANONICAL(a) ((uint64_t)((int64_t)((a) << 16) >> 16) == (a))

size_t sigframe_size(void) {
    return sizeof(struct rt_sigframe) + fpu_size() + sizeof(uint32_t) + 64 + 16;
}

/* ---- pushing ---- */

static void fill_registers(struct sigcontext *c, const struct trapframe *tf) {
    c->r8 = tf->r8, c->r9 = tf->r9, c->r10 = tf->r10, c->r11 = tf->r11;
    c->r12 = tf->r12, c->r13 = tf->r13, c->r14 = tf->r14, c->r15 = tf->r15;
    c->rdi = tf->rdi, c->rsi = tf->rsi, c->rbp = tf->rbp, c->rbx = tf->rbx;
    c->rdx = tf->rdx, c->rax = tf->rax, c->rcx = tf->rcx, c->rsp = tf->rsp;
    c->rip = tf->rip, c->eflags = tf->rflags;
    c->cs = (uint16_t)tf->cs, c->ss = (uint16_t)tf->ss;
}

static void fill(struct rt_sigframe *f, const struct trapframe *tf, const struct sigframe *s, uint64_t fp) {
    memset(f, 0, sizeof *f);
    f->restorer = s->restorer;
    f->uc.uc_flags = UC_FLAGS;
    f->uc.uc_stack.ss_sp = (void *)s->altstack.sp;
    f->uc.uc_stack.ss_flags = (int)s->altstack.flags;
    f->uc.uc_stack.ss_size = s->altstack.size;
    fill_registers(&f->uc.uc_mcontext, tf);
    f->uc.uc_mcontext.err = s->fault.error;
    f->uc.uc_mcontext.trapno = s->fault.vector;
    f->uc.uc_mcontext.cr2 = s->fault.address;
    f->uc.uc_mcontext.oldmask = s->mask;
    f->uc.uc_mcontext.fpstate = (void *)fp;
    memcpy(&f->uc.uc_sigmask, &s->mask, sizeof s->mask);
    memcpy(&f->info, s->info, 48);
}

/* The area says in the bytes that the CPU leaves to software what it is. */
static int push_fpu(void *area, uint64_t to) {
    const uint32_t end = FP_XSTATE_MAGIC2;
    struct _fpx_sw_bytes sw = {
        .magic1 = FP_XSTATE_MAGIC1,
        .extended_size = (uint32_t)(fpu_size() + sizeof end),
        .xfeatures = fpu_features(),
        .xstate_size = (uint32_t)fpu_size(),
    };
    fpu_save(area);
    if (!cpu_caps.xsave) memset(&sw, 0, sizeof sw);
    memcpy((char *)area + SW_RESERVED, &sw, sizeof sw);
    if (copyout(to, area, fpu_size())) return -EFAULT;
    return cpu_caps.xsave ? copyout(to + fpu_size(), &end, sizeof end) : 0;
}

static void start_handler(struct trapframe *tf, const struct sigframe *s, uint64_t at) {
    tf->rip = s->handler;
    tf->rsp = at;
    tf->rdi = (uint64_t)s->sig;
    tf->rsi = at + offsetof(struct rt_sigframe, info);
    tf->rdx = at + offsetof(struct rt_sigframe, uc);
    tf->rax = 0; /* variadic handlers have no vector arguments */
    tf->cs = USER_CS;
    tf->ss = USER_SS;
    tf->rflags &= ~(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF);
    trapframe_changed(tf);
}

int sigframe_push(struct trapframe *tf, struct context *c, const struct sigframe *s) {
    struct rt_sigframe f;
    uint64_t room = sigframe_size();
    if (s->stack < room || s->stack - room < s->low) return -EFAULT;
    if (!CANONICAL(s->handler)) return -EFAULT;
    uint64_t fp = (s->stack - fpu_size() - sizeof(uint32_t)) & ~63ul;
    uint64_t at = ((fp - sizeof f) & ~15ul) - 8;
    fill(&f, tf, s, fp);
    if (push_fpu(c->fpu, fp) || copyout(at, &f, sizeof f)) return -EFAULT;
    fpu_load_initial();
    start_handler(tf, s, at);
    return 0;
}

/* ---- popping ---- */

static int check_registers(const struct sigcontext *c) {
    return c->cs == USER_CS && c->ss == USER_SS && CANONICAL(c->rip) ? 0 : -EFAULT;
}

static void take_registers(struct trapframe *tf, const struct sigcontext *c) {
    tf->r8 = c->r8, tf->r9 = c->r9, tf->r10 = c->r10, tf->r11 = c->r11;
    tf->r12 = c->r12, tf->r13 = c->r13, tf->r14 = c->r14, tf->r15 = c->r15;
    tf->rdi = c->rdi, tf->rsi = c->rsi, tf->rbp = c->rbp, tf->rbx = c->rbx;
    tf->rdx = c->rdx, tf->rax = c->rax, tf->rcx = c->rcx, tf->rsp = c->rsp;
    tf->rip = c->rip;
    tf->rflags = (tf->rflags & ~RFLAGS_USER) | (c->eflags & RFLAGS_USER);
    tf->cs = USER_CS;
    tf->ss = USER_SS;
    trapframe_changed(tf);
}

/* Is there, behind the first 512 bytes, what XSAVE wrote? */
static bool extended(const struct _fpx_sw_bytes *sw, uint64_t fp) {
    uint32_t end;
    if (!cpu_caps.xsave || sw->magic1 != FP_XSTATE_MAGIC1 || sw->xstate_size > fpu_size()) return false;
    if (sw->xstate_size < FXSAVE_SIZE + XSAVE_HEADER || sw->extended_size != sw->xstate_size + sizeof end) return false;
    return copyin(&end, fp + sw->xstate_size, sizeof end) == 0 && end == FP_XSTATE_MAGIC2;
}

/* Without that only x87 and SSE come back, and the rest starts anew (Linux does so too). */
static int pop_fpu(uint64_t fp) {
    struct _fpx_sw_bytes sw;
    uint8_t area[FPU_AREA_MAX] __attribute__((aligned(64)));
    if (!fp) {
        fpu_load_initial();
        return 0;
    }
    memset(area, 0, sizeof area);
    if (copyin(area, fp, FXSAVE_SIZE)) return -EFAULT;
    memcpy(&sw, area + SW_RESERVED, sizeof sw);
    if (!extended(&sw, fp)) fpu_legacy_header(area);
    else if (copyin(area + FXSAVE_SIZE, fp + FXSAVE_SIZE, sw.xstate_size - FXSAVE_SIZE)) return -EFAULT;
    return fpu_restore(area);
}

int sigframe_pop(struct trapframe *tf, uint64_t *mask, struct sigframe_altstack *alt) {
    struct ucontext uc;
    uint64_t at = tf->rsp; /* RET of the handler took the restorer's address */
    if (copyin(&uc, at, sizeof uc) || check_registers(&uc.uc_mcontext)) return -EFAULT;
    if (pop_fpu((uint64_t)uc.uc_mcontext.fpstate)) return -EFAULT;
    take_registers(tf, &uc.uc_mcontext);
    memcpy(mask, &uc.uc_sigmask, sizeof *mask);
    *alt = (struct sigframe_altstack){(uint64_t)uc.uc_stack.ss_sp, uc.uc_stack.ss_size, (uint32_t)uc.uc_stack.ss_flags};
    return 0;
}
