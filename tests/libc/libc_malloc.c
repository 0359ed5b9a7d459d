/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The malloc family: contents survive whatever order things are allocated and freed in; alignment;
 * limits.
 *
 * The random part keeps up to 300 blocks, each filled with a pattern of its own, and checks the
 * pattern before it frees or resizes one. MALLOC_SEED=n repeats a run.
 */
#include "tests/tap.h"

#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 300
#define STEPS  20000

static struct block {
    unsigned char *at;
    size_t size;
    unsigned char pattern;
} blocks[BLOCKS];

static uint32_t state;

static uint32_t next(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Mostly small, sometimes at the border of a class, rarely a mapping of its own. */
static size_t random_size(void) {
    switch (next() % 16) {
    case 0: return (1u << next() % 17) - 1 + next() % 3;
    case 1: return 32768 - 2 + next() % 5;
    case 2: return next() % 200000;
    default: return next() % 600;
    }
}

static void fill(struct block *b, size_t from) {
    memset(b->at + from, b->pattern, b->size - from);
}

static bool intact(const struct block *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (b->at[i] != b->pattern) return false;
    return true;
}

static bool allocate(struct block *b) {
    size_t alignment = 16;

    b->size = random_size();
    b->pattern = (unsigned char)next();
    switch (next() % 4) {
    case 0:
        b->at = calloc(1, b->size);
        for (size_t i = 0; i < b->size; i++)
            if (b->at[i]) return false;
        break;
    case 1:
        alignment = 16u << next() % 9;
        b->at = aligned_alloc(alignment, b->size);
        break;
    default: b->at = malloc(b->size);
    }
    if (!b->at || (uintptr_t)b->at % alignment || malloc_usable_size(b->at) < b->size) return false;
    fill(b, 0);
    return true;
}

static bool resize(struct block *b) {
    size_t before = b->size;
    size_t size = random_size();
    unsigned char *moved = size ? realloc(b->at, size) : b->at;

    if (!size) return true;
    if (!moved) return false;
    b->at = moved;
    b->size = size;
    if (!intact(b, before < size ? before : size)) return false;
    fill(b, 0);
    return true;
}

static bool random_run(int steps) {
    for (; steps; steps--) {
        struct block *b = &blocks[next() % BLOCKS];
        if (!b->at) {
            if (!allocate(b)) return false;
            continue;
        }
        if (!intact(b, b->size)) return false;
        if (next() % 3 == 0) {
            if (!resize(b)) return false;
            continue;
        }
        free(b->at);
        b->at = NULL;
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].at && !intact(&blocks[i], blocks[i].size)) return false;
        free(blocks[i].at);
        blocks[i].at = NULL;
    }
    return true;
}

/* Freed blocks are used again: the same work twice takes no more memory the second time. */
static bool reuses(void) {
    void *first[100];
    bool found = false;
    void *p;

    for (int i = 0; i < 100; i++) first[i] = malloc(700);
    for (int i = 0; i < 100; i++) free(first[i]);
    p = malloc(690);
    for (int i = 0; i < 100; i++) found |= p == first[i];
    free(p);
    return found;
}

static bool large_goes_back(void) {
    unsigned char resident;
    char *p = malloc(1 << 20);
    char *page = (char *)((uintptr_t)p & -4096ul);

    if (!p || mincore(page, 4096, &resident)) return false;
    free(p);
    return mincore(page, 4096, &resident) == -1 && errno == ENOMEM;
}

/* The status of a child that does what malloc must notice. */
static int misuse(int how) {
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        char *p = malloc(100);
        close(STDERR_FILENO);
        if (how == 0) free(p);
        free(how == 1 ? p + 16 : p);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void test_failures(void) {
    void *p = malloc(10), *q = p;
    size_t huge = PTRDIFF_MAX;
    __asm__("" : "+r"(huge)); /* gcc need not know what is asked for */

    errno = 0;
    ok(!malloc(huge) && errno == ENOMEM, "malloc of half the address space: ENOMEM");
    errno = 0;
    ok(!malloc(huge * 2 + 1) && errno == ENOMEM, "malloc of SIZE_MAX: ENOMEM");
    errno = 0;
    ok(!calloc(huge, 4) && errno == ENOMEM, "calloc whose product wraps: ENOMEM");
    errno = 0;
    ok(!reallocarray(p, huge, 4) && errno == ENOMEM,
       "reallocarray whose product wraps: ENOMEM, and p stays");
    errno = 0;
    ok(posix_memalign(&q, 24, 1) == EINVAL && posix_memalign(&q, 4, 1) == EINVAL && q == p &&
           errno == 0,
       "posix_memalign wants a power of two that holds a pointer, and leaves errno alone");
    ok(posix_memalign(&q, 4096, huge) == ENOMEM && q == p, "posix_memalign: ENOMEM");
    errno = 0;
    ok(!aligned_alloc(48, 48) && errno == EINVAL, "aligned_alloc: EINVAL");
    free(p);
    errno = 77;
    p = malloc(1 << 20);
    free(p);
    is_int(errno, 77, "free keeps errno");
}

static void test_small_things(void) {
    void *p = malloc(0), *q = malloc(0);

    ok(p && q && p != q, "malloc(0) answers a pointer of its own");
    free(p);
    free(q);
    free(NULL);
    ok(malloc_usable_size(NULL) == 0, "the usable size of NULL");
    p = realloc(NULL, 5);
    ok(p != NULL, "realloc(NULL, n) is malloc");
    free(p);
    ok(posix_memalign(&p, 2 << 20, 5000) == 0 && (uintptr_t)p % (2 << 20) == 0, "aligned to 2 MiB");
    memset(p, 1, 5000);
    p = realloc(p, 60000);
    ok(p && ((char *)p)[4999] == 1, "an aligned block can be resized");
    free(p);
}

static uint32_t chance(void) {
    uint32_t n = 1;

    if (getentropy(&n, sizeof n)) diag("no entropy");
    return n;
}

int main(void) {
    const char *given = getenv("MALLOC_SEED");

    plan(18);
    state = given ? (uint32_t)strtoul(given, NULL, 10) : chance();
    diag("MALLOC_SEED=%u", state);
    ok(random_run(STEPS), "%d random steps lose no byte", STEPS);
    ok(random_run(STEPS), "and again, on used memory");
    ok(reuses(), "a freed block is used again");
    ok(large_goes_back(), "a large block goes back to the kernel when freed");
    is_int(misuse(0), SIGABRT, "a second free aborts");
    test_small_things();
    test_failures();
    return done_testing();
}
