/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the compiler calls before each access to memory, in kernels made with KASAN=1: panic if nobody has been given
 * those bytes. After AddressSanitizer (Serebryany and others, 2012).
 *
 *      8 bytes of RAM -> 1 of shadow:   0 all may be accessed    1-7 the first ones    else the reason why not
 *
 *      slab:   | head | object, meta | object, meta | ...       meta: the redzone, and in it who allocated and who freed
 *
 * The shadow is of physical memory: a direct-map address and an address in the image are turned into physical ones
 * and looked up; all other addresses (stacks, user space) are not looked at. Frames nobody has are poisoned by the
 * frame allocator, objects by the heap, what lies between globals by the compiler's constructors. A freed object
 * stays in quarantine until QUARANTINE others have been freed. Beside the shadow stands a note for each frame.
 *
 * This file and kernel/stack.c are not instrumented; memcpy and its like, which the linker sends here, are looked at whole.
 *
 * LOCKING  kasan_lock, a leaf below all (unknown to lockdep, interrupts off), guards the quarantine. The shadow of bytes is
 *          written by who owns them.
 * MISSING  objects on the stack; whole frames next to each other (a block that ends with its last frame has no redzone); the first
 *          word of an object between quarantine and its next use, where the slab has its link; what assembly does.
 */
#ifdef KASAN
#include "kernel/kasan.h"

#include <stdbool.h>

#include "arch/cpu.h"
#include "arch/mmu.h"
#include "kernel/assert.h"
#include "kernel/log.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "mm/types.h"

#define QUARANTINE 512
#define SITES      3

enum { GAP = 0xfa, FREED = 0xfd, FREE_FRAME = 0xff, GLOBAL = 0xf9 };

struct meta {
    uint32_t given[SITES], freed[SITES]; /* return addresses, their lower half; 0: none */
    uint16_t giver, freer;               /* threads */
    uint32_t frees;
};
_Static_assert(sizeof(struct meta) == KASAN_REDZONE, "the redzone holds it");

struct note { /* about a frame */
    uint32_t given[SITES], freed[SITES];
    const char *cache;      /* of the slab that it is, or NULL */
    uint16_t first, stride; /* its objects */
    uint32_t unused;
};

static uint8_t *shadow; /* NULL: not yet */
static struct note *notes;
static uint64_t limit; /* physical addresses with a shadow */
static bool off;       /* a report is on its way */

static uint32_t kasan_lock;
static void *quarantine[QUARANTINE];
static unsigned oldest, held;

extern char kernel_start[], kernel_end[];

/* ---- who ---- */

static __attribute__((noinline)) void save(uint32_t sites[SITES], unsigned skip) {
    struct stack s;
    stack_save(&s, skip + 1);
    for (unsigned i = 0; i < SITES; i++) {
        sites[i] = (uint32_t)s.pc[i];
        if (!s.pc[i]) break;
    }
}

static void print_sites(const char *what, const uint32_t sites[SITES], int tid) {
    struct stack s = {{0}};
    if (!sites[0]) return;
    for (unsigned i = 0; i < SITES && sites[i]; i++) s.pc[i] = 0xffffffff00000000ul | sites[i];
    log_line(tid < 0 ? "  %s:" : "  %s by thread %d:", what, tid);
    stack_print(&s);
}

static uint16_t me(void) {
    const struct thread *t = cpu_this()->thread;
    return t ? (uint16_t)t->tid : 0;
}

/* ---- the shadow ---- */

/* Physical address of a byte that has a shadow; else limit or more. */
static inline uint64_t physical(uint64_t va) {
    if (va - DIRECT_BASE < limit) return va - DIRECT_BASE;
    return va >= (uint64_t)kernel_start && va < (uint64_t)kernel_end ? va - KERNEL_BASE : UINT64_MAX;
}

static void fill(uint64_t pa, size_t n, uint8_t value) {
    if (!shadow || pa >= limit) return;
    void *at = shadow + pa / 8;
    size_t count = n / 8;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(value) : "memory");
}

void kasan_poison(const void *p, size_t n) {
    uint64_t pa = physical((uint64_t)p), cut = pa % 8;
    if (!shadow || pa >= limit || n == 0) return;
    if (cut) { /* the object before ends in these 8 bytes */
        shadow[pa / 8] = (uint8_t)cut;
        size_t rest = 8 - cut;
        pa += rest;
        n = n > rest ? n - rest : 0;
    }
    fill(pa, (n + 7) & ~7ul, GAP);
}

void kasan_unpoison(const void *p, size_t n) {
    uint64_t pa = physical((uint64_t)p);
    fill(pa, n, 0);
    if (shadow && n % 8 && pa < limit) shadow[(pa + n) / 8] = n % 8;
}

uint64_t kasan_pages(uint64_t frames) {
    return frames / 8 + 1 + (frames * sizeof(struct note)) / PAGE_SIZE + 1;
}

static void init_globals(void);

void kasan_init(void *at, uint64_t frames) {
    limit = frames * PAGE_SIZE;
    shadow = at;
    notes = (struct note *)(shadow + page_ceil(limit / 8));
    fill(0, limit, 0);
    void *note = notes;
    size_t bytes = frames * sizeof(struct note);
    __asm__ volatile("rep stosb" : "+D"(note), "+c"(bytes) : "a"(0) : "memory");
    init_globals();
}

/* ---- reports ---- */

static struct meta *meta_of(const struct note *n, uint64_t pa, uint64_t *start) {
    uint64_t page = page_floor(pa), index = (pa - page - n->first) / n->stride;
    if (pa - page < n->first) return NULL;
    *start = page + n->first + index * n->stride;
    if (*start + n->stride > page + PAGE_SIZE) return NULL;
    return (struct meta *)(phys_to_virt(*start + n->stride - KASAN_REDZONE));
}

/* Bytes from an object's start that may be accessed, or could be before it was freed. */
static uint64_t extent(uint64_t start, uint64_t most) {
    uint64_t n = 0;
    while (n < most && (shadow[(start + n) / 8] == 0 || shadow[(start + n) / 8] == FREED)) n += 8;
    return n < most && shadow[(start + n) / 8] < 8 ? n + shadow[(start + n) / 8] : n;
}

static void report_object(const struct note *n, uint64_t pa) {
    uint64_t start;
    const struct meta *m = meta_of(n, pa, &start);
    if (!m) {
        log_line("  in the head or the rest of a slab of cache %s", n->cache);
        return;
    }
    uint64_t size = extent(start, n->stride - KASAN_REDZONE);
    log_line("  %ld bytes from the start of %lu at %#lx, of cache %s", (long)(pa - start), size, (uint64_t)phys_to_virt(start),
             n->cache);
    print_sites("allocated", m->given, m->giver);
    if (m->frees) print_sites("freed", m->freed, m->freer);
}

static _Noreturn void report(uint64_t va, size_t size, bool write, uint8_t why, const char *what) {
    __atomic_store_n(&off, true, __ATOMIC_RELAXED);
    log_quiet(false);
    uint64_t pa = physical(va);
    const struct note *n = &notes[pa / PAGE_SIZE];
    log_line("kasan: %s of %lu bytes at %#lx, %s:", write ? "write" : "read", size, va, what);
    if (n->cache) report_object(n, pa);
    else if (why != GLOBAL) {
        print_sites("frame given", n->given, -1);
        print_sites("frame freed", n->freed, -1);
    }
    for (int i = -1; i <= 1; i++) {
        uint64_t at = (pa & ~127ul) + (uint64_t)(i * 128l);
        const uint64_t *s = (const uint64_t *)(shadow + at / 8);
        if (at < limit) log_line("  shadow of %#lx: %016lx %016lx", at, s[0], s[1]);
    }
    panic("kasan: %s of %lu bytes at %#lx, %s", write ? "write" : "read", size, va, what);
}

static const char *reason(uint64_t pa, uint8_t why) {
    if (why == FREE_FRAME) return "in a frame that is free";
    if (why == FREED) return "in an object that was freed";
    if (why == GLOBAL) return "behind a global";
    if (notes[pa / PAGE_SIZE].cache) return "outside of its object";
    uint64_t in_image = pa - ((uint64_t)kernel_start - KERNEL_BASE);
    return in_image < (uint64_t)(kernel_end - kernel_start) ? "behind a global" : "behind a block";
}

static __attribute__((noinline)) void look(uint64_t va, uint64_t pa, size_t size, bool write) {
    if (__atomic_load_n(&off, __ATOMIC_RELAXED)) return;
    for (uint64_t at = pa; at < pa + size && at < limit; at = (at | 7) + 1) {
        uint64_t last = (at | 7) < pa + size - 1 ? at | 7 : pa + size - 1;
        uint8_t s = shadow[at / 8];
        if (s == 0 || (s < 8 && last % 8 < s)) continue;
        uint64_t bad = s < 8 && at % 8 < s ? (at & ~7ul) + s : at;
        uint8_t why = s >= 8 ? s : shadow[at / 8 + 1] >= 8 ? shadow[at / 8 + 1] : GAP;
        report(va + (bad - pa), size, write, why, reason(bad, why));
    }
}

static inline __attribute__((always_inline)) void check(uint64_t va, size_t size, bool write) {
    uint64_t pa = physical(va);
    if (pa >= limit || !size) return;
    if (size <= 8 && shadow[pa / 8] == 0 && pa % 8 + size <= 8) return;
    look(va, pa, size, write);
}

/* ---- what the compiler calls ---- */

#define ACCESS(n)                                   \
    void __asan_load##n##_noabort(uint64_t);        \
    void __asan_load##n##_noabort(uint64_t va) {    \
        check(va, n, false);                        \
    }                                               \
    void __asan_store##n##_noabort(uint64_t);       \
    void __asan_store##n##_noabort(uint64_t va) {   \
        check(va, n, true);                         \
    }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __asan_loadN_noabort(uint64_t, size_t);
void __asan_storeN_noabort(uint64_t, size_t);
void __asan_handle_no_return(void);

void __asan_loadN_noabort(uint64_t va, size_t n) {
    check(va, n, false);
}

void __asan_storeN_noabort(uint64_t va, size_t n) {
    check(va, n, true);
}

void __asan_handle_no_return(void) {}

/* The layout is libasan's; size_with_redzone is a multiple of 32. */
struct global {
    uint64_t start, size, size_with_redzone;
    const char *name, *module;
    uint64_t dynamic, place, odr;
};

void __asan_register_globals(const struct global *, uint64_t);
void __asan_unregister_globals(const struct global *, uint64_t);

void __asan_register_globals(const struct global *g, uint64_t n) {
    for (; n--; g++) {
        uint64_t pa = g->start - KERNEL_BASE, used = (g->size + 7) & ~7ul;
        fill(pa + used, g->size_with_redzone - used, GLOBAL);
        if (g->size % 8) shadow[(pa + g->size) / 8] = g->size % 8;
    }
}

void __asan_unregister_globals(const struct global *g, uint64_t n) {
    (void)g;
    (void)n;
}

extern void (*const constructors[])(void), (*const constructors_end[])(void);

static void init_globals(void) {
    for (void (*const *f)(void) = constructors; f < constructors_end; f++) (*f)();
}

/* The linker sends calls of these here (--wrap). */
void *__real_memcpy(void *, const void *, size_t);
void *__real_memmove(void *, const void *, size_t);
void *__real_memset(void *, int, size_t);
void *__wrap_memcpy(void *, const void *, size_t);
void *__wrap_memmove(void *, const void *, size_t);
void *__wrap_memset(void *, int, size_t);
int __real_uaccess_copy(void *, const void *, size_t);
int __wrap_uaccess_copy(void *, const void *, size_t);

void *__wrap_memcpy(void *to, const void *from, size_t n) {
    check((uint64_t)from, n, false);
    check((uint64_t)to, n, true);
    return __real_memcpy(to, from, n);
}

void *__wrap_memmove(void *to, const void *from, size_t n) {
    check((uint64_t)from, n, false);
    check((uint64_t)to, n, true);
    return __real_memmove(to, from, n);
}

void *__wrap_memset(void *to, int c, size_t n) {
    check((uint64_t)to, n, true);
    return __real_memset(to, c, n);
}

/* One side is a program's, which has no shadow: what the other is, is looked at. */
int __wrap_uaccess_copy(void *to, const void *from, size_t n) {
    check((uint64_t)from, n, false);
    check((uint64_t)to, n, true);
    return __real_uaccess_copy(to, from, n);
}

/* ---- frames ---- */

void kasan_range_free(uint32_t first, uint32_t end) {
    fill((uint64_t)first * PAGE_SIZE, (uint64_t)(end - first) * PAGE_SIZE, FREE_FRAME);
}

void kasan_frame_given(uint32_t pfn, unsigned order) {
    fill((uint64_t)pfn * PAGE_SIZE, PAGE_SIZE << order, 0);
    for (uint32_t i = 0; i < 1u << order; i++) notes[pfn + i].cache = NULL;
    save(notes[pfn].given, 2);
}

void kasan_frame_freed(uint32_t pfn, unsigned order) {
    fill((uint64_t)pfn * PAGE_SIZE, PAGE_SIZE << order, FREE_FRAME);
    for (uint32_t i = 0; i < 1u << order; i++) notes[pfn + i].cache = NULL;
    save(notes[pfn].freed, 1);
}

/* ---- objects ---- */

void kasan_slab(const void *page, const void *first, size_t stride, const char *cache) {
    struct note *n = &notes[physical((uint64_t)page) / PAGE_SIZE];
    n->first = (uint16_t)((uint64_t)first - (uint64_t)page);
    n->stride = (uint16_t)stride;
    n->cache = cache;
}

static struct meta *meta(const void *p) {
    uint64_t start, pa = physical((uint64_t)p);
    return meta_of(&notes[pa / PAGE_SIZE], pa, &start);
}

void kasan_object_given(void *p) {
    struct meta *m = meta(p);
    save(m->given, 2);
    m->giver = me();
    m->frees = 0;
}

static uint64_t lock(void) {
    uint64_t saved = irq_save();
    while (__atomic_exchange_n(&kasan_lock, 1, __ATOMIC_ACQUIRE)) __builtin_ia32_pause();
    return saved;
}

static void unlock(uint64_t saved) {
    __atomic_store_n(&kasan_lock, 0, __ATOMIC_RELEASE);
    irq_restore(saved);
}

void *kasan_quarantine(void *p) {
    uint64_t pa = physical((uint64_t)p);
    struct meta *m = meta(p);
    if (!__atomic_load_n(&off, __ATOMIC_RELAXED) && shadow[pa / 8] == FREED) report((uint64_t)p, 1, true, FREED, "freed twice");
    save(m->freed, 2);
    m->freer = me();
    m->frees++;
    fill(pa, (extent(pa, notes[pa / PAGE_SIZE].stride - KASAN_REDZONE) + 7) & ~7ul, FREED);
    uint64_t saved = lock();
    void *out = NULL;
    if (held == QUARANTINE) {
        out = quarantine[oldest];
        oldest = (oldest + 1) % QUARANTINE;
        held--;
    }
    quarantine[(oldest + held++) % QUARANTINE] = p;
    unlock(saved);
    return out;
}

void *kasan_evict(void) {
    uint64_t saved = lock();
    void *out = held ? quarantine[oldest] : NULL;
    if (held) {
        oldest = (oldest + 1) % QUARANTINE;
        held--;
    }
    unlock(saved);
    return out;
}
#else
typedef int kasan_is_not_in_this_kernel;
#endif
