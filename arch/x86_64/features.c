/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What programs are told about the CPU, and its random number generator, where it has one (RDRAND; SDM
 * Vol. 1, 7.3.17).
 */
#include "arch/cpu.h"
#include "arch/x86_64/x86.h"

bool cpu_random(uint64_t *out) {
    if (!(cpuid(1, 0).ecx >> 30 & 1)) return false;
    /* It may be drained for a moment; Intel's advice is ten tries. */
    for (int tries = 0; tries < 10; tries++) {
        bool good;
        __asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(good));
        if (good) return true;
    }
    return false;
}

uint32_t cpu_features(void) {
    return cpuid(1, 0).edx;
}
