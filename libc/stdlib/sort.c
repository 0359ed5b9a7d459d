/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sorting and searching (C17 7.22.5).
 *
 * Heapsort: n log n whatever the input, in place, no recursion and no allocation; it does not keep
 * the order of equal elements, which C does not ask.
 *
 *     0            the largest of the unsorted part stands at 0,
 *    1  2          children of i at 2i+1 and 2i+2; it is swapped to the
 *   3 4 5 6        end, and its replacement sinks to its place
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int compare_arg(const void *, const void *, void *);
typedef int compare_plain(const void *, const void *);

struct array {
    char *base;
    size_t size;
    compare_arg *compare;
    void *arg;
};

static void swap(const struct array *a, size_t i, size_t j) {
    char *p = a->base + i * a->size;
    char *q = a->base + j * a->size;
    char piece[64];

    for (size_t left = a->size; left;) {
        size_t n = left < sizeof piece ? left : sizeof piece;
        memcpy(piece, p, n);
        memcpy(p, q, n);
        memcpy(q, piece, n);
        p += n;
        q += n;
        left -= n;
    }
}

static int larger(const struct array *a, size_t i, size_t j) {
    return a->compare(a->base + i * a->size, a->base + j * a->size, a->arg) > 0;
}

static void sink(const struct array *a, size_t i, size_t count) {
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && larger(a, child + 1, child)) child++;
        if (!larger(a, child, i)) return;
        swap(a, child, i);
    }
}

void qsort_r(void *base, size_t count, size_t size, compare_arg *compare, void *arg) {
    struct array a = {base, size, compare, arg};

    if (count < 2 || size == 0) return;
    for (size_t i = count / 2; i-- > 0;) sink(&a, i, count);
    while (--count) {
        swap(&a, 0, count);
        sink(&a, 0, count);
    }
}

static int without_arg(const void *a, const void *b, void *compare) {
    return (*(compare_plain **)compare)(a, b);
}

void qsort(void *base, size_t count, size_t size, compare_plain *compare) {
    qsort_r(base, count, size, without_arg, &compare);
}

void *bsearch(const void *key, const void *base, size_t count, size_t size,
              compare_plain *compare) {
    const char *low = base;

    while (count) {
        const char *middle = low + count / 2 * size;
        int order = compare(key, middle);
        if (order == 0) return (void *)(uintptr_t)middle;
        if (order > 0) {
            low = middle + size;
            count -= count / 2 + 1;
        } else {
            count /= 2;
        }
    }
    return NULL;
}
