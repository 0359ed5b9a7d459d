/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Making threads and burying them.
 *
 * The vector registers' area of a user thread and what waits of its signals lie at the upper end of its kernel
 * stack, above the trap frame, so that a thread costs one stack and one descriptor:
 *
 *      stack                                     stack_top                stack + KSTACK_SIZE
 *        | ... kernel frames ...  | trap frame  |  XSAVE area  |  signals  |
 *
 * LOCKING  the count is atomic, `endings` guards who waits for ends; everything else belongs to the thread or the scheduler.
 */
#include "kernel/thread.h"

#include "kernel/assert.h"
#include "kernel/kstack.h"
#include "kernel/preempt.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/trap.h"
#include "mm/mm.h"

static struct cache threads;
static unsigned count;
static int kernel_tid;
static struct spinlock endings = {.name = "endings"};
static uint64_t begun, ended; /* endings to write; read racily */
static struct waitlist settlers; /* endings */
static struct thread boot_thread = {.name = "boot", .state = THREAD_RUNNING, .deadline = NO_DEADLINE, .affinity = ALL_CPUS};

unsigned thread_count(void) {
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
}

bool thread_should_stop(void) {
    return __atomic_load_n(&current()->attention, __ATOMIC_RELAXED) & ATTENTION_KILL;
}

/* ---- start-up ---- */

void thread_init_boot(void) {
    struct cpu *cpu = cpu_this();
    cpu->thread = cpu->idle = &boot_thread;
    cpu->preempt_off = 0;
    count = 1;
    pi_init();
    sched_init_cpu();
    kstack_init();
}

_Noreturn void thread_idle(void) {
    for (;;) {
        kstack_trim(1);
        irq_disable();
        if (sched_idle()) {
            irq_enable();
            yield_point();
        } else {
            cpu_idle();
        }
    }
}

static void idle_loop(void *arg) {
    (void)arg;
    thread_idle();
}

static struct thread *thread_alloc(const char *name, int tid);
static void kernel_entry(void *arg);

struct thread *thread_create_idle(void) {
    struct thread *idle = thread_alloc("idle", 0);
    if (idle) idle->state = THREAD_RUNNING;
    return idle;
}

/* The first CPU's idle thread is on no queue: it runs when the boot thread first sleeps or ends. */
void thread_init(void) {
    cache_init(&threads, "thread", sizeof(struct thread));
    struct thread *idle = thread_alloc("idle", 0);
    if (!idle) panic("no memory for the idle thread");
    idle->fn = idle_loop;
    context_init(&idle->context, idle->context.stack_top, kernel_entry, idle);
    cpu_this()->idle = idle;
}

/* ---- making one ---- */

static struct thread *thread_alloc(const char *name, int tid) {
    struct thread *t = cache_alloc_zero(&threads);
    if (!t) return NULL;
    do {
        t->stack = kstack_alloc();
    } while (!t->stack && thread_settle()); /* those that can be joined already may have been the last to get one */
    if (!t->stack) {
        cache_free(&threads, t);
        return NULL;
    }
    t->name = name;
    t->tid = tid;
    t->deadline = NO_DEADLINE;
    t->affinity = ALL_CPUS;
    t->cpu = cpu_this()->id;
    t->state = THREAD_SLEEPING;
    t->context.stack_top = t->stack + KSTACK_SIZE;
    __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    return t;
}

/* Counted out last: with the count, everything of it is gone. */
void thread_discard(struct thread *t) {
    if (t != &boot_thread) {
        kstack_free(t->stack);
        cache_free(&threads, t);
    }
    __atomic_sub_fetch(&count, 1, __ATOMIC_RELEASE);
}

void thread_reclaim(struct thread *t) {
    thread_discard(t);
    thread_ending_end();
}

void thread_ending_begin(void) {
    spin_lock(&endings);
    begun++;
    spin_unlock(&endings);
}

void thread_ending_end(void) {
    spin_lock(&endings);
    ended++;
    while (sched_wake_first(&settlers)) {}
    spin_unlock(&endings);
}

bool thread_settle(void) {
    struct thread *t = current();
    int error = 0;
    t->kill_only = true; /* a caller that tries again and again would never sleep while a signal waits for it */
    spin_lock(&endings);
    uint64_t until = begun;
    bool any = ended < until;
    while (ended < until && !error) error = sched_sleep(&settlers, &endings, NO_DEADLINE, true);
    spin_unlock(&endings);
    t->kill_only = false;
    return any && !error;
}

_Noreturn void thread_exit(void) {
    thread_ending_begin();
    preempt_disable();
    sched_exit();
}

static void kernel_entry(void *arg) {
    struct thread *t = arg;
    sched_begin();
    t->fn(t->arg);
    thread_exit();
}

struct thread *thread_create_kernel(const char *name, void (*fn)(void *), void *arg) {
    struct thread *t = thread_alloc(name, __atomic_sub_fetch(&kernel_tid, 1, __ATOMIC_RELAXED));
    if (!t) return NULL;
    t->fn = fn;
    t->arg = arg;
    context_init(&t->context, t->context.stack_top, kernel_entry, t);
    sched_start(t);
    return t;
}

static void user_entry(void *arg) {
    struct thread *t = arg;
    struct trapframe *tf = context_frame(&t->context);
    sched_begin();
    irq_disable();
    user_return(tf);
    context_enter_user(tf);
}

struct thread *thread_create_user(struct process *p, int tid) {
    struct thread *t = thread_alloc("user", tid);
    if (!t) return NULL;
    size_t fpu = (fpu_size() + 63) & ~63ul, signals = (sizeof *t->sigpending + 63) & ~63ul;
    t->context.stack_top -= signals;
    t->sigpending = (struct sigpending *)t->context.stack_top;
    sigpending_init(t->sigpending);
    t->context.stack_top -= fpu;
    t->context.fpu = (void *)t->context.stack_top;
    fpu_init_area(t->context.fpu); /* signal frames show all of it: no byte of whoever had the stack before */
    t->process = t->serves = p;
    t->space = p->space;
    context_init(&t->context, t->context.stack_top, user_entry, t);
    return t;
}
