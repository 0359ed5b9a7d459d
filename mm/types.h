/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The three kinds of number that must never mix, and the size of a page.
 *
 *   paddr_t  a byte address in physical memory
 *   vaddr_t  a byte address in a virtual address space (kernel's or a process's)
 *   pfn_t    a frame's number: paddr >> PAGE_SHIFT; 32 bits reach 16 TiB
 *
 * They are plain integers, so that arithmetic reads as arithmetic; the names are the discipline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t;
typedef uint64_t vaddr_t;
typedef uint32_t pfn_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (PAGE_SIZE - 1)

/* User space is [USER_MIN, USER_MAX): page 0 is never mapped, and the last page below the canonical
 * hole stays empty so that no SYSCALL can return to a non-canonical address (SDM Vol. 2, SYSRET). */
#define USER_MIN 0x1000ul
#define USER_MAX 0x7ffffffff000ul

#define NO_PFN ((pfn_t)~0u)

static inline uint64_t page_floor(uint64_t x) {
    return x & ~PAGE_MASK;
}

/* Callers have checked that x + PAGE_MASK cannot wrap. */
static inline uint64_t page_ceil(uint64_t x) {
    return (x + PAGE_MASK) & ~PAGE_MASK;
}

static inline uint64_t pages_in(uint64_t bytes) {
    return bytes >> PAGE_SHIFT;
}
