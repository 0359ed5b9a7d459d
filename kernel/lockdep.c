/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Lock order, checked while the kernel runs (the idea: Linux's lockdep, 2006; FreeBSD's witness before it).
 *
 * Classes of locks are the nodes of a graph; that B was taken while A was held is the edge A -> B, kept with the
 * stack that made it. The documented order, kernel/lockorder.inc, is in the graph from the start. An edge that
 * would close a cycle is a deadlock that needs only the right moment; it is reported when the lock is asked
 * for, whether or not anybody waits, with the stacks of both sides:
 *
 *      held: A, C       takes B       new edges A -> B, C -> B       panic if B leads to A or to C
 *
 * Rules besides the order:
 *   - a class is not taken while another of it is held, but by the _nested calls, which argue why;
 *   - what an interrupt takes (or waits for, over edges that were seen) is never taken with interrupts on;
 *   - who waits for other CPUs holds nothing that is ever taken with interrupts off;
 *   - nobody sleeps with a spinlock or in an interrupt, and nobody leaves for ring 3 with any lock.
 *
 * Spinlocks held are a CPU's: a switch hands the run queue's lock from thread to thread on it. Sleeping locks
 * are a thread's. A try makes no edge to what it takes, as it does not wait; but what is taken under it does.
 *
 * LOCKING    `busy`, of its own kind, with interrupts off; seen[] and a class's flags are read without it, as bits
 *            are only ever added.
 * INVARIANTS the graph has no cycle.
 * MISSING    shared and exclusive are not told apart: a reader may wait behind a writer that waits.
 */
#ifdef LOCKDEP
#include "kernel/lockdep.h"

#include "arch/cpu.h"
#include "kernel/assert.h"
#include "kernel/log.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "libc/core/string.h"

#define CLASSES 128u
#define EDGES   1024u
#define SLOTS   512u /* of the table from a name's address to its class */
#define RFLAGS_IF 0x200u

enum usage { IN_IRQ, IRQS_ON, IRQS_OFF, WAITS_FOR_CPUS, USAGES };

struct set {
    uint64_t bits[CLASSES / 64];
};

static struct class {
    const char *name;
    enum lock_kind kind;
    bool used;
    uint32_t usage;              /* bit = enum usage */
    struct stack where[USAGES];  /* when it was first so */
    struct set after;            /* may be taken while this is held: documented, or seen */
    struct set seen;
} classes[CLASSES];
static unsigned nclasses;

static struct edge {
    uint32_t from, to;
    struct stack where;
} edges[EDGES];
static unsigned nedges;

static struct slot {
    const char *name;
    uint32_t class;
} slots[SLOTS];

static struct held_locks on_cpu[MAX_CPUS];
static uint32_t busy;
static bool off; /* something is being reported */

static const char *const order[] = {
#include "kernel/lockorder.inc"
};

/* ---- sets ---- */

static bool has(const struct set *s, unsigned i) {
    return __atomic_load_n(&s->bits[i / 64], __ATOMIC_RELAXED) >> (i % 64) & 1;
}

static void add(struct set *s, unsigned i) {
    __atomic_fetch_or(&s->bits[i / 64], 1ul << (i % 64), __ATOMIC_RELAXED);
}

static void graph_lock(void) {
    while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE)) __builtin_ia32_pause();
}

static void graph_unlock(void) {
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

/* ---- classes ---- */

static unsigned class_add_locked(const char *name) {
    if (nclasses == CLASSES) panic("lock order: more than %u classes", CLASSES);
    classes[nclasses].name = name;
    return nclasses++;
}

static void read_order_locked(void) {
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        unsigned class = class_add_locked(order[i]);
        for (unsigned before = 0; before < class; before++) add(&classes[before].after, class);
    }
}

static unsigned class_find_locked(const char *name) {
    if (nclasses == 0) read_order_locked();
    for (unsigned i = 0; i < nclasses; i++)
        if (strcmp(classes[i].name, name) == 0) return i;
    return class_add_locked(name);
}

/* A name that is met for the first time, at this address: its slot is at `at` or behind. */
static unsigned class_enter(const char *name, enum lock_kind kind, unsigned at) {
    graph_lock();
    unsigned class = class_find_locked(name);
    if (!classes[class].used) classes[class].kind = kind;
    classes[class].used = true;
    while (slots[at].name && slots[at].name != name) at = (at + 1) % SLOTS;
    slots[at].class = class;
    __atomic_store_n(&slots[at].name, name, __ATOMIC_RELEASE);
    graph_unlock();
    return class;
}

static unsigned class_of(const char *name, enum lock_kind kind) {
    unsigned at = (unsigned)((uint64_t)name * 0x9e3779b97f4a7c15ul >> 55) % SLOTS;
    const char *known;
    while ((known = __atomic_load_n(&slots[at].name, __ATOMIC_ACQUIRE)) && known != name) at = (at + 1) % SLOTS;
    unsigned class = known ? slots[at].class : class_enter(name, kind, at);
    if (classes[class].kind != kind) panic("lock order: %s names locks of two kinds", name);
    return class;
}

/* ---- reports ---- */

static const char *name_of(unsigned class) {
    return classes[class].name;
}

static void begin_report(void) {
    __atomic_store_n(&off, true, __ATOMIC_RELAXED);
    log_quiet(false);
}

static void print_here(void) {
    struct stack s;
    stack_save(&s, 1);
    stack_print(&s);
}

static void print_held(const struct held_locks *h, const char *whose) {
    for (unsigned i = 0; i < h->n; i++) log_line("  held by this %s: %s (%u)", whose, name_of(h->held[i].class), h->held[i].count);
}

static void print_all_held(void) {
    print_held(&on_cpu[cpu_this()->id], "CPU");
    if (current()) print_held(&current()->held, "thread");
}

static void print_edge(unsigned from, unsigned to) {
    for (unsigned i = 0; i < nedges; i++) {
        if (edges[i].from != from || edges[i].to != to) continue;
        log_line("  %s was taken while %s was held:", name_of(to), name_of(from));
        stack_print(&edges[i].where);
        return;
    }
    log_line("  %s comes after %s in docs/LOCKING.md", name_of(to), name_of(from));
}

/* A way from one class to another over `after` (or over what was seen): before[] leads back along it. */
static bool find_path(unsigned from, unsigned to, uint8_t before[CLASSES], bool seen_only) {
    struct set reached = {0};
    uint8_t queue[CLASSES];
    unsigned head = 0, tail = 0;
    queue[tail++] = (uint8_t)from;
    add(&reached, from);
    while (head < tail) {
        unsigned at = queue[head++];
        if (at == to) return true;
        const struct set *next = seen_only ? &classes[at].seen : &classes[at].after;
        for (unsigned i = 0; i < nclasses; i++) {
            if (!has(next, i) || has(&reached, i)) continue;
            add(&reached, i);
            before[i] = (uint8_t)at;
            queue[tail++] = (uint8_t)i;
        }
    }
    return false;
}

static void print_path(unsigned from, unsigned to, const uint8_t before[CLASSES]) {
    for (; to != from; to = before[to]) print_edge(before[to], to);
}

static _Noreturn void report_cycle(unsigned held, unsigned class, const uint8_t before[CLASSES]) {
    begin_report();
    log_line("lock order: %s is taken while %s is held:", name_of(class), name_of(held));
    print_here();
    log_line("but the order is the other way round:");
    print_path(class, held, before);
    print_all_held();
    panic("lock order: %s is taken while %s is held", name_of(class), name_of(held));
}

static _Noreturn void report_usage(unsigned a, enum usage of_a, unsigned b, enum usage of_b, const char *why) {
    begin_report();
    log_line("locks: %s, for the first time:", name_of(a));
    stack_print(&classes[a].where[of_a]);
    log_line("and %s:", name_of(b));
    stack_print(&classes[b].where[of_b]);
    print_all_held();
    if (a == b) panic("lock %s %s", name_of(a), why);
    panic("locks %s and %s: the first %s, over the second", name_of(a), name_of(b), why);
}

/* ---- the rules ---- */

static void check_usages_locked(void) {
    uint8_t before[CLASSES];
    for (unsigned a = 0; a < nclasses; a++) {
        uint32_t u = classes[a].usage;
        if (u >> WAITS_FOR_CPUS & 1 && u >> IRQS_OFF & 1)
            report_usage(a, WAITS_FOR_CPUS, a, IRQS_OFF, "is held while waiting for CPUs, and taken with interrupts off");
        if (!(u >> IN_IRQ & 1)) continue;
        for (unsigned b = 0; b < nclasses; b++)
            if (classes[b].usage >> IRQS_ON & 1 && find_path(a, b, before, true))
                report_usage(a, IN_IRQ, b, IRQS_ON, "is taken in an interrupt, and with interrupts on");
    }
}

static __attribute__((noinline)) void note_usage(unsigned class, enum usage usage) {
    struct class *c = &classes[class];
    if (__atomic_load_n(&c->usage, __ATOMIC_RELAXED) >> usage & 1) return;
    graph_lock();
    stack_save(&c->where[usage], 1);
    __atomic_fetch_or(&c->usage, 1u << usage, __ATOMIC_RELAXED);
    check_usages_locked();
    graph_unlock();
}

static __attribute__((noinline)) void add_edge(unsigned from, unsigned to) {
    uint8_t before[CLASSES];
    graph_lock();
    if (find_path(to, from, before, false)) report_cycle(from, to, before);
    if (nedges == EDGES) panic("lock order: more than %u edges", EDGES);
    if (!has(&classes[from].seen, to)) {
        edges[nedges].from = from;
        edges[nedges].to = to;
        stack_save(&edges[nedges++].where, 1);
        add(&classes[from].after, to);
        add(&classes[from].seen, to);
        check_usages_locked();
    }
    graph_unlock();
}

static void check_against(const struct held_locks *h, unsigned class, unsigned how) {
    for (unsigned i = 0; i < h->n; i++) {
        unsigned held = h->held[i].class;
        if (held == class && !(how & LOCK_NESTED)) {
            begin_report();
            print_all_held();
            panic("lock order: %s is taken while another %s is held", name_of(class), name_of(class));
        }
        if (held != class && !has(&classes[held].seen, class)) add_edge(held, class);
    }
}

static void push(struct held_locks *h, unsigned class) {
    for (unsigned i = 0; i < h->n; i++) {
        if (h->held[i].class != class) continue;
        h->held[i].count++;
        return;
    }
    if (h->n == HELD_MAX) panic("lock order: more than %d classes held at once", HELD_MAX);
    h->held[h->n++] = (struct held_class){class, 1};
}

static void pop(struct held_locks *h, unsigned class) {
    for (unsigned i = h->n; i-- > 0;) {
        if (h->held[i].class != class) continue;
        if (--h->held[i].count) return;
        h->n--;
        for (; i < h->n; i++) h->held[i] = h->held[i + 1];
        return;
    }
    panic("lock %s is released and was not held", name_of(class));
}

/* ---- the hooks ---- */

void lockdep_take(const char *name, enum lock_kind kind, unsigned how) {
    if (__atomic_load_n(&off, __ATOMIC_RELAXED)) return;
    uint64_t saved = irq_save();
    struct cpu *cpu = cpu_this();
    unsigned class = class_of(name, kind);
    if (kind == LOCK_SPIN) {
        if (cpu->irq_depth) note_usage(class, IN_IRQ);
        if (saved & RFLAGS_IF) note_usage(class, IRQS_ON);
        else if (cpu_count() > 1) note_usage(class, IRQS_OFF);
    }
    if (!(how & LOCK_TRY)) {
        check_against(&on_cpu[cpu->id], class, how);
        if (cpu->thread && cpu->irq_depth == 0) check_against(&cpu->thread->held, class, how);
    }
    push(kind == LOCK_SPIN ? &on_cpu[cpu->id] : &cpu->thread->held, class);
    irq_restore(saved);
}

void lockdep_release(const char *name, enum lock_kind kind) {
    if (__atomic_load_n(&off, __ATOMIC_RELAXED)) return;
    uint64_t saved = irq_save();
    struct cpu *cpu = cpu_this();
    pop(kind == LOCK_SPIN ? &on_cpu[cpu->id] : &cpu->thread->held, class_of(name, kind));
    irq_restore(saved);
}

void lockdep_might_sleep(void) {
    if (cpu_may_sleep() || __atomic_load_n(&off, __ATOMIC_RELAXED)) return;
    const struct cpu *cpu = cpu_this();
    begin_report();
    print_all_held();
    panic("may sleep, %s", cpu->irq_depth ? "in an interrupt" : on_cpu[cpu->id].n ? "with a spinlock" : "with preemption off");
}

void lockdep_wait_for_cpus(void) {
    if (__atomic_load_n(&off, __ATOMIC_RELAXED)) return;
    uint64_t saved = irq_save();
    const struct held_locks *h = &on_cpu[cpu_this()->id];
    for (unsigned i = 0; i < h->n; i++) note_usage(h->held[i].class, WAITS_FOR_CPUS);
    irq_restore(saved);
}

void lockdep_none_held(const char *where) {
    const struct cpu *cpu = cpu_this();
    if (__atomic_load_n(&off, __ATOMIC_RELAXED)) return;
    if (on_cpu[cpu->id].n == 0 && cpu->thread->held.n == 0) return;
    begin_report();
    print_all_held();
    panic("a lock is held %s", where);
}

#else
typedef int lockdep_is_not_in_this_kernel;
#endif
