/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The allocator: size classes over mmap.
 *
 * Every block has 16 bytes in front of it that say what it is:
 *
 *     | header: capacity, class, state | the caller's bytes ... |
 *     ^ multiple of 16                 ^ what malloc returns
 *
 * Up to 32 KiB a block belongs to one of 40 classes: 16, 32 ... 128, then four between each power
 * of two and the next, so that rounding wastes at most a fifth. Freed blocks wait in their class's
 * list and are never joined; new ones are cut from a run of 256 KiB. Larger blocks are mappings of
 * their own, grown by mremap and given back when freed. The break is left to the program.
 *
 * A block aligned to more than 16 bytes lies inside a larger one; the header in front of it says
 * how far back the real one is. A second free of a block, or of what never was one, is noticed by
 * the state and aborts.
 *
 * LOCKING: `guard` for the lists and the run, around take() and give(). Mappings need none, and a
 * header in use belongs to the caller.
 * Missing on purpose: giving runs back to the kernel, statistics, hooks.
 */
#include "libc/internal/fork.h"
#include "libc/internal/syscall.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GRAIN      16u
#define LARGEST    32768u /* of a class */
#define CLASSES    40
#define RUN        (256 * 1024ul)
#define PAGE       4096ul
#define ALIGN_UP(n, to) (((n) + (to)-1) & ~((size_t)(to)-1))

enum state { IN_USE = 0x10cced01, FREE = 0xf4ee0000, MAPPED = 0x3a99ed02, INSIDE = 0x1251de03 };

struct header {
    size_t capacity; /* bytes behind the header; INSIDE: bytes back to the real header */
    uint32_t class;
    uint32_t state;
};

struct block {
    struct header header;
    struct block *next; /* while free */
};

_Static_assert(sizeof(struct header) == GRAIN, "what follows a header is aligned");

static struct lock guard;
static struct block *lists[CLASSES];
static char *run, *run_end; /* not cut yet; headers start at multiples of 16 */

/* --- Classes --------------------------------------------------------------------------------- */

/* The smallest class that holds n bytes, 1 <= n <= LARGEST. */
static unsigned class_of(size_t n) {
    if (n <= 128) return (unsigned)((n - 1) / GRAIN);
    /* 2^power < n <= 2^(power+1), power >= 7 */
    unsigned power = 63 - (unsigned)__builtin_clzl(n - 1);
    return 8 + (power - 7) * 4 + (unsigned)((n - 1 - (1ul << power)) >> (power - 2));
}

static size_t class_size(unsigned class) {
    if (class < 8) return (class + 1) * GRAIN;
    unsigned power = 7 + (class - 8) / 4;
    return (1ul << power) + ((size_t)((class - 8) % 4 + 1) << (power - 2));
}

static void give_locked(struct block *b) {
    b->header.state = FREE;
    b->next = lists[b->header.class];
    lists[b->header.class] = b;
}

static struct block *cut(unsigned class) {
    struct block *b = (struct block *)(void *)run;

    run += sizeof(struct header) + class_size(class);
    b->header = (struct header){.capacity = class_size(class), .class = class, .state = FREE};
    return b;
}

/* What is left of the run becomes blocks of the largest classes that fit, before a new run replaces
 * it. */
static bool new_run(void) {
    for (size_t left; (left = (size_t)(run_end - run)) >= sizeof(struct block) + GRAIN;) {
        size_t fits = left - sizeof(struct header);
        unsigned class = class_of(fits > LARGEST ? LARGEST : fits);
        give_locked(cut(class_size(class) > fits ? class - 1 : class));
    }
    void *memory = mmap(NULL, RUN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        run = run_end = NULL;
        return false;
    }
    run = memory;
    run_end = run + RUN;
    return true;
}

static struct block *take_locked(unsigned class) {
    struct block *b = lists[class];

    if (b) {
        lists[class] = b->next;
    } else {
        if ((size_t)(run_end - run) < sizeof(struct header) + class_size(class) && !new_run())
            return NULL;
        b = cut(class);
    }
    b->header.state = IN_USE;
    return b;
}

static void give(struct block *b) {
    lock(&guard);
    give_locked(b);
    unlock(&guard);
}

static struct header *take(unsigned class) {
    lock(&guard);
    struct block *b = take_locked(class);
    unlock(&guard);
    return b ? &b->header : NULL;
}

void __malloc_fork(enum fork_step step) {
    fork_lock(&guard, step);
}

/* --- Mappings -------------------------------------------------------------------------------- */

static struct header *map(size_t n) {
    size_t size = ALIGN_UP(n + sizeof(struct header), PAGE);
    struct header *h;

    if (n > PTRDIFF_MAX - 2 * PAGE) return NULL;
    h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (h == MAP_FAILED) return NULL;
    *h = (struct header){.capacity = size - sizeof *h, .state = MAPPED};
    return h;
}

/* Grown or shrunk, here or elsewhere; NULL when that cannot be had, and the old block stays. */
static struct header *remap(struct header *h, size_t n) {
    size_t size = ALIGN_UP(n + sizeof *h, PAGE);

    if (n > PTRDIFF_MAX - 2 * PAGE) return NULL;
    struct header *moved = mremap(h, h->capacity + sizeof *h, size, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) return NULL;
    moved->capacity = size - sizeof *h;
    return moved;
}

/* --- From pointer to header ------------------------------------------------------------------ */

static _Noreturn void misused(const char *what) {
    raw(write, STDERR_FILENO, what, strlen(what));
    abort();
}

static struct header *header_of(void *p) {
    struct header *h = (struct header *)p - 1;

    if ((uintptr_t)p % GRAIN) misused("free or realloc of what malloc did not give\n");
    if (h->state == INSIDE) h = (struct header *)(void *)((char *)h - h->capacity);
    if (h->state == FREE) misused("free or realloc of a block that is free\n");
    if (h->state != IN_USE && h->state != MAPPED)
        misused("free or realloc of what malloc did not give\n");
    return h;
}

size_t malloc_usable_size(void *p) {
    if (!p) return 0;
    struct header *h = header_of(p);
    return h->capacity - (size_t)((char *)p - (char *)(h + 1));
}

/* --- The calls ------------------------------------------------------------------------------- */

void *malloc(size_t n) {
    struct header *h = n > LARGEST ? map(n) : take(class_of(n ? n : 1));

    if (h) return h + 1;
    errno = ENOMEM;
    return NULL;
}

void free(void *p) {
    if (!p) return;
    struct header *h = header_of(p);
    int before = errno;

    if (p != h + 1) ((struct header *)p)[-1].state = FREE;
    if (h->state == MAPPED) munmap(h, h->capacity + sizeof *h);
    else give((struct block *)h);
    errno = before;
}

/* Fresh mappings are zero already, and touching them would bring their pages in. */
void *calloc(size_t count, size_t size) {
    size_t n;

    if (__builtin_mul_overflow(count, size, &n)) n = SIZE_MAX;
    void *p = malloc(n);
    if (p && header_of(p)->state != MAPPED) memset(p, 0, n);
    return p;
}

/* A block shrinks where it is unless that would keep more than half of it for nothing. */
static bool fits_well(const struct header *h, size_t capacity, size_t n) {
    return n <= capacity && (h->state == MAPPED ? n > LARGEST : n > capacity / 2 || capacity <= 64);
}

void *realloc(void *p, size_t n) {
    if (!p) return malloc(n);
    struct header *h = header_of(p);
    size_t capacity = malloc_usable_size(p);

    if (h->state == MAPPED && n > LARGEST && p == h + 1) {
        struct header *moved = remap(h, n);
        if (moved) return moved + 1;
    } else if (fits_well(h, capacity, n)) {
        return p;
    } else {
        void *other = malloc(n);
        if (other) {
            memcpy(other, p, n < capacity ? n : capacity);
            free(p);
            return other;
        }
    }
    if (n <= capacity) return p; /* it need not move */
    errno = ENOMEM;
    return NULL;
}

void *reallocarray(void *p, size_t count, size_t size) {
    size_t n;

    return realloc(p, __builtin_mul_overflow(count, size, &n) ? SIZE_MAX : n);
}

/* --- Aligned to more than 16 ----------------------------------------------------------------- */

void *memalign(size_t alignment, size_t n) {
    if (alignment & (alignment - 1) || alignment == 0) {
        errno = EINVAL;
        return NULL;
    }
    if (alignment <= GRAIN) return malloc(n);
    size_t with_slack;
    char *p = malloc(__builtin_add_overflow(n, alignment, &with_slack) ? SIZE_MAX : with_slack);
    if (!p || ((uintptr_t)p & (alignment - 1)) == 0) return p;

    char *aligned = (char *)ALIGN_UP((uintptr_t)p, alignment);
    struct header *inside = (struct header *)(void *)aligned - 1;
    *inside = (struct header){.capacity = (size_t)(aligned - p), .state = INSIDE};
    return aligned;
}

void *aligned_alloc(size_t alignment, size_t n) {
    return memalign(alignment, n);
}

int posix_memalign(void **to, size_t alignment, size_t n) {
    int before = errno;

    if (alignment < sizeof(void *) || alignment & (alignment - 1)) return EINVAL;
    void *p = memalign(alignment, n);
    errno = before;
    if (!p) return ENOMEM;
    *to = p;
    return 0;
}
