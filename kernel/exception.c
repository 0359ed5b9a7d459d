/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Exceptions of ring 3 become signals: page faults that nothing resolves, and the rest.
 *
 * Which signal, si_code and si_addr are Linux's choice for each (SDM Vol. 3, table 6-1 names the exceptions).
 * What the handler finds in its context besides (vector, error code, address) is kept with the thread.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>

#include "arch/context.h"
#include "kernel/assert.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/trap.h"

enum { SELF = 1 }; /* si_addr is the instruction */

static const struct exception {
    uint8_t signal;
    uint8_t code;    /* 0: SI_KERNEL */
    uint8_t address; /* SELF, or 0 */
} exceptions[32] = {
    [0] = {SIGFPE, FPE_INTDIV, SELF}, [1] = {SIGTRAP, TRAP_TRACE, SELF},  [3] = {SIGTRAP, 0, 0},
    [4] = {SIGSEGV, 0, 0},            [5] = {SIGSEGV, 0, 0},              [6] = {SIGILL, ILL_ILLOPN, SELF},
    [7] = {SIGFPE, 0, 0},             [10] = {SIGSEGV, 0, 0},             [11] = {SIGBUS, 0, 0},
    [12] = {SIGBUS, 0, 0},            [13] = {SIGSEGV, 0, 0},             [14] = {SIGSEGV, SEGV_MAPERR, 0},
    [16] = {SIGFPE, 0, SELF},         [17] = {SIGBUS, BUS_ADRALN, 0},     [19] = {SIGFPE, 0, SELF},
};

static void raise(const struct trapframe *tf, int sig, int code, uint64_t where, vaddr_t address) {
    const struct process *p = current_process();
    const struct sigdata d = {.signo = sig, .code = code, .fault = {where}};
    current()->fault = (struct sigframe_fault){tf->vector, tf->error, address};
    if (signal_fault(&d))
        log_line("process %d (%s): signal %d at %#lx, address %#lx, error %#lx", p->pid, p->name, sig, tf->rip, address,
                 tf->error);
}

/* The first that applies, in the order of Linux's math_error. */
static int float_code(bool simd) {
    enum { INVALID = 1, DENORMAL = 2, ZERO = 4, OVER = 8, UNDER = 16, INEXACT = 32 };
    unsigned e = fpu_exceptions(simd);
    if (e & INVALID) return FPE_FLTINV;
    if (e & ZERO) return FPE_FLTDIV;
    if (e & OVER) return FPE_FLTOVF;
    if (e & (UNDER | DENORMAL)) return FPE_FLTUND;
    return e & INEXACT ? FPE_FLTRES : SI_KERNEL;
}

void user_exception(struct trapframe *tf) {
    struct exception e = tf->vector < 32 ? exceptions[tf->vector] : (struct exception){0};
    int code = e.code ? e.code : SI_KERNEL;
    if (tf->vector == 16 || tf->vector == 19) code = float_code(tf->vector == 19);
    raise(tf, e.signal ? e.signal : SIGSEGV, code, e.address == SELF ? tf->rip : 0, 0);
}

void user_bad_address(struct trapframe *tf, vaddr_t address) {
    raise(tf, SIGSEGV, SEGV_MAPERR, address, address);
}

bool user_page_fault(struct trapframe *tf, vaddr_t address) {
    struct space *space = current()->space;
    int access = tf->error & PF_FETCH ? FAULT_EXEC : tf->error & PF_WRITE ? FAULT_WRITE : FAULT_READ;
    if (!space || !cpu_may_sleep()) return false; /* under a spinlock nothing is brought in: arch/uaccess.h */
    int error = space_fault(space, address, access);
    if (error == 0) {
        current()->minor_faults++;
        return true;
    }
    if (!from_user(tf)) return false;
    if (thread_should_stop()) return true; /* it need not wait for its page any more */
    if (error == -ENXIO || error == -ENOMEM || error == -EIO) raise(tf, SIGBUS, BUS_ADRERR, address, address);
    else raise(tf, SIGSEGV, error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, address, address);
    return true;
}
