/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Vector registers in tests: all sixteen loaded from a table and stored to one, in one piece of assembly with what is to
 * happen between; the control registers of SSE and of the x87 likewise. What the CPU says that it has (CPUID) must be used:
 * a kernel that leaves AVX off does not get away with sixteen bytes of each.
 *
 *     r14   a structure with vin, vout; mxcsr_in, mxcsr_out; control_in, control_out; x87_in, x87_out
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EACH_VECTOR(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define LOAD_AVX(n)  "vmovdqu %c[vin]+32*" #n "(%%r14), %%ymm" #n "\n"
#define STORE_AVX(n) "vmovdqu %%ymm" #n ", %c[vout]+32*" #n "(%%r14)\n"
#define LOAD_SSE(n)  "movdqu %c[vin]+32*" #n "(%%r14), %%xmm" #n "\n"
#define STORE_SSE(n) "movdqu %%xmm" #n ", %c[vout]+32*" #n "(%%r14)\n"

#define LOAD_FLOAT  "fldcw %c[ci](%%r14)\nfldl %c[x](%%r14)\nldmxcsr %c[mi](%%r14)\n"
#define STORE_FLOAT "stmxcsr %c[mo](%%r14)\nfnstcw %c[co](%%r14)\nfstpl %c[y](%%r14)\n"

#define VECTOR_FIELDS(type)                                                                              \
    [vin] "i"(offsetof(type, vin)), [vout] "i"(offsetof(type, vout)), [x] "i"(offsetof(type, x87_in)),     \
        [y] "i"(offsetof(type, x87_out)), [mi] "i"(offsetof(type, mxcsr_in)), [mo] "i"(offsetof(type, mxcsr_out)), \
        [ci] "i"(offsetof(type, control_in)), [co] "i"(offsetof(type, control_out))

#define VECTORS_LOST                                                                                           \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
        "xmm13", "xmm14", "xmm15"

#define MXCSR_USUAL   0x1f80u
#define MXCSR_DOWN    0x2000u /* rounds towards minus infinity */
#define CONTROL_USUAL 0x37fu
#define CONTROL_UP    0x800u  /* rounds towards plus infinity */

__attribute__((unused)) static void float_as_usual(void) {
    const uint32_t mxcsr = MXCSR_USUAL;
    __asm__ volatile("fninit\nldmxcsr %0" ::"m"(mxcsr));
}

/* Does the CPU have AVX? */
__attribute__((unused)) static bool has_avx(void) {
    uint32_t a = 1, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return c & 1u << 28;
}

/* Has the kernel enabled it? */
__attribute__((unused)) static bool avx_enabled(void) {
    uint32_t a = 1, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c & 1u << 27)) return false; /* OSXSAVE */
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & 6) == 6;
}
