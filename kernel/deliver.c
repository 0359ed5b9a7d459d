/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Acting on signals, on the way to ring 3 from any trap: the end, a handler, or nothing after all.
 *
 *      ring 3 ... trap --> kernel --> user_return --- nothing due ------------------> ring 3
 *                                        |--- fatal --> the end
 *                                        '--- handled --> frame on the user's stack --> handler
 *                                                                                        |
 *                ring 3, where it was <-- sigreturn <-- restorer <------------------------'
 *
 * A call that a signal ended early (-EINTR) is settled here, by what the signal turned out to be. Without a
 * handler the call is made again, whichever it is: the program never learns of a signal that it was not to see.
 * A timeout that had begun goes on: its deadline was noted (deadline_after), and the call finds it again. With a
 * handler the call is made again after it if SA_RESTART says so and the call is of the kind that allows it;
 * else it fails with EINTR.
 *
 * Several handlers that are due at once stand on each other, each as if it had interrupted the one before.
 *
 * LOCKING     process_lock; never while user memory is touched.
 * INVARIANTS  a frame that cannot be written is a SIGSEGV; if that is what was being delivered, the end. So there
 *             is no loop.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/unistd_64.h>
#include <linux/futex.h>
#include <linux/signal.h>
#include <linux/time.h>

#include "arch/sigframe.h"
#include "arch/trap.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/trap.h"
#include "gen/syscalls.h"

#define RED_ZONE 128
#define SYSCALL_INSN 2 /* bytes */
#define NR_aio_suspend      1315
#define NR_aio_waitcomplete 1359

/* ---- calls that were cut short ---- */

/* May SA_RESTART have it made again? The others always tell of a handler (signal(7) of Linux; contract W1). */
static bool restartable(const struct trapframe *tf) {
    switch (tf->error) {
    case __NR_nanosleep:
    case __NR_clock_nanosleep:
    case __NR_poll:
    case __NR_pause:
    case __NR_rt_sigsuspend:
    case __NR_rt_sigtimedwait:
    case NR_aio_suspend:
    case NR_aio_waitcomplete: return false;
    case __NR_futex: return tf->r10 == 0; /* no timeout */
    default: return true;
    }
}

/* Did it count a relative timeout, whose deadline deadline_after noted? */
static bool has_deadline(const struct trapframe *tf) {
    switch (tf->error) {
    case __NR_nanosleep: return true;
    case __NR_clock_nanosleep: return !(tf->rsi & TIMER_ABSTIME);
    case __NR_futex: return tf->r10 != 0 && ((int)tf->rsi & FUTEX_CMD_MASK) == FUTEX_WAIT;
    case __NR_poll: return (int)tf->rdx > 0;
    case __NR_rt_sigtimedwait:
    case NR_aio_suspend: return tf->rdx != 0;
    case NR_aio_waitcomplete: return tf->rsi != 0;
    default: return false;
    }
}

static bool cut_short(const struct trapframe *tf) {
    return tf->vector == TRAP_SYSCALL && (int64_t)tf->rax == -EINTR;
}

static void again(struct trapframe *tf) {
    tf->rax = tf->error;
    tf->rip -= SYSCALL_INSN;
    tf->vector = TRAP_SYSCALL + 1; /* settled */
}

static void settle_without_handler(struct trapframe *tf) {
    if (!cut_short(tf)) return;
    current()->resume_call = has_deadline(tf) ? tf->error : 0;
    again(tf);
}

/* FUTEX_LOCK_PI never tells: a mutex is had, or its time is over. */
static bool always_again(const struct trapframe *tf) {
    int op = (int)tf->rsi & FUTEX_CMD_MASK;
    return tf->error == __NR_futex && (op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2);
}

static void settle_with_handler(struct trapframe *tf, uint64_t flags) {
    current()->resume_call = 0;
    if (cut_short(tf) && (always_again(tf) || ((flags & SA_RESTART) && restartable(tf)))) again(tf);
}

/* ---- handlers ---- */

struct delivery {
    struct sigdata data;
    struct action action;
    uint64_t mask; /* to be put back when the handler returns */
    bool dropped;  /* others came first, and are ignored */
};

static bool on_altstack(const struct thread *t, uint64_t sp) {
    return !(t->altstack.flags & SS_AUTODISARM) && sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

static int build_frame(struct trapframe *tf, const struct delivery *d) {
    struct thread *me = current();
    bool on = on_altstack(me, tf->rsp), enter = (d->action.flags & SA_ONSTACK) && me->altstack.size && !on;
    const struct sigframe f = {
        .handler = d->action.handler,
        .restorer = d->action.restorer,
        .stack = enter ? me->altstack.sp + me->altstack.size : tf->rsp - RED_ZONE,
        .low = enter || on ? me->altstack.sp : 0,
        .mask = d->mask,
        .altstack = me->altstack,
        .fault = me->fault,
        .info = &d->data,
        .sig = d->data.signo,
    };
    if (!(d->action.flags & SA_RESTORER)) return -EFAULT; /* Linux wants one, too */
    int error = sigframe_push(tf, &me->context, &f);
    if (!error && (me->altstack.flags & SS_AUTODISARM)) me->altstack = (struct sigframe_altstack){.flags = SS_DISABLE};
    return error;
}

static void mask_for_handler(const struct delivery *d) {
    uint64_t mask = current()->sigmask | d->action.mask;
    if (!(d->action.flags & SA_NODEFER)) mask |= SIGBIT(d->data.signo);
    current()->sigsuspended = false;
    spin_lock(&process_lock);
    signal_set_mask_locked(mask & ~UNBLOCKABLE);
    spin_unlock(&process_lock);
}

/* The stack is no place for a frame: no handler of SIGSEGV may be asked about SIGSEGV's own. */
static void no_frame(int sig) {
    const struct sigdata d = {.signo = SIGSEGV, .code = SI_KERNEL};
    struct signals *s = &current_process()->signals;
    spin_lock(&process_lock);
    if (sig == SIGSEGV) signals_set_action(s, SIGSEGV, &(struct action){0});
    spin_unlock(&process_lock);
    signal_fault(&d);
}

static void handle(struct trapframe *tf, struct delivery *d) {
    signal_taken(&d->data);
    settle_with_handler(tf, d->action.flags);
    if (build_frame(tf, d)) no_frame(d->data.signo);
    else mask_for_handler(d);
}

/* ---- deciding ---- */

/* The mask that sigsuspend put aside, until a handler runs or none is to, or the one there is. */
static uint64_t mask_to_return_to(const struct thread *me) {
    return me->sigsuspended ? me->sigsaved : me->sigmask;
}

/* The next signal that has a handler: false if there is none, or if one was the end. */
static bool next_locked(struct process *p, struct thread *me, struct delivery *d) REQUIRES(&process_lock) {
    while (!p->signals.fatal && signal_take_locked(me, ~me->sigmask, &d->data)) {
        int sig = d->data.signo;
        struct action *a = &p->signals.action[sig - 1];
        if (p->signals.ignored & SIGBIT(sig)) {
            d->dropped = true;
            continue;
        }
        if (a->handler == HANDLER_DEFAULT) {
            signal_doom_locked(p, sig);
            return false;
        }
        d->action = *a;
        d->mask = mask_to_return_to(me);
        if (a->flags & SA_RESETHAND) signals_set_action(&p->signals, sig, &(struct action){0});
        return true;
    }
    return false;
}

static void no_handler(struct trapframe *tf, struct thread *me) {
    spin_lock(&process_lock);
    signal_set_mask_locked(mask_to_return_to(me));
    me->sigsuspended = false;
    spin_unlock(&process_lock);
    settle_without_handler(tf);
}

void signal_act(struct trapframe *tf) {
    struct process *p = current_process();
    struct thread *me = current();
    struct delivery d = {.dropped = false};
    spin_lock(&process_lock);
    bool found = next_locked(p, me, &d);
    int fatal = p->signals.fatal;
    if (!found && !fatal) signal_recheck_locked(me);
    spin_unlock(&process_lock);
    if (fatal) process_exit(fatal);
    if (d.dropped) signal_dropped();
    if (found) handle(tf, &d);
    else no_handler(tf, me);
}

/* It took what was the kernel's. */
static void repay(struct thread *me) {
    __atomic_and_fetch(&me->attention, ~ATTENTION_MEMORY, __ATOMIC_RELAXED);
    memory_repay();
}

void user_return(struct trapframe *tf) {
    struct thread *me = current();
    uint32_t why;
    while (__builtin_expect((why = __atomic_load_n(&me->attention, __ATOMIC_RELAXED)) != 0, 0)) {
        irq_enable();
        if (why & ATTENTION_KILL) thread_killed();
        if (why & ATTENTION_MEMORY) repay(me);
        if (why & ATTENTION_SIGNAL) signal_act(tf);
        irq_disable();
    }
}

/* ---- and back ---- */

/* A frame that is none is a SIGSEGV of the kind that cannot be handled on the same stack, and no error code. */
long sys_rt_sigreturn(void) {
    struct thread *me = current();
    struct trapframe *tf = context_frame(&me->context);
    struct sigframe_altstack alt;
    uint64_t mask;
    if (sigframe_pop(tf, &mask, &alt)) {
        no_frame(0);
        return 0;
    }
    spin_lock(&process_lock);
    signal_set_mask_locked(mask & ~UNBLOCKABLE);
    spin_unlock(&process_lock);
    (void)signal_set_altstack(&alt, tf->rsp); /* as Linux: a stack that is refused changes nothing */
    return (long)tf->rax;
}
