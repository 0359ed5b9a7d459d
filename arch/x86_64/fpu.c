/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The user's x87, SSE, AVX and AVX-512 registers: XSAVE where the CPU has it, else FXSAVE (SDM Vol. 1,
 * chapter 13). The kernel is compiled without them, so they change hands at a switch of threads alone.
 *
 * MISSING  MPX, PKRU and AMX: not enabled, so programs do not see them.
 */
#include "arch/context.h"
#include "arch/x86_64/x86.h"
#include "libc/core/string.h"

#define XCR0_WANTED 0xe7u /* x87, SSE, AVX, AVX-512 (three parts) */
#define AREA_FCW    0
#define AREA_MXCSR  24
#define FXSAVE_SIZE 512
#define XSAVE_HEADER 64

static size_t area_size = FXSAVE_SIZE;

void fpu_init(void) {
    if (!cpu_caps.xsave) return;
    struct cpuid d = cpuid(0xd, 0);
    uint32_t on = d.eax & XCR0_WANTED;
    __asm__ volatile("xsetbv" ::"c"(0), "a"(on), "d"(0));
    area_size = cpuid(0xd, 0).ebx; /* for what XCR0 enables now */
}

size_t fpu_size(void) {
    return area_size;
}

void fpu_init_area(void *area) {
    uint16_t fcw = 0x37f;
    uint32_t mxcsr = 0x1f80;
    memset(area, 0, area_size); /* XSTATE_BV = 0: every component in its initial state */
    memcpy((char *)area + AREA_FCW, &fcw, sizeof fcw);
    memcpy((char *)area + AREA_MXCSR, &mxcsr, sizeof mxcsr);
}

/* XSAVE writes no more of the header than XSTATE_BV, and XRSTOR faults if the rest is not zero (SDM Vol. 1,
 * 13.8): an area that was never initialised gets its header here. */
void fpu_save(void *area) {
    if (cpu_caps.xsave) memset((char *)area + FXSAVE_SIZE, 0, XSAVE_HEADER);
    if (cpu_caps.xsave) __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
    else __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

/* For a switch of threads: into the area that this thread was loaded from. */
void fpu_put_back(void *area) {
    if (cpu_caps.xsaveopt) __asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
    else if (cpu_caps.xsave) __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
    else __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

void fpu_load(const void *area) {
    if (cpu_caps.xsave) __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
    else __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}
