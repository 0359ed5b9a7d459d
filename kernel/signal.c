/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sending signals: who takes one, and what becomes of it. Acting on them is kernel/deliver.c.
 *
 * What ends a process is decided when it is sent, if somebody takes it then, and is not taken back: all threads
 * get ATTENTION_KILL, which also ends long work in the kernel. A signal that is unblocked later, or whose
 * handler has gone meanwhile, is decided by the thread that takes it.
 *
 * The thread that is chosen may lose the signal again: to another one that was on its way out already, or by
 * blocking it. Then it goes on as if nothing had been (kernel/deliver.c starts its call again), and
 * signal_set_mask_locked finds the others.
 *
 * LOCKING  process_lock.
 * MISSING  stopping (SIGSTOP and its kin are ignored: there is no job control).
 */
#include "kernel/signal.h"

#include <asm/errno.h>
#include <asm/siginfo.h>

#include "kernel/aio.h"
#include "kernel/assert.h"
#include "kernel/process.h"
#include "kernel/sched.h"

/* What SIG_DFL means: these do nothing, the rest end the process (POSIX, signal.h). */
#define DEFAULT_IGNORES                                                                                       \
    (SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT) | SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | \
     SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))

/* ---- dispositions ---- */

void signals_init(struct signals *s) {
    s->ignored = DEFAULT_IGNORES;
    s->queued = 0;
    s->fatal = 0;
    sigpending_init(&s->pending);
}

/* The child is in the table already: what was sent to it meanwhile (kill -1, a group) stays. */
void signals_fork(struct signals *child, const struct signals *parent) {
    __builtin_memcpy(child->action, parent->action, sizeof child->action);
    child->ignored = parent->ignored;
}

/* Ignored ones stay so; handlers go with the program that holds their code. */
void signals_exec(struct signals *s) {
    for (int sig = 1; sig <= SIGNALS; sig++) {
        bool ignore = s->action[sig - 1].handler == HANDLER_IGNORE;
        signals_set_action(s, sig, &(struct action){.handler = ignore ? HANDLER_IGNORE : HANDLER_DEFAULT});
    }
}

void signals_set_action(struct signals *s, int sig, const struct action *a) {
    uint64_t bit = SIGBIT(sig);
    s->action[sig - 1] = *a;
    bool ignored = a->handler == HANDLER_IGNORE || (a->handler == HANDLER_DEFAULT && (DEFAULT_IGNORES & bit));
    s->ignored = ignored ? s->ignored | bit : s->ignored & ~bit;
}

/* ---- who takes it ---- */

static void attend(struct thread *t, uint32_t why) {
    __atomic_or_fetch(&t->attention, why, __ATOMIC_SEQ_CST);
    sched_interrupt(t);
}

void signal_doom_locked(struct process *p, int sig) {
    struct thread *t;
    if (!p->signals.fatal || sig == SIGKILL) p->signals.fatal = sig;
    LIST_FOREACH(t, &p->threads, of_process) attend(t, ATTENTION_SIGNAL | ATTENTION_KILL);
    aio_event();
}

/* It is awake now and will look; the next signal is for another one. */
static void hand_to_waiter(struct thread *t) {
    t->sigwait = 0;
    sched_interrupt(t);
}

static bool takes(const struct thread *t, uint64_t bit) {
    return !(t->sigmask & bit) || (t->sigwait & bit);
}

/* The running thread first, for it needs no waking; then whoever waits for this very signal; then anybody. */
static struct thread *taker_locked(struct process *p, struct thread *only, uint64_t bit) REQUIRES(&process_lock) {
    struct thread *t, *any = NULL;
    if (only) return takes(only, bit) ? only : NULL;
    if (current()->process == p && takes(current(), bit)) return current();
    LIST_FOREACH(t, &p->threads, of_process) {
        if (t->sigwait & bit) return t;
        if (takes(t, bit)) any = t;
    }
    return any;
}

/* ---- sending ---- */

static bool may_lose_data(const struct sigdata *d) {
    return d->code == SI_USER || d->code == SI_KERNEL;
}

/* To where it waits: 0 or -EAGAIN. */
static int put_locked(struct process *p, struct sigpending *q, const struct sigdata *d, struct sigentry *e)
    REQUIRES(&process_lock) {
    int error = 0;
    if (!e && d->signo > STANDARD) error = sigentry_alloc_locked(p, &e);
    if (error && !may_lose_data(d)) return error;
    if (!e) {
        sigpending_add_locked(q, d);
        return 0;
    }
    e->data = *d;
    sigpending_queue_locked(q, e);
    return 0;
}

int signal_post_locked(struct process *p, struct thread *t, const struct sigdata *d, struct sigentry *e) {
    ASSERT(d->signo >= 1 && d->signo <= SIGNALS);
    uint64_t bit = SIGBIT(d->signo);
    if (p->state != PROCESS_ALIVE) return 1;
    if (d->signo == SIGKILL) {
        signal_doom_locked(p, SIGKILL);
        return 0;
    }
    struct thread *taker = taker_locked(p, t, bit);
    bool awaited = taker && (taker->sigwait & bit);
    if (taker && !awaited && (p->signals.ignored & bit)) return 1;
    int error = put_locked(p, t ? t->sigpending : &p->signals.pending, d, e);
    if (error || !taker) return error;
    if (awaited) hand_to_waiter(taker);
    else if (p->signals.action[d->signo - 1].handler == HANDLER_DEFAULT) signal_doom_locked(p, d->signo);
    else attend(taker, ATTENTION_SIGNAL);
    return 0;
}

struct sigdata sigdata_user(int sig, int code) {
    const struct process *me = current_process();
    return (struct sigdata){.signo = sig, .code = code, .rt = {.pid = me->pid, .uid = me->cred.uid}};
}

void signal_send_locked(struct process *p, struct thread *t, int sig) {
    struct sigdata d = {.signo = sig, .code = SI_KERNEL};
    if (current_process()) d = sigdata_user(sig, SI_USER);
    signal_post_locked(p, t, &d, NULL);
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

/* The instruction cannot go on, so there is no waiting and no ignoring: a handler now, or the end (Linux, force_sig). */
bool signal_fault(const struct sigdata *d) {
    struct process *p = current_process();
    uint64_t bit = SIGBIT(d->signo);
    spin_lock(&process_lock);
    bool end = (current()->sigmask & bit) || p->signals.action[d->signo - 1].handler <= HANDLER_IGNORE;
    if (p->state == PROCESS_ALIVE && end) signal_doom_locked(p, d->signo);
    else if (p->state == PROCESS_ALIVE) signal_post_locked(p, current(), d, NULL);
    spin_unlock(&process_lock);
    return end;
}

/* ---- what timers and asynchronous requests are told to send ---- */

bool signal_receiver_locked(struct process *p, int tid, struct thread **t) {
    *t = NULL;
    if (!tid) return true;
    LIST_FOREACH(*t, &p->threads, of_process) if ((*t)->tid == tid) return true;
    return false;
}

bool signal_event_ok(int notify, int sig, int *tid) {
    struct thread *t;
    if (sig < 1 || sig > SIGNALS) return false;
    if (notify == SIGEV_SIGNAL) *tid = 0;
    if (notify != SIGEV_THREAD_ID) return notify == SIGEV_SIGNAL;
    if (*tid <= 0) return false;
    spin_lock(&process_lock);
    bool ours = signal_receiver_locked(current_process(), *tid, &t);
    spin_unlock(&process_lock);
    return ours;
}

/* ---- taking ---- */

bool signal_take_locked(struct thread *t, uint64_t set, struct sigdata *d) {
    return sigpending_take_locked(t->sigpending, set, d) || sigpending_take_locked(&t->process->signals.pending, set, d);
}

void signal_recheck_locked(struct thread *t) {
    struct process *p = t->process;
    uint64_t due = (t->sigpending->set | p->signals.pending.set) & ~t->sigmask;
    if (p->signals.fatal) attend(t, ATTENTION_SIGNAL | ATTENTION_KILL);
    else if (due) attend(t, ATTENTION_SIGNAL);
    else __atomic_and_fetch(&t->attention, ~ATTENTION_SIGNAL, __ATOMIC_SEQ_CST);
}

void signal_offer_locked(struct process *p, uint64_t set, const struct thread *but) {
    struct thread *t;
    set &= p->signals.pending.set;
    if (!set) return;
    LIST_FOREACH(t, &p->threads, of_process) {
        if (t != but && (set & ~t->sigmask)) attend(t, ATTENTION_SIGNAL);
        else if (t != but && (set & t->sigwait)) hand_to_waiter(t);
    }
}

void signal_set_mask_locked(uint64_t mask) {
    struct thread *me = current();
    uint64_t blocked = mask & ~me->sigmask;
    me->sigmask = mask;
    signal_recheck_locked(me);
    signal_offer_locked(me->process, blocked, me);
}

/* ---- ends ---- */

void signals_thread_exit_locked(struct process *p, struct thread *t) {
    sigpending_flush_locked(t->sigpending, ~0ul);
    signal_offer_locked(p, ~t->sigmask | t->sigwait, t);
}

void signals_exit_locked(struct process *p) {
    sigpending_flush_locked(&p->signals.pending, ~0ul);
    ASSERT(p->signals.queued == 0);
}
