/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sending signals and acting on them.
 *
 *      sent --- ignored and not blocked ---> dropped
 *        |----- blocked ------------------> pending, until unblocked
 *        '----- else ---------------------> fatal: signals.fatal is set, every thread gets ATTENTION_KILL,
 *                                           wakes if it sleeps interruptibly, and ends on its way to ring 3
 *
 * As long as no process can have a handler, a signal that is neither ignored nor blocked ends the process:
 * the decision is made when it is sent, or when it is unblocked, and is not taken back (Linux does so too).
 *
 * LOCKING     process_lock.
 * MISSING     handlers (rt_sigaction answers ENOSYS), queued values, stopping (SIGSTOP and its kin are
 *             ignored: there is no job control).
 */
#include "kernel/signal.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/trace.h"
#include "kernel/trap.h"

#define HANDLER_DEFAULT 0ul
#define HANDLER_IGNORE  1ul

/* What SIG_DFL means: these do nothing, the rest end the process (POSIX, signal.h). */
#define DEFAULT_IGNORES                                                                                       \
    (SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT) | SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | \
     SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))

void signals_init(struct signals *s) {
    *s = (struct signals){.ignored = DEFAULT_IGNORES};
}

/* The child is in the table already: what was sent to it meanwhile (kill -1, a group) stays. */
void signals_fork(struct signals *child, const struct signals *parent) {
    uint64_t pending = child->pending;
    int fatal = child->fatal;
    *child = *parent;
    child->pending = pending;
    child->fatal = fatal;
}

/* Ignored ones stay so; handlers, were there any, would go with the program that holds their code. */
void signals_exec(struct signals *s) {
    for (unsigned i = 0; i < SIGNALS; i++) {
        uint64_t handler = s->action[i].handler;
        s->action[i] = (struct action){.handler = handler == HANDLER_IGNORE ? HANDLER_IGNORE : HANDLER_DEFAULT};
    }
}

void signals_set_action(struct signals *s, int sig, const struct action *a) {
    uint64_t bit = SIGBIT(sig);
    s->action[sig - 1] = *a;
    bool ignored = a->handler == HANDLER_IGNORE || (a->handler == HANDLER_DEFAULT && (DEFAULT_IGNORES & bit));
    s->ignored = ignored ? s->ignored | bit : s->ignored & ~bit;
}

static void attend(struct thread *t, uint32_t why) {
    __atomic_or_fetch(&t->attention, why, __ATOMIC_SEQ_CST);
    sched_interrupt(t);
}

static void doom_locked(struct process *p, int sig) {
    struct thread *t;
    if (!p->signals.fatal || sig == SIGKILL) p->signals.fatal = sig;
    LIST_FOREACH(t, &p->threads, of_process) attend(t, ATTENTION_SIGNAL | ATTENTION_KILL);
}

/* Would some thread of the process act on it now? */
static bool deliverable(const struct process *p, const struct thread *only, uint64_t bit) {
    const struct thread *t;
    if (bit == SIGBIT(SIGKILL)) return true;
    LIST_FOREACH(t, &p->threads, of_process) {
        if ((!only || t == only) && !(t->sigmask & bit)) return true;
    }
    return false;
}

void signal_send_locked(struct process *p, struct thread *t, int sig) {
    uint64_t bit = SIGBIT(sig);
    ASSERT(sig >= 1 && sig <= SIGNALS);
    if (p->state != PROCESS_ALIVE) return;
    bool now = deliverable(p, t, bit);
    if (now && (p->signals.ignored & bit) && sig != SIGKILL) return;
    if (t) t->sigpending |= bit;
    else p->signals.pending |= bit;
    if (now) doom_locked(p, sig);
}

void signal_send(struct process *p, int sig) {
    spin_lock(&process_lock);
    signal_send_locked(p, NULL, sig);
    spin_unlock(&process_lock);
}

void signal_self(int sig) {
    spin_lock(&process_lock);
    signal_send_locked(current_process(), current(), sig);
    spin_unlock(&process_lock);
}

void signal_fault(int sig) {
    struct process *p = current_process();
    spin_lock(&process_lock);
    if (p->state == PROCESS_ALIVE) doom_locked(p, sig);
    spin_unlock(&process_lock);
}

void signal_recheck_locked(struct thread *t) {
    struct process *p = t->process;
    uint64_t due = (t->sigpending | p->signals.pending) & ~p->signals.ignored & ~t->sigmask;
    if (p->state != PROCESS_ALIVE) return;
    if (p->signals.fatal) attend(t, ATTENTION_SIGNAL | ATTENTION_KILL); /* decided before t was there */
    else if (due) doom_locked(p, __builtin_ctzl(due) + 1);
}

void signal_act(struct trapframe *tf) {
    struct process *p = current_process();
    (void)tf; /* a handler's frame would be built from it */
    spin_lock(&process_lock);
    int fatal = p->signals.fatal;
    if (!fatal) __atomic_and_fetch(&current()->attention, ~ATTENTION_SIGNAL, __ATOMIC_SEQ_CST);
    spin_unlock(&process_lock);
    if (fatal) process_exit(fatal);
}

void user_return(struct trapframe *tf) {
    while (__builtin_expect(__atomic_load_n(&current()->attention, __ATOMIC_RELAXED), 0)) {
        irq_enable();
        signal_act(tf);
        irq_disable();
    }
}

/* ---- exceptions ---- */

/* Linux's choice of signal for each exception (SDM Vol. 3, table 6-1); 0: cannot come from ring 3. */
static const uint8_t exception_signal[32] = {
    [0] = SIGFPE,   [1] = SIGTRAP,  [3] = SIGTRAP,  [4] = SIGSEGV, [5] = SIGSEGV,  [6] = SIGILL,  [7] = SIGFPE,
    [10] = SIGSEGV, [11] = SIGBUS,  [12] = SIGBUS,  [13] = SIGSEGV, [14] = SIGSEGV, [16] = SIGFPE, [17] = SIGBUS,
    [19] = SIGFPE,
};

static void fault(const struct trapframe *tf, int sig, vaddr_t address) {
    const struct process *p = current_process();
    log_line("process %d (%s): signal %d at %#lx, address %#lx, error %#lx", p->pid, p->name, sig, tf->rip, address,
             tf->error);
    signal_fault(sig);
}

void user_exception(struct trapframe *tf) {
    int sig = tf->vector < 32 ? exception_signal[tf->vector] : 0;
    fault(tf, sig ? sig : SIGSEGV, 0);
}

bool user_page_fault(struct trapframe *tf, vaddr_t address) {
    struct space *space = current()->space;
    int access = tf->error & PF_FETCH ? FAULT_EXEC : tf->error & PF_WRITE ? FAULT_WRITE : FAULT_READ;
    if (!space) return false;
    int error = space_fault(space, address, access);
    if (error == 0) return true;
    if (!from_user(tf)) return false;
    fault(tf, error == -ENXIO || error == -ENOMEM ? SIGBUS : SIGSEGV, address);
    return true;
}
