/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Mistakes on order (see kernel/plant.h), each the smallest that its tool has to find. tests/boot/ has a test a tool.
 */
#include "kernel/plant.h"

#ifdef PLANTS
#include <stddef.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "arch/ipi.h"
#include "kernel/assert.h"
#include "kernel/lockdep.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sync.h"
#include "libc/core/string.h"
#include "mm/frame.h"
#include "mm/heap.h"

#ifdef LOCKDEP
/* ---- locks ---- */

static struct mutex a, b, c;
static struct rwlock rw;
static struct spinlock s;

static void locks(const char *first, const char *second, const char *third) {
    mutex_init(&a, first);
    mutex_init(&b, second);
    mutex_init(&c, third);
    rw_init(&rw, "plant rw");
    spin_init(&s, "plant spin");
}

static __attribute__((noinline)) void take_two(struct mutex *first, struct mutex *second) {
    mutex_lock(first);
    mutex_lock(second);
    mutex_unlock(second);
    mutex_unlock(first);
}

/* Never both at once, so nobody waits: yet two threads could. */
static void plant_inversion(void) {
    locks("plant a", "plant b", "plant c");
    take_two(&a, &b);
    take_two(&b, &c);
    take_two(&c, &a);
}

static void plant_order(void) {
    locks("object", "break", "plant c");
    take_two(&a, &b);
}

static void plant_same(void) {
    locks("plant a", "plant a", "plant c");
    take_two(&a, &b);
}

static void plant_irq(void) {
    locks("plant a", "plant b", "plant c");
    spin_lock(&s);
    spin_unlock(&s);
    uint64_t saved = irq_save();
    cpu_this()->irq_depth++; /* as an interrupt would */
    spin_lock(&s);
    spin_unlock(&s);
    cpu_this()->irq_depth--;
    irq_restore(saved);
}

static void plant_sleep(void) {
    locks("plant a", "plant b", "plant c");
    spin_lock(&s);
    take_two(&a, &b);
}

/* Found when the boot thread ends. */
static void plant_held(void) {
    locks("plant a", "plant b", "plant c");
    mutex_lock(&a);
}

static void nothing(void *unused) {
    (void)unused;
}

/* Who calls other CPUs with a lock that one of them may wait for with interrupts off waits for ever. */
static void plant_cpus(void) {
    locks("plant a", "plant b", "plant c");
    uint64_t saved = spin_lock_irq(&s);
    spin_unlock_irq(&s, saved);
    spin_lock(&s);
    ipi_call(cpu_online_mask(), nothing, NULL);
}

static void plant_release(void) NOT_ANALYSED {
    locks("plant a", "plant b", "plant c");
    spin_unlock(&s);
}

static void plant_kinds(void) {
    locks("plant spin", "plant b", "plant c");
    take_two(&a, &b);
    spin_lock(&s);
}

/* As if there were an order among locks of one name: it is found nevertheless that it is the same lock. */
static void plant_mutex_twice(void) NOT_ANALYSED {
    locks("plant a", "plant b", "plant c");
    mutex_lock(&a);
    mutex_lock_nested(&a);
}

static void plant_rwlock_twice(void) NOT_ANALYSED {
    locks("plant a", "plant b", "plant c");
    rw_lock(&rw);
    rw_lock_nested(&rw);
}

static void plant_spinlock_twice(void) NOT_ANALYSED {
    locks("plant a", "plant b", "plant c");
    spin_lock(&s);
    spin_lock_nested(&s);
}

/* A call finds a program's thread at work, which from then on holds a lock, as far as lockdep knows. */
static void leave_with_lock(void *unused) {
    (void)unused;
    if (current_process()) lockdep_take("plant a", LOCK_SLEEP, LOCK_TRY);
}

static void call_until_found(void *unused) {
    (void)unused;
    for (;;) {
        ipi_call(cpu_online_mask(), leave_with_lock, NULL);
        sched_yield();
    }
}

static void plant_ring3(void) {
    if (!thread_create_kernel("plant", call_until_found, NULL)) panic("no memory for the plant");
}
#endif

#ifdef UBSAN
/* ---- undefined behaviour ---- */

static volatile unsigned many = 40;

static void plant_shift(void) {
    volatile int one = 1;
    one = one << many;
}

static void plant_bounds(void) {
    static volatile int few[4];
    few[many] = 1;
    many = (unsigned)few[0];
}

static void plant_null(void) {
    int *volatile nothing = NULL;
    *nothing = 1;
}

static void plant_align(void) {
    static uint64_t words[2];
    uint64_t *volatile odd = (uint64_t *)((uint64_t)words + 1);
    *odd = 1;
}

static void plant_bool(void) {
    volatile uint8_t byte = 3;
    many = *(volatile bool *)&byte;
}
#endif

#ifdef KASAN
/* ---- memory that nobody has ---- */

static volatile size_t forty = 40;
static volatile char sink;

static void plant_after_free(void) {
    volatile char *p = heap_alloc(40);
    heap_free((void *)p);
    sink = p[8];
}

static void plant_beyond(void) {
    volatile char *p = heap_alloc(40);
    p[forty] = 1;
}

static void plant_before(void) {
    volatile char *p = heap_alloc(40);
    sink = p[-1];
}

static void plant_memset(void) {
    memset(heap_alloc(40), 0, forty + 1);
}

static void plant_twice(void) {
    void *p = heap_alloc(40);
    heap_free(p);
    heap_free(p);
}

/* What was freed is not handed out at once: else the new owner would have it, and the access would be in order. */
static void plant_quarantine(void) {
    volatile char *p = heap_alloc(40);
    heap_free((void *)p);
    for (int i = 0; i < 100; i++) heap_free(heap_alloc(40));
    if (!heap_alloc(40)) panic("no memory for the plant");
    sink = p[8];
}

static void plant_block(void) {
    volatile char *p = heap_alloc(3000);
    sink = p[3000];
}

static void plant_frame(void) {
    pfn_t pfn = frame_alloc(FRAME_KERNEL);
    volatile uint64_t *p = frame_addr(pfn);
    frame_drop(pfn);
    p[1] = 1;
}

static void plant_global(void) {
    static char ten[10];
    volatile char *p = ten;
    p[forty / 4] = 1;
}
#endif

#ifdef KCSAN
/* ---- data races ---- */

#define TURNS 300000
static uint64_t contended;
static struct spinlock guard;

static void add_plainly(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < TURNS; i++) {
        contended++;
        __asm__ volatile("" ::: "memory");
    }
}

static void add_marked(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < TURNS; i++) __atomic_fetch_add(&contended, 1, __ATOMIC_RELAXED);
}

static void add_locked(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < TURNS / 8; i++) {
        spin_lock(&guard);
        contended++;
        spin_unlock(&guard);
    }
}

/* On all CPUs at once. */
static void plant_race(void) {
    ipi_call(cpu_online_mask(), add_plainly, NULL);
}

static void plant_no_race(void) {
    spin_init(&guard, "plant spin");
    ipi_call(cpu_online_mask(), add_marked, NULL);
    ipi_call(cpu_online_mask(), add_locked, NULL);
}
#endif

static const struct {
    const char *name;
    void (*make)(void);
} plants[] = {
#ifdef LOCKDEP
    {"inversion", plant_inversion}, {"order", plant_order}, {"same", plant_same},
    {"irq", plant_irq}, {"sleep", plant_sleep}, {"held", plant_held}, {"ring3", plant_ring3},
    {"cpus", plant_cpus}, {"release", plant_release}, {"kinds", plant_kinds},
    {"mutex_twice", plant_mutex_twice}, {"rwlock_twice", plant_rwlock_twice}, {"spinlock_twice", plant_spinlock_twice},
#endif
#ifdef KASAN
    {"after_free", plant_after_free}, {"beyond", plant_beyond}, {"before", plant_before}, {"memset", plant_memset},
    {"twice", plant_twice}, {"quarantine", plant_quarantine},
    {"block", plant_block}, {"frame", plant_frame}, {"global", plant_global},
#endif
#ifdef KCSAN
    {"race", plant_race}, {"no_race", plant_no_race},
#endif
#ifdef UBSAN
    {"shift", plant_shift}, {"bounds", plant_bounds}, {"null", plant_null}, {"align", plant_align}, {"bool", plant_bool},
#endif
};

bool plant(const char *word) {
    if (strncmp(word, "plant=", 6) != 0) return false;
    for (unsigned i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        if (strcmp(word + 6, plants[i].name) != 0) continue;
        log_line("planted: %s", plants[i].name);
        plants[i].make();
        return true;
    }
    return false;
}
#else
typedef int nothing_is_planted_in_this_kernel;
#endif
