/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The user's x87, SSE, AVX and AVX-512 registers: XSAVE where the CPU has it, else FXSAVE (SDM Vol. 1,
 * chapter 13). The kernel is compiled without them, so they change hands at a switch of threads alone.
 *
 * MISSING  MPX, PKRU and AMX: not enabled, so programs do not see them.
 */
#include <asm/errno.h>

#include "arch/context.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"
#include "libc/core/string.h"

#define XCR0_WANTED 0xe7u /* x87, SSE, AVX, AVX-512 (three parts) */
#define AREA_FCW    0
#define AREA_MXCSR  24
#define AREA_MXCSR_MASK 28

/* The words of an XSAVE header. */
enum { XSTATE_BV, XCOMP_BV, HEADER_REST };

int fpu_xrstor(const void *area);  /* fpurestore.asm */
int fpu_fxrstor(const void *area);
extern const char fpu_xrstor_at[], fpu_fxrstor_at[], fpu_restore_bad[];

static size_t area_size = FXSAVE_SIZE;
static uint64_t features = 3;      /* x87 and SSE */
static uint32_t mxcsr_mask = 0xffbf; /* if FXSAVE says 0 */
static uint8_t initial[FPU_AREA_MAX] __attribute__((aligned(64)));

/* Each CPU does this; all are alike. */
static void enable(void) {
    struct cpuid d = cpuid(0xd, 0);
    features = d.eax & XCR0_WANTED;
    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)features), "d"(0));
    area_size = cpuid(0xd, 0).ebx; /* for what XCR0 enables now */
    ASSERT(area_size <= FPU_AREA_MAX);
}

static void read_mxcsr_mask(void) {
    static uint8_t probe[FXSAVE_SIZE] __attribute__((aligned(64)));
    uint32_t mask;
    __asm__ volatile("fxsave64 (%0)" ::"r"(probe) : "memory");
    memcpy(&mask, probe + AREA_MXCSR_MASK, sizeof mask);
    if (mask) mxcsr_mask = mask;
}

void fpu_init(void) {
    if (cpu_caps.xsave) enable();
    read_mxcsr_mask();
    fpu_init_area(initial);
}

uint64_t fpu_features(void) {
    return features;
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

void fpu_load_initial(void) {
    fpu_load(initial);
}

/* ---- what a program wrote ---- */

void fpu_legacy_header(void *area) {
    const uint64_t bv = 3;
    if (!cpu_caps.xsave) return;
    memset((char *)area + FXSAVE_SIZE, 0, XSAVE_HEADER);
    memcpy((char *)area + FXSAVE_SIZE, &bv, sizeof bv);
}

/* SDM Vol. 1, 13.8.1: what XRSTOR's standard form refuses. */
static bool header_ok(const void *area) {
    uint64_t h[XSAVE_HEADER / 8];
    memcpy(h, (const char *)area + FXSAVE_SIZE, sizeof h);
    if (h[XSTATE_BV] & ~features || h[XCOMP_BV]) return false;
    for (unsigned i = HEADER_REST; i < XSAVE_HEADER / 8; i++)
        if (h[i]) return false;
    return true;
}

int fpu_restore(const void *area) {
    uint32_t mxcsr;
    memcpy(&mxcsr, (const char *)area + AREA_MXCSR, sizeof mxcsr);
    if (mxcsr & ~mxcsr_mask) return -EFAULT;
    if (!cpu_caps.xsave) return fpu_fxrstor(area);
    return header_ok(area) ? fpu_xrstor(area) : -EFAULT;
}

uint64_t fpu_fixup(uint64_t rip) {
    return rip == (uint64_t)fpu_xrstor_at || rip == (uint64_t)fpu_fxrstor_at ? (uint64_t)fpu_restore_bad : 0;
}

unsigned fpu_exceptions(bool simd) {
    uint32_t mxcsr;
    uint16_t control, status;
    if (simd) {
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        return mxcsr & ~(mxcsr >> 7) & 0x3f;
    }
    __asm__ volatile("fnstcw %0" : "=m"(control));
    __asm__ volatile("fnstsw %0" : "=m"(status));
    return (unsigned)status & ~(unsigned)control & 0x3f;
}
