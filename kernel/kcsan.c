/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the compiler calls at each access to memory, in kernels made with KCSAN=1: panic when two CPUs are at the same bytes
 * at once, one of them writes, and one of the accesses is a plain one. After KCSAN (Elver and others, LWN, 2020) and
 * DataCollider (Erickson and others, 2010).
 *
 *      CPU 0   a plain access, the n-th: watch it --- wait --- has anybody come? has the value changed?
 *      CPU 1                                any access --'  it is watched: leave who we are, go on
 *
 * Plain accesses are both: they look for watchpoints, and now and then set one. Marked ones (atomic or volatile) only look; two
 * marked ones never race; nor do a marked read and a plain write, which is taken for a single store, as all of a word at most
 * are here. Who set the watchpoint reports, with both stacks. A change that nobody left a word about was made
 * by assembly, by ring 3 or by hardware: reported too, unless only an entry's accessed and dirty bits have come.
 *
 * -DKCSAN_GO_ON (make KCSAN=report) prints each pair of places once and goes on.
 *
 * LOCKING  none. A slot belongs to whoever put its address there (a compare-exchange); who finds it there takes it over by
 *          another, fills in `other` and sets `told`, for which the first waits. Interrupts are off meanwhile.
 * MISSING  races of a thread with an interrupt on its own CPU; accesses that are reordered rather than simultaneous: a missing
 *          barrier between marked accesses is not seen. What assembly does, but for the memory functions.
 */
#ifdef KCSAN
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "kernel/assert.h"
#include "kernel/kcsan.h"
#include "kernel/log.h"
#include "kernel/stack.h"

#define SLOTS 64
#define SKIP  400u /* accesses from one watchpoint to the next: on average half of it */
#define WAIT  1500u /* pauses that a watchpoint stands */
#define KERNEL_HALF (1ul << 63)

enum kind { READ, WRITE, MARKED_READ, MARKED_WRITE };

struct access {
    uint64_t address;
    uint32_t size;
    uint16_t kind, cpu;
    struct stack stack;
};

#define TAKEN 1ul
static uint64_t watched[SLOTS]; /* 0: free; TAKEN; else address | size << 48 | write << 62, the address' high bits gone */
static bool told[SLOTS];
static struct access other[SLOTS];

static bool active; /* more than one CPU runs */
static struct {
    uint32_t left, seed;
    bool busy;
} __attribute__((aligned(64))) on_cpu[MAX_CPUS];

#define ADDRESS ((1ul << 48) - 1)

static uint64_t encode(uint64_t address, unsigned size, bool write) {
    return (address & ADDRESS) | (uint64_t)size << 48 | (uint64_t)write << 62;
}

static bool is_write(enum kind k) {
    return k == WRITE || k == MARKED_WRITE;
}

static uint64_t *slot_of(uint64_t address) {
    return &watched[(address >> 6 ^ address >> 12) % SLOTS];
}

/* ---- reports ---- */

static const char *const names[] = {"read", "write", "marked read", "marked write"};

static void print(const struct access *a) {
    log_line("  %s of %u bytes at %#lx, on CPU %u:", names[a->kind], a->size, a->address, a->cpu);
    stack_print(&a->stack);
}

#ifdef KCSAN_GO_ON
static bool is_new(uint64_t a, uint64_t b) {
    static struct { uint64_t a, b; } seen[256];
    static unsigned n;
    for (unsigned i = 0; i < n; i++)
        if ((seen[i].a == a && seen[i].b == b) || (seen[i].a == b && seen[i].b == a)) return false;
    if (n < 256) seen[n].a = a, seen[n++].b = b;
    return true;
}
#endif

static void report(const struct access *mine, const struct access *theirs, uint64_t before, uint64_t after) {
    static uint32_t one;
    if (__atomic_exchange_n(&one, 1, __ATOMIC_ACQUIRE)) return; /* one at a time; this one comes again */
#ifdef KCSAN_GO_ON
    if (is_new(mine->stack.pc[0], theirs ? theirs->stack.pc[0] : 0)) {
#else
    __atomic_store_n(&active, false, __ATOMIC_RELAXED);
    log_quiet(false);
#endif
    log_line("data race:");
    print(mine);
    if (theirs) print(theirs);
    else log_line("  and nobody who left a word");
    if (before != after) log_line("  the value went from %#lx to %#lx", before, after);
#ifdef KCSAN_GO_ON
    }
    __atomic_store_n(&one, 0, __ATOMIC_RELEASE);
#else
    panic("data race: %s and %s of %#lx", names[mine->kind], theirs ? names[theirs->kind] : "a change", mine->address);
#endif
}

/* ---- the two sides ---- */

static __attribute__((noinline)) void fill(struct access *a, uint64_t address, unsigned size, enum kind kind) {
    *a = (struct access){.address = address, .size = size, .kind = (uint16_t)kind, .cpu = (uint16_t)cpu_this()->id};
    stack_save(&a->stack, 3); /* without the functions here */
}

/* Somebody watches these bytes: tell them. */
static __attribute__((noinline)) void meet(uint64_t *slot, uint64_t seen, uint64_t address, unsigned size, enum kind kind) {
    uint64_t saved = irq_save();
    if (__atomic_compare_exchange_n(slot, &seen, TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        fill(&other[slot - watched], address, size, kind);
        __atomic_store_n(&told[slot - watched], true, __ATOMIC_RELEASE);
    }
    irq_restore(saved);
}

static uint64_t value(uint64_t address, unsigned size) {
    switch (size) {
    case 1: return *(const volatile uint8_t *)address;
    case 2: return *(const volatile uint16_t *)address;
    case 4: return *(const volatile uint32_t *)address;
    case 8: return *(const volatile uint64_t *)address;
    default: return 0;
    }
}

/* Bits 5 and 6 of a page-table entry are the hardware's to set: a value that gained them alone is taken for one. */
static bool by_hardware(uint64_t before, uint64_t after) {
    return (before & 1) && (before | 0x60) == (after | 0x60) && (after & before) == before;
}

/* Somebody who changed it and left no word had looked just before the watchpoint stood: they may come again. */
static uint64_t stand(uint64_t *slot, uint64_t mine, unsigned pauses, uint64_t address, unsigned size, uint64_t before) {
    uint64_t after = before;
    for (int i = 0; i < 4 && (i == 0 || after != before) && __atomic_load_n(slot, __ATOMIC_RELAXED) == mine; i++) {
        for (unsigned n = pauses; n--;) __builtin_ia32_pause();
        after = value(address, size);
    }
    return after;
}

static __attribute__((noinline)) void watch(uint64_t address, unsigned size, enum kind kind) {
    uint64_t *slot = slot_of(address), none = 0, saved = irq_save();
    unsigned cpu = cpu_this()->id, i = (unsigned)(slot - watched);
    if (!on_cpu[cpu].busy) {
        on_cpu[cpu].busy = true;
        uint64_t mine = encode(address, size, kind == WRITE);
        if (__atomic_compare_exchange_n(slot, &none, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            uint64_t before = value(address, size);
            uint64_t after = stand(slot, mine, on_cpu[cpu].seed % WAIT, address, size, before);
            struct access a;
            fill(&a, address, size, kind);
            if (!__atomic_compare_exchange_n(slot, &mine, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
                while (!__atomic_load_n(&told[i], __ATOMIC_ACQUIRE)) __builtin_ia32_pause();
                struct access b = other[i];
                __atomic_store_n(&told[i], false, __ATOMIC_RELAXED);
                __atomic_store_n(slot, 0, __ATOMIC_RELEASE);
                report(&a, &b, before, after);
            } else if (before != after && !by_hardware(before, after)) {
                report(&a, NULL, before, after);
            }
        }
        on_cpu[cpu].busy = false;
    }
    irq_restore(saved);
}

static bool is_due(void) {
    unsigned cpu = cpu_this()->id; /* should the thread move now, the other CPU's count is off by one */
    if (on_cpu[cpu].left--) return false;
    on_cpu[cpu].seed = on_cpu[cpu].seed * 1664525 + 1013904223 + cpu;
    on_cpu[cpu].left = (on_cpu[cpu].seed >> 8) % SKIP;
    return true;
}

/* Up to 64 bytes that may be watched. */
static inline __attribute__((always_inline)) void look(uint64_t address, unsigned size, enum kind kind) {
    uint64_t *slot = slot_of(address), seen = __atomic_load_n(slot, __ATOMIC_RELAXED);
    if (__builtin_expect(seen > TAKEN, 0)) {
        uint64_t start = seen & ADDRESS, at = address & ADDRESS, length = seen >> 48 & 0x3fff;
        bool conflict = is_write(kind) || (seen >> 62 && kind != MARKED_READ);
        if (conflict && at < start + length && start < at + size) meet(slot, seen, address, size, kind);
    }
}

static inline __attribute__((always_inline)) void check(uint64_t address, unsigned size, enum kind kind) {
    if (!__atomic_load_n(&active, __ATOMIC_RELAXED) || address < KERNEL_HALF) return;
    look(address, size, kind);
    if (kind <= WRITE && is_due()) watch(address, size, kind);
}

/* Bytes in a row: each line of 64 is looked at; the watchpoint, if it is time for one, is on the first word. */
static void check_range(const void *p, size_t n, enum kind kind) {
    uint64_t at = (uint64_t)p, end = at + n;
    if (!__atomic_load_n(&active, __ATOMIC_RELAXED) || at < KERNEL_HALF || n == 0) return;
    if (is_due()) watch(at, n < 8 ? 1 : 8, kind);
    for (uint64_t next; at < end; at = next) {
        next = (at | 63) + 1 < end ? (at | 63) + 1 : end;
        look(at, (unsigned)(next - at), kind);
    }
}

void kcsan_start(void) {
    __atomic_store_n(&active, cpu_count() > 1, __ATOMIC_RELEASE);
}

/* ---- what the compiler calls ---- */

#define HOOK(name, size, kind)       \
    void __tsan_##name(uint64_t);    \
    void __tsan_##name(uint64_t p) { \
        check(p, size, kind);        \
    }
#define HOOKS(n)                                   \
    HOOK(read##n, n, READ)                         \
    HOOK(write##n, n, WRITE)                       \
    HOOK(unaligned_read##n, n, READ)               \
    HOOK(unaligned_write##n, n, WRITE)             \
    HOOK(volatile_read##n, n, MARKED_READ)         \
    HOOK(volatile_write##n, n, MARKED_WRITE)       \
    HOOK(unaligned_volatile_read##n, n, MARKED_READ) \
    HOOK(unaligned_volatile_write##n, n, MARKED_WRITE)
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

void __tsan_init(void);
void __tsan_read_range(const void *, size_t);
void __tsan_write_range(const void *, size_t);

void __tsan_init(void) {}

void __tsan_read_range(const void *p, size_t n) {
    check_range(p, n, READ);
}

void __tsan_write_range(const void *p, size_t n) {
    check_range(p, n, WRITE);
}

/* The order that was asked for is not kept but exceeded: all are sequentially consistent here. */
#define RMW(bits, op, builtin)                                                             \
    uint##bits##_t __tsan_atomic##bits##_##op(uint##bits##_t *, uint##bits##_t, int);               \
    uint##bits##_t __tsan_atomic##bits##_##op(uint##bits##_t *p, uint##bits##_t v, int order) {     \
        (void)order;                                                              \
        check((uint64_t)p, bits / 8, MARKED_WRITE);                               \
        return builtin(p, v, __ATOMIC_SEQ_CST);                             \
    }
#define CAS(bits, strength, weak)                                                                                     \
    bool __tsan_atomic##bits##_compare_exchange_##strength(uint##bits##_t *, uint##bits##_t *, uint##bits##_t, int, int);  \
    bool __tsan_atomic##bits##_compare_exchange_##strength(uint##bits##_t *p, uint##bits##_t *expected, uint##bits##_t v, \
                                                           int success, int failure) {                                \
        (void)success;                                                                                                \
        (void)failure;                                                                                                \
        check((uint64_t)p, bits / 8, MARKED_WRITE);                                                                   \
        return __atomic_compare_exchange_n(p, expected, v, weak, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                 \
    }
/* clang's */
#define CAS_VALUE(bits)                                                                                               \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(uint##bits##_t *, uint##bits##_t, uint##bits##_t, int, int); \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(uint##bits##_t *p, uint##bits##_t expected, uint##bits##_t v, \
                                                              int success, int failure) {                             \
        __tsan_atomic##bits##_compare_exchange_strong(p, &expected, v, success, failure);                             \
        return expected;                                                                                              \
    }
#define ATOMIC(bits)                                                              \
    uint##bits##_t __tsan_atomic##bits##_load(const uint##bits##_t *, int);       \
    void __tsan_atomic##bits##_store(uint##bits##_t *, uint##bits##_t, int);      \
    uint##bits##_t __tsan_atomic##bits##_load(const uint##bits##_t *p, int order) {  \
        (void)order;                                                              \
        check((uint64_t)p, bits / 8, MARKED_READ);                                \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST);                              \
    }                                                                             \
    void __tsan_atomic##bits##_store(uint##bits##_t *p, uint##bits##_t v, int order) {  \
        (void)order;                                                              \
        check((uint64_t)p, bits / 8, MARKED_WRITE);                               \
        __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                 \
    }                                                                             \
    CAS(bits, strong, false)                                                      \
    CAS(bits, weak, true)                                                         \
    CAS_VALUE(bits)                                                              \
    RMW(bits, exchange, __atomic_exchange_n)                                                         \
    RMW(bits, fetch_add, __atomic_fetch_add)                                                          \
    RMW(bits, fetch_sub, __atomic_fetch_sub)                                                          \
    RMW(bits, fetch_and, __atomic_fetch_and)                                                          \
    RMW(bits, fetch_or, __atomic_fetch_or)                                                           \
    RMW(bits, fetch_xor, __atomic_fetch_xor)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int);
void __tsan_atomic_signal_fence(int);

void __tsan_atomic_thread_fence(int order) {
    (void)order;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void __tsan_atomic_signal_fence(int order) {
    (void)order;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* The linker sends calls of these here (--wrap). */
void *__real_memcpy(void *, const void *, size_t);
void *__real_memmove(void *, const void *, size_t);
void *__real_memset(void *, int, size_t);
void *__wrap_memcpy(void *, const void *, size_t);
void *__wrap_memmove(void *, const void *, size_t);
void *__wrap_memset(void *, int, size_t);

void *__wrap_memcpy(void *to, const void *from, size_t n) {
    check_range(from, n, READ);
    check_range(to, n, WRITE);
    return __real_memcpy(to, from, n);
}

void *__wrap_memmove(void *to, const void *from, size_t n) {
    check_range(from, n, READ);
    check_range(to, n, WRITE);
    return __real_memmove(to, from, n);
}

void *__wrap_memset(void *to, int c, size_t n) {
    check_range(to, n, WRITE);
    return __real_memset(to, c, n);
}
#else
typedef int kcsan_is_not_in_this_kernel;
#endif
